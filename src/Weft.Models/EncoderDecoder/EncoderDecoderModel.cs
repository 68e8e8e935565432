using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.EncoderDecoder;

/// <summary>An encoder-decoder transformer: reads a text, then writes another one token by token (Vaswani et al. 2017, arXiv:1706.03762).</summary>
/// <remarks>Shapes: source ids [B, S], target ids [B, T] -> logits [B, T, V]; row t predicts the token after target token t.</remarks>
public sealed class EncoderDecoderModel : Layer
{
    private static readonly SequenceSettings s_plain = new();
    private readonly EncoderDecoderBlock[] _encoder, _decoder;
    private readonly Tensor? _sinusoids;

    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public EncoderDecoderModel(EncoderDecoderConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        (Config, DType) = (config, dtype);
        int C = config.HiddenSize;
        TokenEmbedding = new Embedding("embedding.tokens", config.VocabularySize, C, dtype);
        DecoderEmbedding = config.DecoderVocabularySize == 0 ? null : new Embedding("decoder.embedding.tokens", config.DecoderVocabularySize, C, dtype);
        if (config.Positions == SequencePositions.Learned)
        {
            EncoderPositions = new Embedding("encoder.positions", config.ContextLength + config.PositionOffset, C, dtype);
            DecoderPositions = new Embedding("decoder.positions", config.ContextLength + config.PositionOffset, C, dtype);
        }
        if (config.Positions == SequencePositions.Sinusoidal) _sinusoids = PositionTables.Sinusoidal(config.ContextLength, C, interleaved: false, dtype);
        if (config.Positions == SequencePositions.RelativeBuckets)
        {
            EncoderDistances = new Embedding("encoder.distances", config.BucketCount, config.EncoderHeadCount, dtype);
            DecoderDistances = new Embedding("decoder.distances", config.BucketCount, config.DecoderHeadCount, dtype);
        }
        if (config.EmbeddingNorm) (EncoderEmbeddingNorm, DecoderEmbeddingNorm) = (CreateNorm("encoder.embedding_norm", config, dtype), CreateNorm("decoder.embedding_norm", config, dtype));
        _encoder = [.. Enumerable.Range(0, config.EncoderBlockCount).Select(l => new EncoderDecoderBlock($"encoder.blocks.{l}", l, config, decodes: false, dtype))];
        _decoder = [.. Enumerable.Range(0, config.DecoderBlockCount).Select(l => new EncoderDecoderBlock($"decoder.blocks.{l}", l, config, decodes: true, dtype))];
        if (config.FinalNorm) (EncoderNorm, DecoderNorm) = (CreateNorm("encoder.norm", config, dtype), CreateNorm("decoder.norm", config, dtype));
        Head = config.TieEmbeddings ? null : new Linear("head", C, config.OutputSize, bias: false, dtype);
        if (config.LogitsBias) LogitsBias = Tensor.Zeros([1, config.OutputSize], dtype);
        if (LogitsBias is not null) LogitsBias.Name = "logits_bias";
        Layer?[] parts =
        [
            TokenEmbedding, DecoderEmbedding, EncoderPositions, DecoderPositions, EncoderDistances, DecoderDistances, EncoderEmbeddingNorm, DecoderEmbeddingNorm,
            .. _encoder, EncoderNorm, .. _decoder, DecoderNorm, Head,
        ];
        Parameters = [.. parts.SelectMany(static p => p?.Parameters ?? [])];
    }

    /// <summary>The architecture.</summary>
    public EncoderDecoderConfig Config { get; }

    /// <summary>The element type of weights and activations.</summary>
    public DType DType { get; }

    /// <summary>A vector per token id, of both texts unless the decoder has its own: [V, C].</summary>
    public Embedding TokenEmbedding { get; }

    /// <summary>The decoder's own embedding; null where both share one.</summary>
    public Embedding? DecoderEmbedding { get; }

    /// <summary>A vector per position of the text that is read; null for other position schemes.</summary>
    public Embedding? EncoderPositions { get; }

    /// <summary>A vector per position of the text that is written; null for other position schemes.</summary>
    public Embedding? DecoderPositions { get; }

    /// <summary>A number per distance and head: [buckets, H]; null for other position schemes.</summary>
    public Embedding? EncoderDistances { get; }

    /// <summary>A number per distance back and head: [buckets, H]; null for other position schemes.</summary>
    public Embedding? DecoderDistances { get; }

    /// <summary>After the encoder's embeddings; null where there is none.</summary>
    public Normalization? EncoderEmbeddingNorm { get; }

    /// <summary>After the decoder's embeddings; null where there is none.</summary>
    public Normalization? DecoderEmbeddingNorm { get; }

    /// <summary>After the encoder's last block; null where there is none.</summary>
    public Normalization? EncoderNorm { get; }

    /// <summary>After the decoder's last block; null where there is none.</summary>
    public Normalization? DecoderNorm { get; }

    /// <summary>The map to logits: [V, C]; null where the embedding serves.</summary>
    public Linear? Head { get; }

    /// <summary>Added to the logits, not trained: [1, V]; null where there is none.</summary>
    public Tensor? LogitsBias { get; }

    /// <summary>The blocks that read.</summary>
    public IReadOnlyList<EncoderDecoderBlock> EncoderBlocks => _encoder;

    /// <summary>The blocks that write.</summary>
    public IReadOnlyList<EncoderDecoderBlock> DecoderBlocks => _decoder;

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Buffers => LogitsBias is null ? [] : [LogitsBias];

    /// <summary>Draws initial weights: Gaussian matrices; gains 1 and offsets 0 stay.</summary>
    public EncoderDecoderModel Initialize(RandomGenerator generator)
    {
        foreach (Tensor parameter in Parameters)
            if (parameter.Rank >= 2) generator.FillGaussian(parameter.Detach(), 0, Config.InitializerRange);
        return this;
    }

    /// <summary>Reads texts. Shapes: ids [B, S] Int32 -> [B, S, C].</summary>
    /// <exception cref="ArgumentException">The ids are not a matrix, or there are more than the position table numbers.</exception>
    public Tensor Encode(Tensor ids, SequenceSettings? settings = null)
    {
        settings ??= s_plain;
        int B = Check(ids, 0), S = ids.Shape[1];
        Tensor x = Embed(ids, TokenEmbedding, EncoderPositions, EncoderEmbeddingNorm, 0); // [B, S, C]
        x = Begin(x, "encoder", settings);
        Tensor? hidden = settings.SourceMask?.LogicalNot().Reshape(B, 1, 1, S);
        Tensor? bias = EncoderDistances is null ? null : Distances(EncoderDistances, S, S, bidirectional: true);
        foreach (EncoderDecoderBlock block in _encoder) x = block.Forward(x, hidden, bias, null, null, settings);
        return End(x, EncoderNorm, "encoder", settings);
    }

    /// <summary>Writes on: logits after each given token. Shapes: ids [B, T] Int32, memory [B, S, C] -> [B, T, V].</summary>
    /// <inheritdoc cref="Encode"/>
    public Tensor Decode(Tensor ids, Tensor memory, SequenceSettings? settings = null)
    {
        settings ??= s_plain;
        int first = settings.Cache?.Count ?? 0, B = Check(ids, first), T = ids.Shape[1], all = first + T;
        Tensor x = Embed(ids, DecoderEmbedding ?? TokenEmbedding, DecoderPositions, DecoderEmbeddingNorm, first); // [B, T, C]
        x = Begin(x, "decoder", settings);
        Tensor? hidden = T > 1 ? Triangles.UpperMask(T, all, first + 1) : null;     // [T, all]
        if (settings.TargetMask is { } given)
        {
            Tensor padding = given.LogicalNot().Reshape(B, 1, 1, all);
            hidden = hidden is null ? padding : padding.LogicalOr(hidden);
        }
        Tensor? bias = DecoderDistances is null ? null : Distances(DecoderDistances, T, all, bidirectional: false);
        Tensor? memoryHidden = settings.SourceMask?.LogicalNot().Reshape(B, 1, 1, -1);
        foreach (EncoderDecoderBlock block in _decoder) x = block.Forward(x, hidden, bias, memory, memoryHidden, settings);
        settings.Cache?.Advance(T);
        x = End(x, DecoderNorm, "decoder", settings);
        if (Config.ScaleHeadInput) x *= 1 / Math.Sqrt(Config.HiddenSize);
        return x.Linear(Head?.Weight ?? (DecoderEmbedding ?? TokenEmbedding).Weight, LogitsBias?.Select(0, 0)); // [B, T, V]
    }

    /// <summary>Reads one text and predicts each token of the other. Shapes: source [B, S], target [B, T] -> [B, T, V].</summary>
    /// <inheritdoc cref="Encode"/>
    public Tensor Forward(Tensor source, Tensor target, SequenceSettings? settings = null) => Decode(target, Encode(source, settings), settings);

    /// <summary>What the decoder is fed in training: the start token, then the labels without the last; ignored ones become padding.</summary>
    public Tensor ShiftRight(Tensor labels)
    {
        int T = labels.Shape[1];
        int[] ids = labels.ToArray<int>(), shifted = new int[ids.Length];
        for (int i = 0; i < ids.Length; i++) shifted[i] = i % T == 0 ? Config.StartId : ids[i - 1] < 0 ? Config.PaddingId : ids[i - 1];
        return Tensor.From(shifted, labels.Shape);
    }

    internal static Normalization CreateNorm(string name, EncoderDecoderConfig config, DType dtype) =>
        config.RmsNorms ? new RmsNorm(name, config.HiddenSize, config.NormalizationEpsilon, dtype) : new LayerNorm(name, config.HiddenSize, config.NormalizationEpsilon, bias: true, dtype);

    private Tensor Embed(Tensor ids, Embedding tokens, Embedding? positions, Normalization? norm, int first)
    {
        int T = ids.Shape[1];
        Tensor x = tokens.Weight.Embedding(ids, Config.FreezesPadding ? Config.PaddingId : null); // [B, T, C]
        if (Config.ScaleEmbedding) x *= Math.Sqrt(Config.HiddenSize);
        if (positions is not null) x += positions.Weight.Narrow(0, first + Config.PositionOffset, T);
        if (_sinusoids is not null) x += _sinusoids.Narrow(0, first, T);
        return norm?.Forward(x) ?? x;
    }

    private static Tensor Begin(Tensor x, string stack, SequenceSettings settings)
    {
        if (settings.Dropout is { } dropout) x = dropout.Apply(x, stack + ".embedding");
        settings.Tap?.Invoke(stack + ".embedding", x);
        return x;
    }

    private static Tensor End(Tensor x, Normalization? norm, string stack, SequenceSettings settings)
    {
        if (norm is not null) x = norm.Forward(x);
        if (settings.Dropout is { } dropout && norm is not null) x = dropout.Apply(x, stack + ".norm");
        settings.Tap?.Invoke(stack + ".norm", x);
        return x;
    }

    // The table's numbers for the last T of S positions against all S. Shapes: -> [1, H, T, S].
    private Tensor Distances(Embedding table, int T, int S, bool bidirectional)
    {
        int[] buckets = new int[T * S];
        for (int i = 0; i < T; i++)
            for (int j = 0; j < S; j++)
                buckets[i * S + j] = PositionTables.RelativeBucket(j - (S - T + i), bidirectional, Config.BucketCount, Config.MaximumDistance);
        return table.Forward(Tensor.From(buckets, [T, S])).Permute(2, 0, 1).Unsqueeze(0);
    }

    private int Check(Tensor ids, int first)
    {
        if (ids.Rank != 2 || ids.DType != DType.Int32) throw new ArgumentException($"EncoderDecoderModel: ids must be Int32 [B, T], not {ids.DType} {ids.Shape}.");
        if (Config.ContextLength > 0 && first + ids.Shape[1] > Config.ContextLength) throw new ArgumentException($"EncoderDecoderModel: {first + ids.Shape[1]} tokens, but the position table holds {Config.ContextLength}.");
        return ids.Shape[0];
    }
}

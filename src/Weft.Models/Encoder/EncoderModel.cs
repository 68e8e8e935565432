using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Models.Encoder;

/// <summary>An encoder: reads a text in both directions at once (Devlin et al. 2019, arXiv:1810.04805).</summary>
/// <remarks>Embed, blocks, head. Shapes: ids [B, T] -> hidden states [B, T, C], or what the head answers.</remarks>
public sealed class EncoderModel : Layer
{
    private static readonly EncoderSettings s_plain = new();
    private readonly EncoderBlock[] _blocks;

    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public EncoderModel(EncoderConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        (Config, DType) = (config, dtype);
        int E = config.ResolvedEmbeddingSize;
        TokenEmbedding = new Embedding("embedding.tokens", config.VocabularySize, E, dtype);
        PositionEmbedding = new Embedding("embedding.positions", config.PositionCount, E, dtype);
        TypeEmbedding = config.TokenTypeCount > 0 ? new Embedding("embedding.types", config.TokenTypeCount, E, dtype) : null;
        EmbeddingNorm = new LayerNorm("embedding.norm", E, config.NormalizationEpsilon, bias: true, dtype);
        EmbeddingProjection = config.ProjectsEmbeddings ? new Linear("embedding.projection", E, config.HiddenSize, bias: true, dtype) : null;
        int count = config.GroupCount == 0 ? config.BlockCount : config.GroupCount * config.GroupSize;
        _blocks = [.. Enumerable.Range(0, count).Select(l => new EncoderBlock($"blocks.{l}", config, dtype))];
        Pooler = config.HasPooler ? new Linear("pooler", config.HiddenSize, config.HiddenSize, bias: true, dtype) : null;
        Answer = config.Head == EncoderHead.None ? null : new EncoderAnswer(config, dtype);
        Parameters =
        [
            .. TokenEmbedding.Parameters, .. PositionEmbedding.Parameters, .. TypeEmbedding?.Parameters ?? [], .. EmbeddingNorm.Parameters, .. EmbeddingProjection?.Parameters ?? [],
            .. _blocks.SelectMany(static b => b.Parameters), .. Pooler?.Parameters ?? [], .. Answer?.Parameters ?? [],
        ];
    }

    /// <summary>The architecture.</summary>
    public EncoderConfig Config { get; }

    /// <summary>The element type of weights and activations.</summary>
    public DType DType { get; }

    /// <summary>A vector per token id: [V, E].</summary>
    public Embedding TokenEmbedding { get; }

    /// <summary>A vector per position.</summary>
    public Embedding PositionEmbedding { get; }

    /// <summary>A vector per token type; null where there are none.</summary>
    public Embedding? TypeEmbedding { get; }

    /// <summary>After the sum of the embeddings.</summary>
    public LayerNorm EmbeddingNorm { get; }

    /// <summary>From the embeddings' width to C; null where they agree.</summary>
    public Linear? EmbeddingProjection { get; }

    /// <summary>The transformer layers that have weights of their own.</summary>
    public IReadOnlyList<EncoderBlock> Blocks => _blocks;

    /// <summary>The map of the first token: [C, C]; null where there is none.</summary>
    public Linear? Pooler { get; }

    /// <summary>The head; null where the hidden states are the answer.</summary>
    public EncoderAnswer? Answer { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Draws initial weights: Gaussian matrices; gains 1 and offsets 0 stay.</summary>
    public EncoderModel Initialize(RandomGenerator generator)
    {
        foreach (Tensor parameter in Parameters)
            if (parameter.Rank >= 2) generator.FillGaussian(parameter.Detach(), 0, Config.InitializerRange);
        return this;
    }

    /// <summary>Reads texts. Shapes: ids [B, T] Int32 -> the last block's hidden states, [B, T, C].</summary>
    /// <exception cref="ArgumentException">The ids are not a matrix, or there are more than the position table numbers.</exception>
    public Tensor Hidden(Tensor ids, EncoderSettings? settings = null)
    {
        settings ??= s_plain;
        if (ids.Rank != 2 || ids.DType != DType.Int32) throw new ArgumentException($"EncoderModel: ids must be Int32 [B, T], not {ids.DType} {ids.Shape}.");
        int B = ids.Shape[0], T = ids.Shape[1];
        if (T > Config.ContextLength) throw new ArgumentException($"EncoderModel: {T} tokens, but the position table holds {Config.ContextLength}.");
        if (settings.Mask is { } given && given.Shape != ids.Shape) throw new ArgumentException($"EncoderModel: the mask is {given.Shape}, but must be {ids.Shape}.");

        Tensor x = TokenEmbedding.Weight.Embedding(ids, Config.PaddingId);          // [B, T, E]
        x += Config.Positions == EncoderPositions.Counted ? PositionEmbedding.Weight.Narrow(0, 0, T) : PositionEmbedding.Weight.Embedding(PositionsAfterPadding(ids), Config.PaddingId);
        if (TypeEmbedding is not null) x += settings.TokenTypes is { } types ? TypeEmbedding.Forward(types) : TypeEmbedding.Weight.Narrow(0, 0, 1);
        x = EmbeddingNorm.Forward(x);
        if (settings.Dropout is { } dropout) x = dropout.Apply(x, "embedding");
        if (EmbeddingProjection is not null) x = EmbeddingProjection.Forward(x);    // [B, T, C]
        settings.Tap?.Invoke("embedding", x);

        Tensor? hidden = settings.Mask?.LogicalNot().Reshape(B, 1, 1, T);           // [B, 1, 1, T]
        if (Config.Causal) hidden = hidden is null ? Triangles.UpperMask(T, T, 1) : hidden.LogicalOr(Triangles.UpperMask(T, T, 1));
        for (int l = 0; l < Config.BlockCount; l++)
            foreach (EncoderBlock block in BlocksAt(l)) x = Through(new Pass(block, hidden, settings, $"blocks.{l}"), x); // [B, T, C]
        return x;
    }

    // Where nothing is learned and nobody looks, no activation outlives its block.
    private static Tensor Through(Pass pass, Tensor x) =>
        GradMode.IsEnabled || pass.Settings.Tap is not null ? pass.Run(x) : ActivationCheckpoint.Run(pass, x, static (pass, x) => pass.Run(x));

    private readonly record struct Pass(EncoderBlock Block, Tensor? Hidden, EncoderSettings Settings, string Site)
    {
        internal Tensor Run(Tensor x) => Block.Forward(x, Hidden, Settings, Site);
    }

    /// <summary>What the pooler makes of hidden states. Shapes: [B, T, C] -> [B, C].</summary>
    /// <exception cref="InvalidOperationException">The model has no pooler.</exception>
    public Tensor Pool(Tensor hidden) => (Pooler ?? throw new InvalidOperationException("EncoderModel: it has no pooler.")).Forward(hidden.Select(1, 0)).Tanh();

    /// <summary>Reads texts and answers with the head's logits.</summary>
    /// <exception cref="InvalidOperationException">The model has no head.</exception>
    /// <inheritdoc cref="Hidden"/>
    public EncoderLogits Forward(Tensor ids, EncoderSettings? settings = null)
    {
        if (Answer is null) throw new InvalidOperationException("EncoderModel: it has no head; Hidden gives the hidden states.");
        Tensor hidden = Hidden(ids, settings);
        return Answer.Forward(hidden, Pooler is null ? hidden.Select(1, 0) : Pool(hidden), TokenEmbedding.Weight);
    }

    // Blocks that repeat the weights of a group share them evenly: block l belongs to group l · groups / blocks.
    private ReadOnlySpan<EncoderBlock> BlocksAt(int l) =>
        Config.GroupCount == 0 ? _blocks.AsSpan(l, 1) : _blocks.AsSpan((int)((long)l * Config.GroupCount / Config.BlockCount) * Config.GroupSize, Config.GroupSize);

    private Tensor PositionsAfterPadding(Tensor ids)
    {
        int padding = Config.PaddingId ?? 0, T = ids.Shape[1];
        int[] positions = ids.ToArray<int>();
        for (int i = 0, count = 0; i < positions.Length; i++)
        {
            if (i % T == 0) count = 0;
            positions[i] = positions[i] == padding ? padding : padding + ++count;
        }
        return Tensor.From(positions, ids.Shape);
    }
}

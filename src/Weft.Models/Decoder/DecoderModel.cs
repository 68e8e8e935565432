using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>A decoder-only transformer: predicts each next token from those before it.</summary>
/// <remarks>Embed, blocks, norm, head. Shapes: ids [B, T] -> logits [B, T, V].</remarks>
public sealed class DecoderModel : Layer
{
    private static readonly ForwardSettings s_plain = new();
    private readonly DecoderBlock[] _blocks;

    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public DecoderModel(DecoderConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        Config = config;
        DType = dtype;
        BlockComposition parts = new(config, dtype);
        int E = config.ResolvedEmbeddingSize, C = config.HiddenSize;
        TokenEmbedding = new Embedding("embedding.tokens", config.VocabularySize, E, dtype);
        EmbeddingProjection = E == C ? null : new Linear("embedding.projection", E, C, bias: false, dtype);
        EmbeddingNorm = config.EmbeddingNorm ? parts.Norm("embedding.norm") : null;
        PositionEmbedding = config.Positions == PositionScheme.Learned ? new Embedding("embedding.positions", config.ContextLength + config.PositionOffset, C, dtype) : null;
        _blocks = [.. Enumerable.Range(0, config.BlockCount).Select(parts.Block)];
        Norm = config.FinalNorm ? parts.Norm("norm") : new NoNorm();
        OutputProjection = E == C ? null : new Linear("projection", C, E, bias: false, dtype);
        Head = config.TieEmbeddings ? null : new Linear("head", E, config.VocabularySize, config.HeadBias, dtype);
        HeadBias = Head is null && config.HeadBias ? Parameter("head.bias", [config.VocabularySize], dtype) : Head?.Bias;
        Parameters = [.. CollectParameters()];
    }

    /// <summary>The architecture.</summary>
    public DecoderConfig Config { get; }

    /// <summary>The element type of weights and activations.</summary>
    public DType DType { get; }

    /// <summary>A vector per token id: [V, C].</summary>
    public Embedding TokenEmbedding { get; }

    /// <summary>Maps token vectors to the residual stream where they are of another width; null where they are not.</summary>
    public Linear? EmbeddingProjection { get; }

    /// <summary>Normalises token vectors; null for most models.</summary>
    public Normalization? EmbeddingNorm { get; }

    /// <summary>A vector per position: [ContextLength, C]; null for other position schemes.</summary>
    public Embedding? PositionEmbedding { get; }

    /// <summary>The transformer layers, from the input to the output.</summary>
    public IReadOnlyList<DecoderBlock> Blocks => _blocks;

    /// <summary>Before the head.</summary>
    public Normalization Norm { get; }

    /// <summary>Maps the residual stream back to the width of token vectors; null where that is C.</summary>
    public Linear? OutputProjection { get; }

    /// <summary>The map to logits: [V, C]; null where the token embedding serves.</summary>
    public Linear? Head { get; }

    /// <summary>The offset of the logits, [V]; null for most models.</summary>
    public Tensor? HeadBias { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Buffers => _blocks.SelectMany(static b => b.Buffers);

    /// <summary>The number of weights, a tied head counted once.</summary>
    public long ParameterCount => Parameters.Sum(static p => (long)p.Count);

    /// <summary>
    /// Draws initial weights as GPT-2 does: normal with the configured deviation, those that write to the residual stream
    /// divided by sqrt(2 L), offsets 0, gains 1 (Radford et al. 2019, section 2.3).
    /// </summary>
    public DecoderModel Initialize(RandomGenerator generator)
    {
        double deviation = Config.InitializerRange;
        foreach (Tensor parameter in Parameters)
        {
            if (parameter.Rank < 2) continue;
            bool writesResidual = parameter.Name!.EndsWith("attention.output.weight", StringComparison.Ordinal) || parameter.Name.EndsWith("contract.weight", StringComparison.Ordinal);
            generator.FillGaussian(parameter.Detach(), 0, writesResidual ? deviation / Math.Sqrt(2 * Config.BlockCount) : deviation);
        }
        return this;
    }

    /// <summary>Predicts the token after each position.</summary>
    /// <param name="ids">Token ids, [B, T] Int32.</param>
    /// <param name="settings">Cache, dropout, positions and taps; null for none.</param>
    /// <returns>Logits, [B, T, V].</returns>
    /// <exception cref="ArgumentException">The ids are not a matrix, or there are more than the context length holds.</exception>
    public Tensor Forward(Tensor ids, ForwardSettings? settings = null) => Logits(Hidden(ids, settings));

    /// <summary>The final hidden states, normalised: what the head reads. Shapes: ids [B, T] -> [B, T, C].</summary>
    /// <inheritdoc cref="Forward"/>
    public Tensor Hidden(Tensor ids, ForwardSettings? settings = null)
    {
        settings ??= s_plain;
        if (ids.Rank != 2 || ids.DType != DType.Int32) throw new ArgumentException($"DecoderModel: ids must be Int32 [B, T], not {ids.DType} {ids.Shape}.");
        int T = ids.Shape[1], first = settings.Cache?.Count ?? 0;
        if (first + T > Config.MaximumLength) throw new ArgumentException($"DecoderModel: {first + T} tokens, but the context holds {Config.ContextLength}.");

        Tensor x = Embed(ids, first, settings.Positions);                           // [B, T, C]
        if (settings.Dropout is { } dropout) x = dropout.Apply(x, "embedding");
        settings.Tap?.Invoke("embedding", x);
        foreach (DecoderBlock block in _blocks) x = block.Forward(x, settings);     // [B, T, C]
        settings.Cache?.Advance();
        x = Norm.Forward(x);                                                        // [B, T, C]
        settings.Tap?.Invoke("norm", x);
        return OutputProjection?.Forward(x) ?? x;
    }

    /// <summary>The head alone. Shapes: hidden [.., C] -> logits [.., V].</summary>
    public Tensor Logits(Tensor hidden)
    {
        Tensor logits = hidden.Linear(Head?.Weight ?? TokenEmbedding.Weight, HeadBias);
        if (Config.LogitsDivisor != 1) logits /= Config.LogitsDivisor;
        return Config.LogitsSoftCap == 0 ? logits : logits.Softcap(Config.LogitsSoftCap);
    }

    /// <summary>The mean of -log p(target) over the positions that count, in nats per token. Logits are not kept: see <see cref="LinearCrossEntropyOps"/>.</summary>
    /// <param name="ids">Token ids, [B, T] Int32.</param>
    /// <param name="targets">The token after each position, [B, T] Int32.</param>
    /// <param name="settings">Dropout, positions and taps; null for none.</param>
    /// <param name="ignoreIndex">A target that does not count.</param>
    public Tensor Loss(Tensor ids, Tensor targets, ForwardSettings? settings = null, int ignoreIndex = -100) =>
        HeadBias is null && Config.LogitsDivisor == 1 && Config.LogitsSoftCap == 0
            ? Hidden(ids, settings).Flatten(0, 1).LinearCrossEntropy(Head?.Weight ?? TokenEmbedding.Weight, targets.Flatten(), ignoreIndex)
            : Logits(Hidden(ids, settings)).Flatten(0, 1).CrossEntropy(targets.Flatten(), ignoreIndex: ignoreIndex);

    // Token vectors and, where positions are learned, those of the positions. Shapes: ids [B, T] -> [B, T, C].
    private Tensor Embed(Tensor ids, int first, Tensor? positions)
    {
        Tensor x = TokenEmbedding.Forward(ids);                                     // [B, T, E]
        if (Config.EmbeddingMultiplier != 1) x *= Config.EmbeddingMultiplier;
        if (EmbeddingProjection is not null) x = EmbeddingProjection.Forward(x);    // [B, T, C]
        if (EmbeddingNorm is not null) x = EmbeddingNorm.Forward(x);
        if (PositionEmbedding is null) return x;
        int offset = Config.PositionOffset;
        if (positions is null) return x + PositionEmbedding.Weight.Narrow(0, first + offset, ids.Shape[1]);
        return x + PositionEmbedding.Forward(offset == 0 ? positions : Shifted(positions, offset));
    }

    private static Tensor Shifted(Tensor positions, int offset) => Tensor.From(Array.ConvertAll(positions.ToArray<int>(), p => p + offset), positions.Shape);

    private IEnumerable<Tensor> CollectParameters() =>
    [
        .. TokenEmbedding.Parameters, .. EmbeddingProjection?.Parameters ?? [], .. EmbeddingNorm?.Parameters ?? [], .. PositionEmbedding?.Parameters ?? [],
        .. Blocks.SelectMany(static b => b.Parameters), .. Norm.Parameters, .. OutputProjection?.Parameters ?? [], .. Head?.Parameters ?? (HeadBias is null ? [] : [HeadBias]),
    ];
}

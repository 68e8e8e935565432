namespace Weft.Models.Decoder;

/// <summary>How the model knows where a token stands.</summary>
public enum PositionScheme
{
    /// <summary>A learned vector per position is added to the token's (GPT-2).</summary>
    Learned,

    /// <summary>Queries and keys are turned by an angle that grows with the position (Su et al. 2021, arXiv:2104.09864).</summary>
    Rotary,

    /// <summary>Nothing: only the causal mask tells positions apart (Kazemnejad et al. 2023, arXiv:2305.19466).</summary>
    None,
}

/// <summary>Which normalisation stands before attention, feed-forward and head.</summary>
public enum NormalizationKind
{
    /// <summary>Layer normalisation.</summary>
    LayerNorm,

    /// <summary>Root-mean-square normalisation.</summary>
    RmsNorm,
}

/// <summary>The shape of the feed-forward network and its nonlinearity.</summary>
public enum FeedForwardKind
{
    /// <summary>Two maps with GELU in its exact (erf) form between them (Hendrycks and Gimpel 2016, arXiv:1606.08415).</summary>
    Gelu,

    /// <summary>Two maps with GELU in its tanh form, which GPT-2 uses.</summary>
    GeluTanh,

    /// <summary>A gate: down(silu(gate x) · up x) (Shazeer 2020, arXiv:2002.05202, eq. 6).</summary>
    SwiGlu,
}

/// <summary>The architecture of a decoder-only language model.</summary>
public sealed record DecoderConfig
{
    /// <summary>The number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The most tokens that the model looks at, itself included.</summary>
    public required int ContextLength { get; init; }

    /// <summary>C: the width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>L: the number of blocks.</summary>
    public required int BlockCount { get; init; }

    /// <summary>H: the number of query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>G: the number of key-value heads; 0 means as many as query heads.</summary>
    public int KeyValueHeadCount { get; init; }

    /// <summary>D: the size of a head; 0 means C / H.</summary>
    public int HeadSize { get; init; }

    /// <summary>F: the width of the feed-forward network; 0 means 4 C, for SwiGLU 8/3 C rounded up to a multiple of 16 (the same number of weights).</summary>
    public int FeedForwardSize { get; init; }

    /// <summary>How positions enter. Default: learned, as in GPT-2.</summary>
    public PositionScheme Positions { get; init; } = PositionScheme.Learned;

    /// <summary>The base of the rotary angles: position · base^(-2i/D). Default: 10,000 (Su et al. 2021).</summary>
    public double RotaryBase { get; init; } = 10_000;

    /// <summary>Which normalisation. Default: layer normalisation, as in GPT-2.</summary>
    public NormalizationKind Normalization { get; init; } = NormalizationKind.LayerNorm;

    /// <summary>Added to the variance. Default: 1e-5, as in GPT-2.</summary>
    public double NormalizationEpsilon { get; init; } = 1e-5;

    /// <summary>Whether layer normalisation adds an offset. Default: yes, as in GPT-2.</summary>
    public bool NormalizationBias { get; init; } = true;

    /// <summary>Whether the linear maps of the blocks add an offset. Default: yes, as in GPT-2.</summary>
    public bool LinearBias { get; init; } = true;

    /// <summary>The feed-forward network. Default: tanh GELU, as in GPT-2.</summary>
    public FeedForwardKind FeedForward { get; init; } = FeedForwardKind.GeluTanh;

    /// <summary>Whether the head uses the token embedding as its matrix (Press and Wolf 2017). Default: yes, as in GPT-2.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>The standard deviation of initial weights. Default: 0.02 (Radford et al. 2019).</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The id with which a text begins; null where there is none.</summary>
    public int? BeginOfTextId { get; init; }

    /// <summary>The id with which a text ends; null where there is none.</summary>
    public int? EndOfTextId { get; init; }

    /// <summary>The id that fills up shorter rows of a batch; null where there is none.</summary>
    public int? PaddingId { get; init; }

    /// <summary>The number of key-value heads, defaults resolved.</summary>
    public int ResolvedKeyValueHeadCount => KeyValueHeadCount == 0 ? HeadCount : KeyValueHeadCount;

    /// <summary>The size of a head, defaults resolved.</summary>
    public int ResolvedHeadSize => HeadSize == 0 ? HiddenSize / HeadCount : HeadSize;

    /// <summary>The width of the feed-forward network, defaults resolved.</summary>
    public int ResolvedFeedForwardSize =>
        FeedForwardSize != 0 ? FeedForwardSize
        : FeedForward == FeedForwardKind.SwiGlu ? (8 * HiddenSize / 3 + 15) / 16 * 16
        : 4 * HiddenSize;

    /// <summary>Throws if a value is out of range or two do not fit together.</summary>
    /// <exception cref="ArgumentException">Names the field, its value and the rule.</exception>
    public void Validate()
    {
        Positive(VocabularySize, nameof(VocabularySize));
        Positive(ContextLength, nameof(ContextLength));
        Positive(HiddenSize, nameof(HiddenSize));
        Positive(BlockCount, nameof(BlockCount));
        Positive(HeadCount, nameof(HeadCount));
        if (KeyValueHeadCount < 0 || HeadCount % ResolvedKeyValueHeadCount != 0) throw new ArgumentException($"KeyValueHeadCount {KeyValueHeadCount} must divide HeadCount {HeadCount}.");
        if (HeadSize < 0) throw new ArgumentException($"HeadSize {HeadSize} must not be negative.");
        if (HeadSize == 0 && HiddenSize % HeadCount != 0) throw new ArgumentException($"HeadCount {HeadCount} must divide HiddenSize {HiddenSize}.");
        if (Positions == PositionScheme.Rotary && ResolvedHeadSize % 2 != 0) throw new ArgumentException($"HeadSize {ResolvedHeadSize} must be even for rotary positions.");
        if (FeedForwardSize < 0) throw new ArgumentException($"FeedForwardSize {FeedForwardSize} must not be negative.");
        if (!(RotaryBase > 0)) throw new ArgumentException($"RotaryBase {RotaryBase} must be positive.");
        if (!(NormalizationEpsilon >= 0)) throw new ArgumentException($"NormalizationEpsilon {NormalizationEpsilon} must not be negative.");
        if (!(InitializerRange >= 0)) throw new ArgumentException($"InitializerRange {InitializerRange} must not be negative.");
    }

    private static void Positive(int value, string field)
    {
        if (value < 1) throw new ArgumentException($"{field} {value} must be at least 1.");
    }
}

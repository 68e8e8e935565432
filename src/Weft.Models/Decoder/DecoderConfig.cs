using Weft.Models.Layers;

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

    /// <summary>Scores fall with the distance to a key, at a slope of their own for each head (ALiBi, Press et al. 2022, arXiv:2108.12409).</summary>
    Alibi,
}

/// <summary>Which normalisation stands before attention, feed-forward and head.</summary>
public enum NormalizationKind
{
    /// <summary>Layer normalisation.</summary>
    LayerNorm,

    /// <summary>Root-mean-square normalisation.</summary>
    RmsNorm,

    /// <summary>Root-mean-square normalisation that multiplies by 1 + g, as Gemma stores its gains.</summary>
    RmsNormPlusOne,
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

    /// <summary>Two maps with <see cref="DecoderConfig.Activation"/> between them.</summary>
    Plain,

    /// <summary>A gate with <see cref="DecoderConfig.Activation"/> instead of SiLU.</summary>
    Gated,
}

/// <summary>Where normalisations stand in a block, and what is added to the residual stream when.</summary>
public enum BlockOrder
{
    /// <summary>x += attention(norm x); x += feed_forward(norm x) (Radford et al. 2019).</summary>
    NormBefore,

    /// <summary>x = norm(x + attention x); x = norm(x + feed_forward x) (Vaswani et al. 2017; OPT-350m).</summary>
    NormAfter,

    /// <summary>x += norm(attention x); x += norm(feed_forward x) (OLMo 2, arXiv:2501.00656, section 3.1).</summary>
    NormOfOutput,

    /// <summary>x += norm(attention(norm x)); x += norm(feed_forward(norm x)) (Gemma 2, arXiv:2408.00118, section 2).</summary>
    Sandwich,

    /// <summary>x += attention(norm₁ x) + feed_forward(norm₂ x) (GPT-NeoX, arXiv:2204.06745, section 2.1).</summary>
    Parallel,

    /// <summary>x += attention(norm x) + feed_forward(norm x), with one normalisation for both (GPT-J, Phi).</summary>
    ParallelSharedNorm,

    /// <summary>n = norm x; x = n + attention n; m = norm x; x = m + feed_forward m (Bloom's option).</summary>
    NormedResidual,
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

    /// <summary>The share of a head's elements that turn, from the first on. Default: all of them.</summary>
    public double RotaryShare { get; init; } = 1;

    /// <summary>Whether elements 2i and 2i + 1 form a pair, instead of i and i + D/2. Default: no (only DeepSeek does).</summary>
    public bool RotaryInterleaved { get; init; }

    /// <summary>How the angles are stretched for texts beyond those of pretraining; null leaves them.</summary>
    public RotaryScaling? RotaryScaling { get; init; }

    /// <summary>The base in blocks that see a window only; null means as in the others (Gemma 3, arXiv:2503.19786, section 2).</summary>
    public double? WindowRotaryBase { get; init; }

    /// <summary>How the angles of those blocks are stretched; it counts only with <see cref="WindowRotaryBase"/>.</summary>
    public RotaryScaling? WindowRotaryScaling { get; init; }

    /// <summary>Which blocks turn queries and keys; null means all. The others have no positions (NoPE).</summary>
    public IReadOnlyList<bool>? RotaryBlocks { get; init; }

    /// <summary>How many tokens each block sees, itself included, 0 for all; null means that all blocks see all.</summary>
    public IReadOnlyList<int>? Windows { get; init; }

    /// <summary>What attention does beyond the textbook. Default: nothing.</summary>
    public AttentionConfig Attention { get; init; } = new();

    /// <summary>Keys and values from a small latent vector (multi-head latent attention); null for the usual kind.</summary>
    public LatentAttentionConfig? Latent { get; init; }

    /// <summary>Several feed-forward networks of which each token uses a few; null for one that all tokens use.</summary>
    public ExpertsConfig? Experts { get; init; }

    /// <summary>The order of the parts of a block. Default: normalisation before each, as in GPT-2.</summary>
    public BlockOrder Order { get; init; } = BlockOrder.NormBefore;

    /// <summary>What the outputs of attention and feed-forward are multiplied by before they are added. Default: 1.</summary>
    public double ResidualMultiplier { get; init; } = 1;

    /// <summary>What token vectors are multiplied by. Default: 1.</summary>
    public double EmbeddingMultiplier { get; init; } = 1;

    /// <summary>Whether token vectors are normalised before the first block (Bloom). Default: no.</summary>
    public bool EmbeddingNorm { get; init; }

    /// <summary>The width of token vectors where it is not C: they are mapped to C, and back before the head (OPT-350m). 0 means C.</summary>
    public int EmbeddingSize { get; init; }

    /// <summary>How many rows of the position table stand before that of position 0 (OPT: 2). Default: none.</summary>
    public int PositionOffset { get; init; }

    /// <summary>Whether a normalisation stands before the head. Default: yes.</summary>
    public bool FinalNorm { get; init; } = true;

    /// <summary>Whether the head adds an offset (Phi). Default: no.</summary>
    public bool HeadBias { get; init; }

    /// <summary>What logits are divided by. Default: 1.</summary>
    public double LogitsDivisor { get; init; } = 1;

    /// <summary>Logits become cap · tanh(logits / cap); 0 for no cap (Gemma 2).</summary>
    public double LogitsSoftCap { get; init; }

    /// <summary>Whether normalisations have a gain. Default: yes.</summary>
    public bool NormalizationGain { get; init; } = true;

    /// <summary>Whether the feed-forward maps add an offset; null means as <see cref="LinearBias"/> says.</summary>
    public bool? FeedForwardBias { get; init; }

    /// <summary>The nonlinearity of <see cref="FeedForwardKind.Plain"/> and <see cref="FeedForwardKind.Gated"/>.</summary>
    public ActivationKind Activation { get; init; } = ActivationKind.Silu;

    /// <summary>The family that the model came from and is saved as, by its <c>model_type</c>; null for the first that fits.</summary>
    public string? Family { get; init; }

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
        : IsGated ? (8 * HiddenSize / 3 + 15) / 16 * 16
        : 4 * HiddenSize;

    /// <summary>Whether the feed-forward network has a gate.</summary>
    public bool IsGated => FeedForward is FeedForwardKind.SwiGlu or FeedForwardKind.Gated;

    /// <summary>The nonlinearity of the feed-forward network, whichever way it was named.</summary>
    public ActivationKind ResolvedActivation => FeedForward switch
    {
        FeedForwardKind.Gelu => ActivationKind.Gelu,
        FeedForwardKind.GeluTanh => ActivationKind.GeluTanh,
        FeedForwardKind.SwiGlu => ActivationKind.Silu,
        _ => Activation,
    };

    /// <summary>The width of token vectors, defaults resolved.</summary>
    public int ResolvedEmbeddingSize => EmbeddingSize == 0 ? HiddenSize : EmbeddingSize;

    /// <summary>Whether the maps to queries, keys and values add an offset, defaults resolved.</summary>
    public bool ResolvedQueryKeyValueBias => Attention.QueryKeyValueBias ?? LinearBias;

    /// <summary>Whether the map from the heads back adds an offset, defaults resolved.</summary>
    public bool ResolvedAttentionOutputBias => Attention.OutputBias ?? LinearBias;

    /// <summary>Whether the feed-forward maps add an offset, defaults resolved.</summary>
    public bool ResolvedFeedForwardBias => FeedForwardBias ?? LinearBias;

    /// <summary>How many tokens a block sees; 0 for all.</summary>
    public int Window(int block) => Windows?[block] ?? 0;

    /// <summary>Whether a block is a mixture of experts.</summary>
    public bool HasExperts(int block) => Experts is { } experts && (experts.Blocks?[block] ?? true);

    /// <summary>The most tokens that a text may have; unlimited where angles adapt to the length of the text.</summary>
    public int MaximumLength => RotaryScaling is { Kind: RotaryScalingKind.Dynamic } ? int.MaxValue : ContextLength;

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
        if (Positions == PositionScheme.Rotary && Latent is null && RotaryShare == 1 && ResolvedHeadSize % 2 != 0) throw new ArgumentException($"HeadSize {ResolvedHeadSize} must be even for rotary positions.");
        if (!(RotaryShare > 0 && RotaryShare <= 1)) throw new ArgumentException($"RotaryShare {RotaryShare} must be above 0 and at most 1.");
        OnePerBlock(Windows?.Count, nameof(Windows));
        OnePerBlock(RotaryBlocks?.Count, nameof(RotaryBlocks));
        OnePerBlock(Experts?.Blocks?.Count, nameof(Experts));
        if (Windows is not null && Windows.Any(static w => w < 0)) throw new ArgumentException("Windows must not be negative.");
        if (EmbeddingSize < 0 || PositionOffset < 0) throw new ArgumentException($"EmbeddingSize {EmbeddingSize} and PositionOffset {PositionOffset} must not be negative.");
        if (LogitsDivisor == 0) throw new ArgumentException("LogitsDivisor must not be 0.");
        RotaryScaling?.Validate(RotarySize);
        WindowRotaryScaling?.Validate(RotarySize);
        Latent?.Validate();
        Experts?.Validate();
        if (FeedForwardSize < 0) throw new ArgumentException($"FeedForwardSize {FeedForwardSize} must not be negative.");
        if (!(RotaryBase > 0)) throw new ArgumentException($"RotaryBase {RotaryBase} must be positive.");
        if (!(NormalizationEpsilon >= 0)) throw new ArgumentException($"NormalizationEpsilon {NormalizationEpsilon} must not be negative.");
        if (!(InitializerRange >= 0)) throw new ArgumentException($"InitializerRange {InitializerRange} must not be negative.");
    }

    // How many elements of a head turn.
    internal int RotarySize => (int)((Latent?.RotarySize ?? ResolvedHeadSize) * RotaryShare) / 2 * 2;

    private void OnePerBlock(int? count, string field)
    {
        if (count is { } n && n != BlockCount) throw new ArgumentException($"{field} has {n} entries for {BlockCount} blocks.");
    }

    private static void Positive(int value, string field)
    {
        if (value < 1) throw new ArgumentException($"{field} {value} must be at least 1.");
    }
}

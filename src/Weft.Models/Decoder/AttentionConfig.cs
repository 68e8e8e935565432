namespace Weft.Models.Decoder;

/// <summary>Whether queries and keys are normalised before they meet.</summary>
public enum QueryKeyNormKind
{
    /// <summary>They are not.</summary>
    None,

    /// <summary>Each head for itself, before it turns (Qwen 3, Gemma 3, Phi; Henry et al. 2020, arXiv:2010.04245).</summary>
    Head,

    /// <summary>All heads of a token together (OLMo 2, arXiv:2501.00656, section 3.1).</summary>
    Whole,
}

/// <summary>What attention does beyond softmax(q kᵀ / sqrt(D)) v.</summary>
public sealed record AttentionConfig
{
    /// <summary>What scores are multiplied by; null means 1 / sqrt(D).</summary>
    public double? Scale { get; init; }

    /// <summary>Whether block l also divides scores by l + 1 (an option of GPT-2). Default: no.</summary>
    public bool ScaleByBlock { get; init; }

    /// <summary>Scores become cap · tanh(score / cap) before the mask; 0 for no cap (Gemma 2, arXiv:2408.00118, section 2).</summary>
    public double SoftCap { get; init; }

    /// <summary>Whether each head has a learned logit that takes part in the softmax and draws no value (gpt-oss). Default: no.</summary>
    public bool Sinks { get; init; }

    /// <summary>Whether queries and keys are normalised. Default: no.</summary>
    public QueryKeyNormKind QueryKeyNorm { get; init; }

    /// <summary>Queries, keys and values are kept within ± this; 0 for no bound (OLMoE).</summary>
    public double Clip { get; init; }

    /// <summary>Whether the maps to queries, keys and values add an offset; null means as the other maps.</summary>
    public bool? QueryKeyValueBias { get; init; }

    /// <summary>Whether the map back adds an offset; null means as the other maps.</summary>
    public bool? OutputBias { get; init; }
}

/// <summary>Multi-head latent attention: keys and values are made from one small vector per token (DeepSeek-V2, arXiv:2405.04434, section 2.1).</summary>
public sealed record LatentAttentionConfig
{
    /// <summary>The size of the vector that queries are made from; 0 makes them from the residual stream.</summary>
    public int QueryRank { get; init; }

    /// <summary>The size of the vector that keys and values are made from.</summary>
    public required int KeyValueRank { get; init; }

    /// <summary>The elements of a head of queries and keys that do not turn.</summary>
    public required int PlainSize { get; init; }

    /// <summary>The elements that turn; those of the keys are shared by all heads.</summary>
    public required int RotarySize { get; init; }

    /// <summary>The size of a head of values.</summary>
    public required int ValueSize { get; init; }

    /// <summary>The size of a head of queries and keys.</summary>
    public int HeadSize => PlainSize + RotarySize;

    internal void Validate()
    {
        if (QueryRank < 0) throw new ArgumentException($"Latent.QueryRank {QueryRank} must not be negative.");
        if (KeyValueRank < 1 || PlainSize < 1 || ValueSize < 1) throw new ArgumentException($"Latent: KeyValueRank {KeyValueRank}, PlainSize {PlainSize} and ValueSize {ValueSize} must be at least 1.");
        if (RotarySize < 2 || RotarySize % 2 != 0) throw new ArgumentException($"Latent.RotarySize {RotarySize} must be even.");
    }
}

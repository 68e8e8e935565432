namespace Weft.Models.Decoder;

/// <summary>How a router's logits become the weights of experts.</summary>
public enum RouterScore
{
    /// <summary>Softmax over all experts, then the largest (Fedus et al. 2021, arXiv:2101.03961).</summary>
    Softmax,

    /// <summary>The largest logits, then a softmax over them alone (Shazeer et al. 2017, arXiv:1701.06538, eq. 3).</summary>
    SoftmaxOfChosen,

    /// <summary>A sigmoid for each expert, then the largest (DeepSeek-V3, arXiv:2412.19437, eq. 15).</summary>
    Sigmoid,
}

/// <summary>A mixture of experts: several feed-forward networks of which each token uses a few.</summary>
public sealed record ExpertsConfig
{
    /// <summary>E: the number of experts.</summary>
    public required int Count { get; init; }

    /// <summary>K: how many experts a token uses.</summary>
    public required int ChosenCount { get; init; }

    /// <summary>The width of one expert.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>The width of the network that every token uses beside its experts; 0 for none.</summary>
    public int SharedFeedForwardSize { get; init; }

    /// <summary>How logits become weights. Default: softmax over all.</summary>
    public RouterScore Score { get; init; }

    /// <summary>Whether the weights of the chosen are made to sum to 1. Default: no.</summary>
    public bool Renormalize { get; init; }

    /// <summary>What the weights are multiplied by in the end. Default: 1.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Experts are chosen from the best groups only; 1 for no groups (DeepSeek-V2, arXiv:2405.04434, section 2.2.2).</summary>
    public int GroupCount { get; init; } = 1;

    /// <summary>How many groups are kept.</summary>
    public int ChosenGroupCount { get; init; } = 1;

    /// <summary>Whether a group is as good as its two best experts together, instead of its best one. Default: no.</summary>
    public bool GroupByBestTwo { get; init; }

    /// <summary>Whether the router adds an offset to its logits (gpt-oss). Default: no.</summary>
    public bool RouterBias { get; init; }

    /// <summary>Whether a correction that is not trained by gradients takes part in the choice, and only in the choice (arXiv:2408.15664). Default: no.</summary>
    public bool CorrectionBias { get; init; }

    /// <summary>Whether experts add offsets (gpt-oss). Default: no.</summary>
    public bool Bias { get; init; }

    /// <summary>The bound of gpt-oss's gate: min(gate, limit), up within ± limit; 0 for the family's usual gate.</summary>
    public double GateLimit { get; init; }

    /// <summary>The slope of that gate: gate σ(slope · gate) (up + 1). Default: 1.702, as gpt-oss.</summary>
    public double GateSlope { get; init; } = 1.702;

    /// <summary>The weight of the loss that keeps experts equally busy.</summary>
    public double BalanceWeight { get; init; }

    /// <summary>Whether training adds that loss. Default: no.</summary>
    public bool TrainsBalance { get; init; }

    /// <summary>Which blocks have experts; null means all.</summary>
    public IReadOnlyList<bool>? Blocks { get; init; }

    internal void Validate()
    {
        if (Count < 1 || ChosenCount < 1 || ChosenCount > Count) throw new ArgumentException($"Experts.ChosenCount {ChosenCount} must be between 1 and Count {Count}.");
        if (FeedForwardSize < 1 || SharedFeedForwardSize < 0) throw new ArgumentException($"Experts.FeedForwardSize {FeedForwardSize} must be at least 1, SharedFeedForwardSize {SharedFeedForwardSize} not negative.");
        if (GroupCount < 1 || Count % GroupCount != 0 || ChosenGroupCount < 1 || ChosenGroupCount > GroupCount)
            throw new ArgumentException($"Experts.GroupCount {GroupCount} must divide Count {Count}, and ChosenGroupCount {ChosenGroupCount} be between 1 and GroupCount.");
        if (GroupByBestTwo && GroupCount > 1 && Count / GroupCount < 2) throw new ArgumentException($"Experts: groups of {Count / GroupCount} have no two best experts.");
        if (GateLimit < 0) throw new ArgumentException($"Experts.GateLimit {GateLimit} must not be negative.");
    }
}

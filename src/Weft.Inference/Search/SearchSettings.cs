using Weft.Inference.Sampling;

namespace Weft.Inference.Search;

/// <summary>When a beam search stops looking for better texts.</summary>
public enum BeamStop
{
    /// <summary>When no running text would beat the worst finished one if it ended now. The default of transformers.</summary>
    WhenUnlikely,

    /// <summary>As soon as there are as many finished texts as beams.</summary>
    WhenFull,

    /// <summary>When no running text can beat the worst finished one, whatever its length will be.</summary>
    WhenImpossible,
}

/// <summary>How a search for likely texts goes about.</summary>
public sealed record SearchSettings
{
    /// <summary>The most tokens that are added to a prompt.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>The tokens that end a text; the one that ended it is part of the result. Default: none.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>The token that fills the rows of a batch whose texts have ended. Default: 0.</summary>
    public int PaddingId { get; init; }

    /// <summary>Change logits (in a beam search: log-probabilities) before tokens are compared, in this order. Default: none.</summary>
    public IReadOnlyList<LogitsProcessor> Processors { get; init; } = [];

    /// <summary>How many texts a beam search keeps for each prompt. Default: 4.</summary>
    public int BeamCount { get; init; } = 4;

    /// <summary>A finished text's score is its log-probability divided by its number of new tokens to this power: above 0 favours long texts. Default: 1.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When a beam search stops. Default: when improvement is unlikely.</summary>
    public BeamStop Stop { get; init; }

    /// <summary>How many of its texts a beam search returns. Default: the best one.</summary>
    public int ReturnCount { get; init; } = 1;

    /// <summary>Throws if a value is out of range.</summary>
    /// <exception cref="ArgumentException">Names the setting, its value and the rule.</exception>
    public void Validate()
    {
        if (MaxNewTokens < 1) throw new ArgumentException($"MaxNewTokens {MaxNewTokens} must be at least 1.");
        if (BeamCount < 1) throw new ArgumentException($"BeamCount {BeamCount} must be at least 1.");
        if (ReturnCount < 1 || ReturnCount > BeamCount) throw new ArgumentException($"ReturnCount {ReturnCount} must be between 1 and BeamCount {BeamCount}.");
        if (!double.IsFinite(LengthPenalty)) throw new ArgumentException($"LengthPenalty {LengthPenalty} must be finite.");
    }
}

/// <summary>A text that a search found.</summary>
/// <param name="Ids">Prompt and continuation, up to and including the token that ended it.</param>
/// <param name="NewTokenCount">How many of them were added to the prompt.</param>
/// <param name="Score">Log-probability of the continuation, divided as <see cref="SearchSettings.LengthPenalty"/> says; for a greedy search undivided.</param>
public sealed record FoundText(int[] Ids, int NewTokenCount, double Score);

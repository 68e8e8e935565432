namespace Weft.Tokenizers;

/// <summary>What a byte-level BPE training aims at.</summary>
public sealed record BytePairTrainerConfig
{
    /// <summary>Special tokens + 256 bytes + merges. Default: 30,000, as in Hugging Face's trainer.</summary>
    public int VocabularySize { get; init; } = 30_000;

    /// <summary>A pair that occurs less often does not merge. Default: 0, as in Hugging Face's trainer.</summary>
    public long MinimumFrequency { get; init; }

    /// <summary>Tokens that get the first ids and never stand in a merge. Default: GPT-2's end of text.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = ["<|endoftext|>"];

    /// <summary>A merge is made only if its token has fewer bytes than this. Default: no limit.</summary>
    public int? MaximumTokenLength { get; init; }

    /// <summary>Checks that the values fit together.</summary>
    /// <exception cref="ArgumentException">One does not; the message names it.</exception>
    public void Validate()
    {
        int least = 256 + SpecialTokens.Count;
        if (VocabularySize < least)
            throw new ArgumentException($"VocabularySize {VocabularySize} must be at least {least}: 256 bytes and {SpecialTokens.Count} special tokens.");
        if (MinimumFrequency < 0) throw new ArgumentException($"MinimumFrequency {MinimumFrequency} must not be negative.");
        if (MaximumTokenLength is < 1) throw new ArgumentException($"MaximumTokenLength {MaximumTokenLength} must be at least 1.");
        if (SpecialTokens.Any(string.IsNullOrEmpty)) throw new ArgumentException("SpecialTokens must not hold an empty token.");
        if (SpecialTokens.Distinct(StringComparer.Ordinal).Count() < SpecialTokens.Count)
            throw new ArgumentException("SpecialTokens must not hold a token twice.");
    }
}

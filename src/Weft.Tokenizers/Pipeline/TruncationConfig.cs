namespace Weft.Tokenizers;

/// <summary>Which text of a pair loses tokens.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, until both are equally long.</summary>
    LongestFirst,

    /// <summary>The first.</summary>
    OnlyFirst,

    /// <summary>The second.</summary>
    OnlySecond,
}

/// <summary>How an encoding is made to fit into a number of tokens.</summary>
public sealed record TruncationConfig
{
    /// <summary>The most tokens, those included that are added around the text. Default: 512, as in Hugging Face's library.</summary>
    public int MaximumLength { get; init; } = 512;

    /// <summary>Which text of a pair loses tokens. Default: the longer one.</summary>
    public TruncationStrategy Strategy { get; init; }

    /// <summary>By how many tokens the parts that were cut off overlap. Default: 0.</summary>
    public int Stride { get; init; }

    /// <summary>Whether the beginning is cut off, not the end. Default: no.</summary>
    public bool FromLeft { get; init; }

    /// <summary>Cuts one encoding, or a pair.</summary>
    /// <exception cref="ArgumentException">There is nothing to cut where the strategy wants to cut, or the stride is too large.</exception>
    internal void Apply(TokenEncoding first, TokenEncoding? second, int added)
    {
        int most = MaximumLength - added;
        if (most < 0) throw new ArgumentException($"MaximumLength {MaximumLength} is less than the {added} tokens that are added around the text.");
        int total = first.Count + (second?.Count ?? 0);
        if (most == 0)
        {
            first.Truncate(0, Stride, FromLeft);
            second?.Truncate(0, Stride, FromLeft);
            return;
        }
        if (total <= most) return;
        int surplus = total - most;
        switch (Strategy)
        {
            case TruncationStrategy.LongestFirst when second is null:
                first.Truncate(most, Stride, FromLeft);
                break;
            case TruncationStrategy.LongestFirst:
                (int firstCount, int secondCount) = Share(first.Count, second.Count, most);
                first.Truncate(firstCount, Stride, FromLeft);
                second.Truncate(secondCount, Stride, FromLeft);
                break;
            default:
                TokenEncoding target = Strategy == TruncationStrategy.OnlyFirst ? first
                    : second ?? throw new ArgumentException("Truncation of the second text needs a second text.");
                if (target.Count <= surplus) throw new ArgumentException($"Truncation would have to take {surplus} tokens from a text of {target.Count}.");
                target.Truncate(target.Count - surplus, Stride, FromLeft);
                break;
        }
    }

    // The shorter text keeps all it has up to a half.
    private static (int First, int Second) Share(int first, int second, int most)
    {
        bool swapped = first > second;
        (int shorter, int longer) = swapped ? (second, first) : (first, second);
        longer = shorter > most ? shorter : Math.Max(shorter, most - shorter);
        if (shorter + longer > most)
        {
            shorter = most / 2;
            longer = shorter + most % 2;
        }
        return swapped ? (longer, shorter) : (shorter, longer);
    }
}

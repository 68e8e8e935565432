namespace Weft.Tokenizers;

/// <summary>All that is known about the tokens of one text, or of a pair of texts.</summary>
public sealed class TokenEncoding
{
    internal TokenEncoding(List<EncodedToken> items) => Items = items;

    internal List<EncodedToken> Items { get; private set; }

    internal List<TokenEncoding> OverflowItems { get; private set; } = [];

    /// <summary>The number of tokens.</summary>
    public int Count => Items.Count;

    /// <summary>The token ids.</summary>
    public int[] Ids => [.. Items.Select(item => item.Id)];

    /// <summary>The tokens as the vocabulary writes them.</summary>
    public string[] Tokens => [.. Items.Select(item => item.Token)];

    /// <summary>For each token the range of its text, counted in Unicode code points; (0, 0) for tokens that were added.</summary>
    public (int Start, int End)[] Offsets => [.. Items.Select(item => (item.Start, item.End))];

    /// <summary>0 for tokens of the first text, 1 for those of the second, as the post-processor says.</summary>
    public int[] TypeIds => [.. Items.Select(item => item.TypeId)];

    /// <summary>0 for padding, 1 for everything else.</summary>
    public int[] AttentionMask => [.. Items.Select(item => item.IsPadding ? 0 : 1)];

    /// <summary>1 for tokens that were added around the text.</summary>
    public int[] SpecialTokensMask => [.. Items.Select(item => item.IsSpecial ? 1 : 0)];

    /// <summary>For each token the index of the piece that it came from; null for tokens that were added.</summary>
    public int?[] WordIds => [.. Items.Select(item => item.WordId)];

    /// <summary>For each token 0 (first text) or 1 (second text); null for tokens that were added.</summary>
    public int?[] SequenceIds => [.. Items.Select(item => item.SequenceId)];

    /// <summary>What truncation cut off, part by part.</summary>
    public IReadOnlyList<TokenEncoding> Overflowing => OverflowItems;

    /// <summary>Sets something in every token of this encoding.</summary>
    internal void Change(Func<EncodedToken, EncodedToken> change) => Items = Items.ConvertAll(item => change(item));

    /// <summary>Sets something in every token of this encoding and of what was cut off.</summary>
    internal void ChangeAll(Func<EncodedToken, EncodedToken> change)
    {
        Change(change);
        foreach (TokenEncoding part in OverflowItems) part.Change(change);
    }

    /// <summary>Appends another encoding; what was cut off of either is combined with each part of the other.</summary>
    internal void Append(TokenEncoding other)
    {
        List<TokenEncoding> combined = [];
        foreach (TokenEncoding part in OverflowItems)
        {
            combined.Add(Join(part, other));
            foreach (TokenEncoding otherPart in other.OverflowItems) combined.Add(Join(part, otherPart));
        }
        foreach (TokenEncoding otherPart in other.OverflowItems) combined.Add(Join(this, otherPart));
        OverflowItems = combined;
        Items = [.. Items, .. other.Items];

        static TokenEncoding Join(TokenEncoding first, TokenEncoding second) => new([.. first.Items, .. second.Items]);
    }

    /// <summary>Keeps at most so many tokens; the rest becomes parts of the same size that overlap by <paramref name="stride"/>.</summary>
    /// <exception cref="ArgumentException">The stride is not less than the length.</exception>
    internal void Truncate(int length, int stride, bool fromLeft)
    {
        int count = Items.Count;
        if (length >= count) return;
        if (length == 0)
        {
            OverflowItems = [new TokenEncoding(Items)];
            Items = [];
            return;
        }
        if (stride >= length) throw new ArgumentException($"The stride {stride} must be less than the {length} tokens that truncation leaves.");

        List<TokenEncoding> parts = [];
        for (int at = 0; ; at += length - stride)
        {
            int start = fromLeft ? Math.Max(0, count - at - length) : at;
            int end = fromLeft ? count - at : Math.Min(count, at + length);
            parts.Add(new TokenEncoding(Items[start..end]));
            if (fromLeft ? start == 0 : end == count) break;
        }
        Items = parts[0].Items;
        OverflowItems = parts[1..];
    }

    /// <summary>Adds padding up to a length, here and in what was cut off.</summary>
    internal void Pad(int length, EncodedToken padding, bool left)
    {
        foreach (TokenEncoding part in OverflowItems) part.Pad(length, padding, left);
        if (Items.Count >= length) return;
        IEnumerable<EncodedToken> added = Enumerable.Repeat(padding, length - Items.Count);
        Items = left ? [.. added, .. Items] : [.. Items, .. added];
    }
}

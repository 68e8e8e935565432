namespace Weft.Tokenizers;

/// <summary>Finds a fixed text or a pattern in a text.</summary>
internal sealed class TextMatcher
{
    private readonly string? _fixed;
    private readonly Pattern? _pattern;

    private TextMatcher(string? text, Pattern? pattern)
    {
        _fixed = text;
        _pattern = pattern;
    }

    /// <summary>Finds this text.</summary>
    public static TextMatcher Of(string text) => new(text, null);

    /// <summary>Finds this pattern.</summary>
    public static TextMatcher Of(Pattern pattern) => new(null, pattern);

    /// <summary>Cuts a text into matches and what stands between them; empty stretches between are left out.</summary>
    public List<(int Start, int End, bool IsMatch)> Split(ReadOnlySpan<char> text)
    {
        List<(int, int, bool)> parts = [];
        int last = 0;
        for (int from = 0; from <= text.Length;)
        {
            (int start, int end) = Find(text, from);
            if (start < 0) break;
            if (start > last) parts.Add((last, start, false));
            parts.Add((start, end, true));
            last = end;
            // After an empty match the search goes on one character further.
            from = end > start ? end : end + (end + 1 < text.Length && char.IsSurrogatePair(text[end], text[end + 1]) ? 2 : 1);
        }
        if (last < text.Length) parts.Add((last, text.Length, false));
        return parts;
    }

    private (int Start, int End) Find(ReadOnlySpan<char> text, int from)
    {
        if (_pattern is not null) return _pattern.Find(text, from);
        if (_fixed!.Length == 0) return (-1, -1);
        int offset = text[from..].IndexOf(_fixed, StringComparison.Ordinal);
        return offset < 0 ? (-1, -1) : (from + offset, from + offset + _fixed.Length);
    }
}

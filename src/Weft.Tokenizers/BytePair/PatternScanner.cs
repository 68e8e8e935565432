namespace Weft.Tokenizers;

/// <summary>Pieces are the matches of a pattern; what stands between matches is a piece too.</summary>
internal class PatternScanner(string pattern) : PreTokenScanner
{
    /// <summary>The pattern of GPT-4 and, with the same meaning, of Llama 3.</summary>
    public static PatternScanner Cl100k { get; } = new Cl100kScanner(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", longestNumber: 3);

    /// <summary>The pattern of Qwen 2: digits alone.</summary>
    public static PatternScanner Qwen2 { get; } = new Cl100kScanner(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", longestNumber: 1);

    /// <summary>The pattern of GPT-4o.</summary>
    public static PatternScanner O200k { get; } = new(
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?" +
        @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?" +
        @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+");

    private readonly Pattern _pattern = new(pattern);

    /// <summary>The scanner for a pattern: a hand-written pass where the pattern is a well-known one.</summary>
    public static PatternScanner For(string pattern) =>
        ((PatternScanner[])[Cl100k, Qwen2]).FirstOrDefault(known => known.Source == pattern) ?? new PatternScanner(pattern);

    /// <summary>The pattern as text.</summary>
    public string Source => _pattern.Source;

    public override int End(ReadOnlySpan<char> text, int start)
    {
        (int matchStart, int matchEnd) = _pattern.Find(text, start);
        if (matchStart < 0) return text.Length;
        return matchStart > start ? matchStart : Math.Max(matchEnd, start + 1);
    }
}

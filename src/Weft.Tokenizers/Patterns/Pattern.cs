namespace Weft.Tokenizers;

/// <summary>A regular expression with Oniguruma's meaning: it sees code points, and its classes are Unicode's.</summary>
/// <remarks>
/// .NET's own expressions see UTF-16 units, so that <c>\p{L}</c> misses letters beyond U+FFFF. This one backtracks on a stack of its
/// own; a long run cannot overflow anything, and a pattern that would take forever ends in an error.
/// </remarks>
internal sealed class Pattern
{
    private readonly PatternStep[] _steps;
    private readonly int _registerCount;

    /// <summary>Compiles.</summary>
    /// <exception cref="FormatException">The pattern is wrong, or uses what is not supported.</exception>
    public Pattern(string source)
    {
        Source = source;
        try
        {
            (_steps, _registerCount) = PatternCompiler.Compile(PatternParser.Parse(source));
        }
        catch (FormatException problem) when (!problem.Message.StartsWith("the pattern '", StringComparison.Ordinal))
        {
            throw new FormatException($"the pattern '{source}': {problem.Message}", problem);
        }
    }

    /// <summary>The pattern as it was given.</summary>
    public string Source { get; }

    /// <summary>The leftmost match at or after <paramref name="from"/>.</summary>
    /// <returns>Its range in UTF-16 units; a start of -1 where there is none.</returns>
    /// <exception cref="InvalidOperationException">Finding out takes too many steps.</exception>
    public (int Start, int End) Find(ReadOnlySpan<char> text, int from)
    {
        PatternRun run = new(this, _steps, _registerCount, text);
        for (int start = from; start <= text.Length; start++)
        {
            if (start > 0 && start < text.Length && char.IsLowSurrogate(text[start]) && char.IsHighSurrogate(text[start - 1])) continue;
            int end = run.Match(0, start);
            if (end >= 0) return (start, end);
        }
        return (-1, -1);
    }
}

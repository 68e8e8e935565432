using System.Text;

namespace Weft.Tokenizers;

/// <summary>What happens to the delimiters that a text is cut at.</summary>
internal enum DelimiterBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous }

/// <summary>Cuts a text at delimiters.</summary>
internal static class Delimiting
{
    /// <summary>Adds the pieces between, and with, the delimiters.</summary>
    /// <param name="text">The text.</param>
    /// <param name="parts">All of the text in order, delimiters marked.</param>
    /// <param name="behavior">What happens to the delimiters.</param>
    /// <param name="pieces">Takes the pieces.</param>
    public static void Split(AlignedText text, List<(int Start, int End, bool IsMatch)> parts, DelimiterBehavior behavior, List<AlignedText> pieces)
    {
        List<(int Start, int End)> ranges = new(parts.Count);
        bool previous = false;
        switch (behavior)
        {
            case DelimiterBehavior.Removed:
                foreach ((int start, int end, bool isMatch) in parts)
                    if (!isMatch)
                        ranges.Add((start, end));
                break;
            case DelimiterBehavior.Isolated:
                foreach ((int start, int end, _) in parts) ranges.Add((start, end));
                break;
            case DelimiterBehavior.Contiguous:
                foreach ((int start, int end, bool isMatch) in parts)
                {
                    if (isMatch == previous && ranges.Count > 0) ranges[^1] = (ranges[^1].Start, end);
                    else ranges.Add((start, end));
                    previous = isMatch;
                }
                break;
            case DelimiterBehavior.MergedWithPrevious:
                foreach ((int start, int end, bool isMatch) in parts)
                {
                    if (isMatch && !previous && ranges.Count > 0) ranges[^1] = (ranges[^1].Start, end);
                    else ranges.Add((start, end));
                    previous = isMatch;
                }
                break;
            default:
                for (int i = parts.Count - 1; i >= 0; i--)
                {
                    (int start, int end, bool isMatch) = parts[i];
                    if (isMatch && !previous && ranges.Count > 0) ranges[^1] = (start, ranges[^1].End);
                    else ranges.Add((start, end));
                    previous = isMatch;
                }
                ranges.Reverse();
                break;
        }
        foreach ((int start, int end) in ranges) pieces.Add(text.Slice(start, end));
    }

    /// <summary>Marks each character that a predicate names as a delimiter of its own.</summary>
    public static List<(int Start, int End, bool IsMatch)> Characters(ReadOnlySpan<char> text, Func<Rune, bool> isDelimiter)
    {
        List<(int, int, bool)> parts = [];
        int last = 0;
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            int end = at + rune.Utf16SequenceLength;
            if (isDelimiter(rune))
            {
                if (at > last) parts.Add((last, at, false));
                parts.Add((at, end, true));
                last = end;
            }
            at = end;
        }
        if (last < text.Length) parts.Add((last, text.Length, false));
        return parts;
    }

    /// <summary>Makes delimiters of what was none, and the reverse.</summary>
    public static List<(int Start, int End, bool IsMatch)> Invert(List<(int Start, int End, bool IsMatch)> parts) =>
        parts.ConvertAll(part => (part.Start, part.End, !part.IsMatch));
}

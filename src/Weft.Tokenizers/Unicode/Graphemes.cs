using System.Globalization;

namespace Weft.Tokenizers;

/// <summary>Finds the ends of what a reader sees as one character (Unicode Standard Annex 29).</summary>
internal static class Graphemes
{
    /// <summary>The number of UTF-16 units of the first grapheme cluster.</summary>
    public static int NextLength(ReadOnlySpan<char> text) => StringInfo.GetNextTextElementLength(text);
}

using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Strings as Python sees them: sequences of code points.</summary>
internal static class CodePoints
{
    public static int Count(string text) => HasSurrogates(text) ? text.EnumerateRunes().Count() : text.Length;

    /// <summary>The characters as strings.</summary>
    public static string[] Split(string text) => [.. text.EnumerateRunes().Select(rune => rune.ToString())];

    /// <summary>A place in UTF-16 units as a place in code points.</summary>
    public static int FromUnits(string text, int units) => units <= 0 || !HasSurrogates(text) ? units : Count(text[..units]);

    /// <summary>A place in code points as a place in UTF-16 units.</summary>
    public static int ToUnits(string text, int points)
    {
        if (!HasSurrogates(text)) return Math.Min(points, text.Length);
        int units = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (points-- == 0) break;
            units += rune.Utf16SequenceLength;
        }
        return units;
    }

    private static bool HasSurrogates(string text) => text.AsSpan().ContainsAnyInRange('\ud800', '\udfff');
}

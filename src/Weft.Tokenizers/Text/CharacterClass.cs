using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>The distinctions that pre-tokenizers make between characters.</summary>
internal enum CharacterClass : byte
{
    /// <summary>Punctuation, symbols, marks, controls, unassigned.</summary>
    Other,

    /// <summary>Unicode category L.</summary>
    Letter,

    /// <summary>Unicode category N.</summary>
    Number,

    /// <summary>Unicode property White_Space.</summary>
    Space,
}

/// <summary>Looks up the class of a code point.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] Bmp = BuildBmp();

    /// <summary>The class of the code point that begins at <paramref name="index"/>, and its length in UTF-16 units.</summary>
    /// <remarks>A lone surrogate is one unit of class Other, as U+FFFD is.</remarks>
    public static CharacterClass At(ReadOnlySpan<char> text, int index, out int length)
    {
        char unit = text[index];
        if (char.IsHighSurrogate(unit) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
        {
            length = 2;
            return Classify(char.ConvertToUtf32(unit, text[index + 1]));
        }
        length = 1;
        return Bmp[unit];
    }

    /// <summary>The class of a code point.</summary>
    public static CharacterClass Classify(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        <= UnicodeCategory.OtherLetter => CharacterClass.Letter,
        >= UnicodeCategory.DecimalDigitNumber and <= UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ => Rune.IsValid(codePoint) && Rune.IsWhiteSpace(new Rune(codePoint)) ? CharacterClass.Space : CharacterClass.Other,
    };

    private static CharacterClass[] BuildBmp()
    {
        CharacterClass[] table = new CharacterClass[0x10000];
        for (int unit = 0; unit < table.Length; unit++) table[unit] = Classify(unit);
        return table;
    }
}

using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
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

    /// <summary>Half of a code point beyond U+FFFF, which has to be looked at whole.</summary>
    Surrogate,
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
        length = 1;
        CharacterClass kind = Bmp[unit];
        if (kind != CharacterClass.Surrogate) return kind;
        if (!char.IsHighSurrogate(unit) || index + 1 == text.Length || !char.IsLowSurrogate(text[index + 1])) return CharacterClass.Other;
        length = 2;
        return Classify(char.ConvertToUtf32(unit, text[index + 1]));
    }

    /// <summary>The end of the run of one class that begins at <paramref name="start"/>.</summary>
    public static int RunEnd(ReadOnlySpan<char> text, int start, CharacterClass kind)
    {
        CharacterClass[] table = Bmp;
        if (kind == CharacterClass.Letter) start += AsciiLetterCount(text, start);
        while (true)
        {
            while (start < text.Length && table[text[start]] == kind) start++;
            if (start >= text.Length || table[text[start]] != CharacterClass.Surrogate || At(text, start, out int length) != kind) return start;
            start += length;
        }
    }

    // How many of the next 16 units are A to Z or a to z, up to the first that is not: a word ends without a guess at its length.
    private static int AsciiLetterCount(ReadOnlySpan<char> text, int start)
    {
        if (start + Vector256<ushort>.Count > text.Length) return 0;
        Vector256<ushort> units = Vector256.LoadUnsafe(ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text)), (nuint)start);
        Vector256<ushort> letters = Vector256.LessThan((units | Vector256.Create((ushort)0x20)) - Vector256.Create((ushort)'a'), Vector256.Create((ushort)26));
        return BitOperations.TrailingZeroCount(~letters.ExtractMostSignificantBits());
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
        for (int unit = 0; unit < table.Length; unit++) table[unit] = char.IsSurrogate((char)unit) ? CharacterClass.Surrogate : Classify(unit);
        return table;
    }
}

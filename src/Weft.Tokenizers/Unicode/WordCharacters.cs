using System.Globalization;

namespace Weft.Tokenizers;

/// <summary>What <c>\w</c> means in Unicode Technical Standard 18: alphabetic characters, marks, decimal digits, connectors, joiners.</summary>
internal static class WordCharacters
{
    /// <summary>Whether a code point is one.</summary>
    public static bool Contains(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        <= UnicodeCategory.LetterNumber => true, // letters, marks, Nd, Nl
        UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.Format => codePoint is 0x200C or 0x200D,
        // Circled and squared Latin letters are symbols that have the property Alphabetic.
        UnicodeCategory.OtherSymbol => codePoint is >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149 or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189,
        _ => false,
    };
}

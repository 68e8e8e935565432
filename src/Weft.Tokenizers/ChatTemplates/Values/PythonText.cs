using System.Globalization;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>What Python does with the characters of a string: quoting, full case mapping, kinds of characters.</summary>
internal static class PythonText
{
    private static readonly Dictionary<int, (string Lower, string Title, string Upper)> Special = UnicodeTables.Rows("special-casing").ToDictionary(
        row => UnicodeTables.CodePoint(row[0]),
        row => (Between(row, "lower", "title"), Between(row, "title", "upper"), Between(row, "upper", null)));

    /// <summary>Appends a string with quotes and escapes, as Python's <c>repr()</c> does.</summary>
    public static void Represent(string value, StringBuilder text, bool asciiOnly = false)
    {
        char quote = value.Contains('\'') && !value.Contains('"') ? '"' : '\'';
        text.Append(quote);
        foreach (Rune rune in value.EnumerateRunes())
        {
            int code = rune.Value;
            if (code == quote || code == '\\') text.Append('\\').Append((char)code);
            else if (code == '\n') text.Append("\\n");
            else if (code == '\r') text.Append("\\r");
            else if (code == '\t') text.Append("\\t");
            else if (code is >= 32 and < 127 || (!asciiOnly && IsPrintable(rune))) text.Append(rune.ToString());
            else if (code <= 0xFF) text.Append(CultureInfo.InvariantCulture, $"\\x{code:x2}");
            else if (code <= 0xFFFF) text.Append(CultureInfo.InvariantCulture, $"\\u{code:x4}");
            else text.Append(CultureInfo.InvariantCulture, $"\\U{code:x8}");
        }
        text.Append(quote);
    }

    public static string Upper(string text) => Map(text, (rune, _) => UpperOf(rune));

    public static string Lower(string text) => Map(text, LowerAt(text));

    /// <summary>Upper case and lower case exchanged.</summary>
    public static string SwapCase(string text)
    {
        Func<Rune, int, string> lower = LowerAt(text);
        return Map(text, (rune, at) => Rune.IsUpper(rune) ? lower(rune, at) : Rune.IsLower(rune) ? UpperOf(rune) : rune.ToString());
    }

    /// <summary>The first character in title case, the others in lower case.</summary>
    public static string Capitalize(string text)
    {
        Func<Rune, int, string> lower = LowerAt(text);
        return Map(text, (rune, at) => at == 0 ? TitleOf(rune) : lower(rune, at));
    }

    /// <summary>Python's <c>str.title()</c>: a capital after every character that has no case.</summary>
    public static string Title(string text)
    {
        Func<Rune, int, string> lower = LowerAt(text);
        bool inside = false;
        return Map(text, (rune, at) =>
        {
            string mapped = inside ? lower(rune, at) : TitleOf(rune);
            inside = IsCased(rune);
            return mapped;
        });
    }

    /// <summary>Text as it is compared where case does not matter.</summary>
    public static string CaseFold(string text) => Map(text, (rune, _) => rune.Value switch
    {
        0xDF or 0x1E9E => "ss",
        0x17F => "s",
        0x3C2 => "σ",
        0xB5 => "μ",
        _ when Special.TryGetValue(rune.Value, out (string Lower, string, string Upper) special) && rune.Value != 0x130 => Lower(special.Upper),
        0x130 => "i\u0307",
        _ => Rune.ToLowerInvariant(rune).ToString(),
    });

    public static bool IsCased(Rune rune) => Rune.IsUpper(rune) || Rune.IsLower(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    /// <summary>White space as Python's string methods see it, which counts the separators U+001C to U+001F.</summary>
    public static bool IsSpace(int code) => code is >= 0x1C and <= 0x1F || (code <= 0xFFFF && char.IsWhiteSpace((char)code));

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    private static string UpperOf(Rune rune) => Special.TryGetValue(rune.Value, out (string, string, string Upper) special) ? special.Upper : Rune.ToUpperInvariant(rune).ToString();

    private static string TitleOf(Rune rune) => rune.Value switch
    {
        // The four digraphs that have a form of their own for titles.
        >= 0x1C4 and <= 0x1C6 => "\u01C5",
        >= 0x1C7 and <= 0x1C9 => "\u01C8",
        >= 0x1CA and <= 0x1CC => "\u01CB",
        >= 0x1F1 and <= 0x1F3 => "\u01F2",
        _ => Special.TryGetValue(rune.Value, out (string, string Title, string) special) ? special.Title : Rune.ToUpperInvariant(rune).ToString(),
    };

    // Sigma at the end of a word has a form of its own.
    private static Func<Rune, int, string> LowerAt(string text) => (rune, at) => rune.Value switch
    {
        0x3A3 => IsFinalSigma(text, at) ? "ς" : "σ",
        _ => Special.TryGetValue(rune.Value, out (string Lower, string, string) special) ? special.Lower : Rune.ToLowerInvariant(rune).ToString(),
    };

    private static bool IsFinalSigma(string text, int at)
    {
        Rune[] before = [.. text[..at].EnumerateRunes()];
        Rune[] after = [.. text[(at + 1)..].EnumerateRunes()];
        return before.Reverse().SkipWhile(IsCaseIgnorable).Take(1).Any(IsCased) && !after.SkipWhile(IsCaseIgnorable).Take(1).Any(IsCased);
    }

    private static bool IsCaseIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or 0x2019 or 0xB7
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static string Map(string text, Func<Rune, int, string> map)
    {
        StringBuilder result = new(text.Length);
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            result.Append(map(rune, at));
            at += rune.Utf16SequenceLength;
        }
        return result.ToString();
    }

    private static string Between(string[] row, string from, string? to)
    {
        int start = Array.IndexOf(row, from) + 1;
        int end = to is null ? row.Length : Array.IndexOf(row, to);
        return string.Concat(row[start..end].Select(field => char.ConvertFromUtf32(UnicodeTables.CodePoint(field))));
    }
}

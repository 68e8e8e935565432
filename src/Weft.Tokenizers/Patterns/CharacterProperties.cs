using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>The named sets of patterns: <c>\p{..}</c>, <c>[[:alpha:]]</c>, <c>\w</c> and so on, with Oniguruma's meaning.</summary>
internal static class CharacterProperties
{
    /// <summary><c>\s</c>: the Unicode property White_Space.</summary>
    public static CharacterSet Space { get; } = CharacterSet.Where(codePoint => CharacterClasses.Classify(codePoint) == CharacterClass.Space);

    /// <summary><c>\d</c>: category Nd.</summary>
    public static CharacterSet Digit { get; } = CharacterSet.Category("Nd")!;

    /// <summary><c>\w</c>: letters, marks, decimal digits, connectors.</summary>
    public static CharacterSet Word { get; } = CharacterSet.Union([.. "L M Nd Pc".Split(' ').Select(name => CharacterSet.Category(name)!)]);

    /// <summary><c>\h</c>: hexadecimal digits.</summary>
    public static CharacterSet HexDigit { get; } = CharacterSet.Where(codePoint => codePoint < 128 && char.IsAsciiHexDigit((char)codePoint));

    private static readonly Dictionary<string, string> LongCategories = new(StringComparer.Ordinal)
    {
        ["letter"] = "L", ["uppercaseletter"] = "Lu", ["lowercaseletter"] = "Ll", ["titlecaseletter"] = "Lt", ["modifierletter"] = "Lm", ["otherletter"] = "Lo",
        ["mark"] = "M", ["nonspacingmark"] = "Mn", ["spacingmark"] = "Mc", ["enclosingmark"] = "Me",
        ["number"] = "N", ["decimalnumber"] = "Nd", ["letternumber"] = "Nl", ["othernumber"] = "No",
        ["punctuation"] = "P", ["connectorpunctuation"] = "Pc", ["dashpunctuation"] = "Pd", ["openpunctuation"] = "Ps", ["closepunctuation"] = "Pe",
        ["initialpunctuation"] = "Pi", ["finalpunctuation"] = "Pf", ["otherpunctuation"] = "Po",
        ["symbol"] = "S", ["mathsymbol"] = "Sm", ["currencysymbol"] = "Sc", ["modifiersymbol"] = "Sk", ["othersymbol"] = "So",
        ["separator"] = "Z", ["spaceseparator"] = "Zs", ["lineseparator"] = "Zl", ["paragraphseparator"] = "Zp",
        ["other"] = "C", ["control"] = "Cc", ["format"] = "Cf", ["surrogate"] = "Cs", ["privateuse"] = "Co", ["unassigned"] = "Cn",
    };

    /// <summary>A set by name; case, spaces, hyphens and underscores do not count. Null: there is none.</summary>
    public static CharacterSet? Find(string name)
    {
        if (CharacterSet.Category(name) is CharacterSet category) return category;
        string key = Key(name);
        if (LongCategories.TryGetValue(key, out string? shortName)) return CharacterSet.Category(shortName);
        if (key.Length <= 2 && CharacterSet.Category(CultureInfo.InvariantCulture.TextInfo.ToTitleCase(key)) is CharacterSet folded) return folded;
        CharacterSet? posix = Posix(key);
        if (posix is not null) return posix;
        foreach (string script in UnicodeScripts.Names)
            if (Key(script) == key)
                return CharacterSet.Where(codePoint => UnicodeScripts.Of(codePoint) == script);
        return null;
    }

    private static CharacterSet? Posix(string key) => key switch
    {
        "alpha" or "alphabetic" => CharacterSet.Union([CharacterSet.Category("L")!, CharacterSet.Category("M")!, CharacterSet.Category("Nl")!]),
        "alnum" => CharacterSet.Union([CharacterSet.Category("L")!, CharacterSet.Category("M")!, CharacterSet.Category("Nl")!, Digit]),
        "digit" => Digit,
        "upper" or "uppercase" => CharacterSet.Category("Lu"),
        "lower" or "lowercase" => CharacterSet.Category("Ll"),
        "space" or "whitespace" => Space,
        "blank" => CharacterSet.Where(codePoint => codePoint == '\t' || CharUnicodeInfo.GetUnicodeCategory(codePoint) == UnicodeCategory.SpaceSeparator),
        "cntrl" => CharacterSet.Category("Cc"),
        "punct" => CharacterSet.Union([CharacterSet.Category("P")!, CharacterSet.Where(codePoint => codePoint < 128 && "$+<=>^`|~".Contains((char)codePoint))]),
        "word" => Word,
        "xdigit" => HexDigit,
        "ascii" => CharacterSet.Range(0, 127),
        "any" => CharacterSet.Range(0, 0x10FFFF),
        "assigned" => CharacterSet.Category("Cn")!.Complement(),
        "graph" => CharacterSet.Union([Space, CharacterSet.Category("Cc")!, CharacterSet.Category("Cn")!, CharacterSet.Category("Cs")!]).Complement(),
        "print" => CharacterSet.Union([CharacterSet.Category("Zs")!, CharacterSet.Union([Space, CharacterSet.Category("Cc")!, CharacterSet.Category("Cn")!, CharacterSet.Category("Cs")!]).Complement()]),
        _ => null,
    };

    private static string Key(string name)
    {
        StringBuilder key = new(name.Length);
        foreach (char unit in name)
            if (unit is not (' ' or '-' or '_'))
                key.Append(char.ToLowerInvariant(unit));
        return key.ToString();
    }
}

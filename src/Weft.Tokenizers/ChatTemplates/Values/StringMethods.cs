using System.Globalization;
using System.Numerics;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>The methods of Python's strings.</summary>
internal static class StringMethods
{
    /// <summary>A method bound to a text, or null where there is none of the name.</summary>
    public static Callable? Find(string text, string name) => Method(text, name) is Func<Arguments, object?> method ? new Callable(name, method) : null;

    private static Func<Arguments, object?>? Method(string text, string name) => name switch
    {
        "upper" => _ => PythonText.Upper(text),
        "lower" => _ => PythonText.Lower(text),
        "title" => _ => PythonText.Title(text),
        "capitalize" => _ => PythonText.Capitalize(text),
        "swapcase" => _ => PythonText.SwapCase(text),
        "casefold" => _ => PythonText.CaseFold(text),
        "strip" => arguments => Strip(text, arguments, true, true),
        "lstrip" => arguments => Strip(text, arguments, true, false),
        "rstrip" => arguments => Strip(text, arguments, false, true),
        "split" => arguments => Split(text, arguments, fromRight: false),
        "rsplit" => arguments => Split(text, arguments, fromRight: true),
        "splitlines" => arguments => new PythonList(SplitLines(text, PythonValue.IsTrue(arguments.Bind(name, ("keepends", false))[0]))),
        "startswith" => arguments => Affix(text, arguments, (part, affix) => part.StartsWith(affix, StringComparison.Ordinal)),
        "endswith" => arguments => Affix(text, arguments, (part, affix) => part.EndsWith(affix, StringComparison.Ordinal)),
        "find" => arguments => new BigInteger(Find(text, arguments, last: false)),
        "rfind" => arguments => new BigInteger(Find(text, arguments, last: true)),
        "index" => arguments => Found(Find(text, arguments, last: false)),
        "rindex" => arguments => Found(Find(text, arguments, last: true)),
        "count" => arguments => new BigInteger(Count(text, arguments)),
        "replace" => arguments =>
        {
            object?[] values = arguments.Bind(name, ("old", Arguments.Required), ("new", Arguments.Required), ("count", -BigInteger.One));
            return Replace(text, Text(values[0]), Text(values[1]), Whole(values[2]));
        },
        "join" => arguments => Join(text, arguments.Bind(name, ("iterable", Arguments.Required))[0]),
        "center" => arguments => Pad(text, arguments, 'c'),
        "ljust" => arguments => Pad(text, arguments, 'l'),
        "rjust" => arguments => Pad(text, arguments, 'r'),
        "zfill" => arguments => PercentFormat.ZeroPad(text, PythonArithmetic.CheckLength(Whole(arguments.Bind(name, ("width", Arguments.Required))[0]))),
        "partition" => arguments => Partition(text, Text(arguments.Bind(name, ("sep", Arguments.Required))[0]), last: false),
        "rpartition" => arguments => Partition(text, Text(arguments.Bind(name, ("sep", Arguments.Required))[0]), last: true),
        "removeprefix" => arguments => Text(arguments.Bind(name, ("prefix", Arguments.Required))[0]) is string prefix && text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text,
        "removesuffix" => arguments => Text(arguments.Bind(name, ("suffix", Arguments.Required))[0]) is string suffix && text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text,
        "expandtabs" => arguments => ExpandTabs(text, PythonArithmetic.CheckLength(Whole(arguments.Bind(name, ("tabsize", new BigInteger(8)))[0]))),
        "format" => arguments => FormatSpecification.Fill(text, arguments),
        "encode" => _ => new PythonBytes(Encoding.UTF8.GetBytes(text)),
        "isdigit" => _ => All(text, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber || rune.Value is 0xB2 or 0xB3 or 0xB9),
        "isdecimal" => _ => All(text, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber),
        "isnumeric" => _ => All(text, Rune.IsNumber),
        "isalpha" => _ => All(text, Rune.IsLetter),
        "isalnum" => _ => All(text, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune)),
        "isspace" => _ => All(text, rune => PythonText.IsSpace(rune.Value)),
        "isascii" => _ => text.All(char.IsAscii),
        "isupper" => _ => HasCase(text, Rune.IsLower),
        "islower" => _ => HasCase(text, Rune.IsUpper),
        "istitle" => _ => HasCase(text, _ => false) && PythonText.Title(text) == text,
        "isprintable" => _ => PythonValue.Represent(text).Length == text.Length + 2,
        "isidentifier" => _ => text.Length > 0 && (char.IsLetter(text[0]) || text[0] == '_') && text.All(unit => char.IsLetterOrDigit(unit) || unit == '_'),
        _ => null,
    };

    /// <summary>The lines of a text.</summary>
    public static List<string> SplitLines(string text, bool keepEnds = false)
    {
        List<string> lines = [];
        for (int start = 0; start < text.Length;)
        {
            int end = start;
            while (end < text.Length && text[end] is not ('\n' or '\r' or '\v' or '\f' or '\x1c' or '\x1d' or '\x1e' or '\x85' or '\u2028' or '\u2029')) end++;
            int next = end == text.Length ? end : text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? end + 2 : end + 1;
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }
        return lines;
    }

    /// <summary>The texts of a sequence with this one between.</summary>
    public static string Join(string separator, object? items)
    {
        StringBuilder result = new();
        int index = 0;
        foreach (object? item in PythonValue.Iterate(items))
        {
            if (index > 0) result.Append(separator);
            result.Append(PythonValue.Text(item) ?? throw ChatTemplateException.Type($"sequence item {index}: expected str instance, {PythonValue.TypeName(item)} found"));
            PythonArithmetic.CheckLength(result.Length);
            index++;
        }
        return result.ToString();
    }

    /// <summary>A text with the first so many occurrences replaced; a negative number: all.</summary>
    public static string Replace(string text, string old, string replacement, BigInteger count)
    {
        if (old.Length > 0 && count.Sign < 0)
        {
            int occurrences = 0;
            for (int at = text.IndexOf(old, StringComparison.Ordinal); at >= 0; at = text.IndexOf(old, at + old.Length, StringComparison.Ordinal)) occurrences++;
            PythonArithmetic.CheckLength(text.Length + (long)occurrences * (replacement.Length - old.Length));
            return text.Replace(old, replacement, StringComparison.Ordinal);
        }
        StringBuilder result = new();
        if (old.Length == 0)
        {
            foreach (string character in CodePoints.Split(text))
            {
                if (!count.IsZero) result.Append(replacement);
                if (count.Sign > 0) count--;
                result.Append(character);
                PythonArithmetic.CheckLength(result.Length);
            }
            return count.IsZero ? result.ToString() : result.Append(replacement).ToString();
        }
        int start = 0;
        for (int at; !count.IsZero && (at = text.IndexOf(old, start, StringComparison.Ordinal)) >= 0; count--)
        {
            result.Append(text, start, at - start).Append(replacement);
            PythonArithmetic.CheckLength(result.Length);
            start = at + old.Length;
        }
        return result.Append(text, start, text.Length - start).ToString();
    }

    /// <summary>A text without given characters, or white space, at its ends.</summary>
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        HashSet<int>? set = characters is null ? null : [.. characters.EnumerateRunes().Select(rune => rune.Value)];
        bool Goes(Rune rune) => set?.Contains(rune.Value) ?? PythonText.IsSpace(rune.Value);
        int start = 0;
        int end = runes.Length;
        while (left && start < end && Goes(runes[start])) start++;
        while (right && end > start && Goes(runes[end - 1])) end--;
        return start == 0 && end == runes.Length ? text : string.Concat(runes[start..end].Select(rune => rune.ToString()));
    }

    /// <summary>A text padded on one side or both.</summary>
    public static string Center(string text, int width, string fill)
    {
        int missing = width - CodePoints.Count(text);
        if (missing <= 0) return text;
        // Python puts the odd one left where the width is odd.
        int left = missing / 2 + (missing & width & 1);
        return Fill(fill, left) + text + Fill(fill, missing - left);
    }

    private static string Fill(string fill, int count) => string.Concat(Enumerable.Repeat(fill, Math.Max(0, count)));

    private static string Strip(string text, Arguments arguments, bool left, bool right)
    {
        object? characters = arguments.Bind("strip", ("chars", null))[0];
        return Strip(text, characters is null ? null : Text(characters), left, right);
    }

    private static PythonList Split(string text, Arguments arguments, bool fromRight)
    {
        object?[] values = arguments.Bind("split", ("sep", null), ("maxsplit", -BigInteger.One));
        BigInteger most = Whole(values[1]);
        if (most.Sign < 0) most = int.MaxValue;
        List<string> parts = [];
        if (values[0] is null) return new PythonList(SplitAtSpace(text, most, fromRight));
        string separator = Text(values[0]);
        if (separator.Length == 0) throw ChatTemplateException.Value("empty separator");
        if (fromRight)
        {
            int end = text.Length;
            for (int at; parts.Count < most && end > 0 && (at = text.LastIndexOf(separator, end - 1, StringComparison.Ordinal)) >= 0; end = at) parts.Add(text[(at + separator.Length)..end]);
            parts.Add(text[..end]);
            parts.Reverse();
            return new PythonList(parts);
        }
        int start = 0;
        for (int at; parts.Count < most && (at = text.IndexOf(separator, start, StringComparison.Ordinal)) >= 0; start = at + separator.Length) parts.Add(text[start..at]);
        parts.Add(text[start..]);
        return new PythonList(parts);
    }

    private static List<string> SplitAtSpace(string text, BigInteger most, bool fromRight)
    {
        List<string> parts = [];
        if (fromRight)
        {
            int end = text.Length;
            while (true)
            {
                while (end > 0 && PythonText.IsSpace(text[end - 1])) end--;
                if (end == 0) break;
                if (parts.Count == most)
                {
                    parts.Add(text[..end]);
                    break;
                }
                int begin = end;
                while (begin > 0 && !PythonText.IsSpace(text[begin - 1])) begin--;
                parts.Add(text[begin..end]);
                end = begin;
            }
            parts.Reverse();
            return parts;
        }
        int start = 0;
        while (true)
        {
            while (start < text.Length && PythonText.IsSpace(text[start])) start++;
            if (start == text.Length) break;
            if (parts.Count == most)
            {
                parts.Add(text[start..]);
                break;
            }
            int end = start;
            while (end < text.Length && !PythonText.IsSpace(text[end])) end++;
            parts.Add(text[start..end]);
            start = end;
        }
        return parts;
    }

    private static bool Affix(string text, Arguments arguments, Func<string, string, bool> test)
    {
        object?[] values = arguments.Bind("startswith", ("prefix", Arguments.Required), ("start", null), ("end", null));
        string part = (string)PythonSlices.Slice(text, values[1], values[2], null)!;
        return values[0] is PythonTuple tuple ? tuple.Items.Any(item => test(part, Text(item))) : test(part, Text(values[0]));
    }

    private static int Find(string text, Arguments arguments, bool last)
    {
        object?[] values = arguments.Bind("find", ("sub", Arguments.Required), ("start", null), ("end", null));
        string wanted = Text(values[0]);
        string part = (string)PythonSlices.Slice(text, values[1], values[2], null)!;
        int at = last ? part.LastIndexOf(wanted, StringComparison.Ordinal) : part.IndexOf(wanted, StringComparison.Ordinal);
        if (at < 0) return -1;
        int before = CodePoints.Count((string)PythonSlices.Slice(text, null, values[1] ?? BigInteger.Zero, null)!);
        return before + CodePoints.FromUnits(part, at);
    }

    private static BigInteger Found(int at) => at >= 0 ? at : throw ChatTemplateException.Value("substring not found");

    private static int Count(string text, Arguments arguments)
    {
        object?[] values = arguments.Bind("count", ("sub", Arguments.Required), ("start", null), ("end", null));
        string wanted = Text(values[0]);
        string part = (string)PythonSlices.Slice(text, values[1], values[2], null)!;
        if (wanted.Length == 0) return CodePoints.Count(part) + 1;
        int count = 0;
        for (int at = part.IndexOf(wanted, StringComparison.Ordinal); at >= 0; at = part.IndexOf(wanted, at + wanted.Length, StringComparison.Ordinal)) count++;
        return count;
    }

    private static string Pad(string text, Arguments arguments, char side)
    {
        object?[] values = arguments.Bind("center", ("width", Arguments.Required), ("fillchar", " "));
        int width = PythonArithmetic.CheckLength(Whole(values[0]));
        string fill = Text(values[1]);
        if (CodePoints.Count(fill) != 1) throw ChatTemplateException.Type("The fill character must be exactly one character long");
        string padding = Fill(fill, width - CodePoints.Count(text));
        return side switch { 'l' => text + padding, 'r' => padding + text, _ => Center(text, width, fill) };
    }

    private static PythonTuple Partition(string text, string separator, bool last)
    {
        if (separator.Length == 0) throw ChatTemplateException.Value("empty separator");
        int at = last ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        if (at < 0) return last ? new PythonTuple("", "", text) : new PythonTuple(text, "", "");
        return new PythonTuple(text[..at], separator, text[(at + separator.Length)..]);
    }

    private static string ExpandTabs(string text, int size)
    {
        StringBuilder result = new();
        int column = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value == '\t')
            {
                int spaces = size > 0 ? size - column % size : 0;
                result.Append(' ', spaces);
                column += spaces;
                PythonArithmetic.CheckLength(result.Length);
                continue;
            }
            result.Append(rune.ToString());
            column = rune.Value is '\n' or '\r' ? 0 : column + 1;
        }
        return result.ToString();
    }

    private static bool All(string text, Func<Rune, bool> test) => text.Length > 0 && text.EnumerateRunes().All(test);

    private static bool HasCase(string text, Func<Rune, bool> forbidden)
    {
        bool any = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (forbidden(rune)) return false;
            any |= PythonText.IsCased(rune);
        }
        return any;
    }

    private static string Text(object? value) => PythonValue.Text(value) ?? throw (value is Undefined undefined ? undefined.Error() : ChatTemplateException.Type($"must be str, not {PythonValue.TypeName(value)}"));

    private static long Whole(object? value) => PythonValue.Number(value) is BigInteger number
        ? (long)BigInteger.Max(BigInteger.Min(number, long.MaxValue), long.MinValue)
        : throw ChatTemplateException.Type($"'{PythonValue.TypeName(value)}' object cannot be interpreted as an integer");
}

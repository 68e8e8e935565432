using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Jinja's filters of single values; those of sequences stand in <see cref="SequenceFilters"/>.</summary>
internal static partial class TemplateFilters
{
    private static readonly Dictionary<string, Func<object?, Arguments, object?>> All = Build();

    public static bool Exists(string name) => All.ContainsKey(name);

    public static object? Run(string name, object? value, Arguments arguments) =>
        All.TryGetValue(name, out Func<object?, Arguments, object?>? filter)
            ? filter(value, arguments)
            : throw new ChatTemplateException("TemplateRuntimeError", $"No filter named '{name}' found.");

    private static Dictionary<string, Func<object?, Arguments, object?>> Build()
    {
        Dictionary<string, Func<object?, Arguments, object?>> filters = new(StringComparer.Ordinal)
        {
            ["abs"] = (value, _) => PythonValue.Number(value) switch
            {
                BigInteger number => BigInteger.Abs(number),
                double number => Math.Abs(number),
                _ => throw ChatTemplateException.Type($"bad operand type for abs(): '{PythonValue.TypeName(value)}'"),
            },
            ["attr"] = (value, arguments) => value is Undefined undefined ? throw undefined.Error() : TemplateAccess.Field(value, PythonValue.ToText(arguments.Bind("attr", ("name", Arguments.Required))[0])),
            ["capitalize"] = (value, _) => PythonText.Capitalize(PythonValue.ToText(value)),
            ["center"] = (value, arguments) => StringMethods.Center(PythonValue.ToText(value), Length(arguments.Bind("center", ("width", new BigInteger(80)))[0]), " "),
            ["default"] = Default,
            ["d"] = Default,
            ["e"] = (value, _) => Escape(value),
            ["escape"] = (value, _) => Escape(value),
            ["forceescape"] = (value, _) => new Markup(Html.Escape(PythonValue.ToText(value))),
            ["safe"] = (value, _) => new Markup(PythonValue.ToText(value)),
            ["filesizeformat"] = FileSize,
            ["float"] = (value, arguments) =>
            {
                object? otherwise = arguments.Bind("float", ("default", 0.0))[0];
                return PythonValue.Number(value) is object number ? PythonArithmetic.ToDouble(number) : ParseDouble(PythonValue.Text(value)) ?? otherwise;
            },
            ["format"] = (value, arguments) => arguments.Named.Count > 0 && arguments.Positional.Count > 0
                ? throw ChatTemplateException.Type("can't handle positional and keyword arguments at the same time")
                : PercentFormat.Format(PythonValue.ToText(value), arguments.Named.Count > 0 ? Dictionary(arguments.Named) : new PythonTuple(arguments.Positional)),
            ["indent"] = Indent,
            ["int"] = ToInteger,
            ["lower"] = (value, _) => PythonText.Lower(PythonValue.ToText(value)),
            ["upper"] = (value, _) => PythonText.Upper(PythonValue.ToText(value)),
            ["replace"] = (value, arguments) =>
            {
                object?[] values = arguments.Bind("replace", ("old", Arguments.Required), ("new", Arguments.Required), ("count", null));
                return StringMethods.Replace(PythonValue.ToText(value), PythonValue.ToText(values[0]), PythonValue.ToText(values[1]), values[2] is null ? -1 : Length(values[2]));
            },
            ["round"] = Round,
            ["string"] = (value, _) => value is Markup ? value : PythonValue.ToText(value),
            ["striptags"] = (value, _) => StripTags(PythonValue.ToText(value)),
            ["title"] = (value, _) => Title(PythonValue.ToText(value)),
            ["tojson"] = ToJson,
            ["trim"] = (value, arguments) => arguments.Bind("trim", ("chars", null))[0] is var characters
                ? StringMethods.Strip(PythonValue.ToText(value), characters is null ? null : PythonValue.ToText(characters), true, true)
                : null,
            ["truncate"] = Truncate,
            ["urlencode"] = (value, _) => UrlEncode(value),
            ["wordcount"] = (value, _) => new BigInteger(CountWords(PythonValue.ToText(value))),
            ["wordwrap"] = WordWrap,
            ["xmlattr"] = XmlAttributes,
        };
        SequenceFilters.AddTo(filters);
        return filters;
    }

    private static object? Default(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("default", ("default_value", ""), ("boolean", false));
        return value is Undefined || (PythonValue.IsTrue(values[1]) && !PythonValue.IsTrue(value)) ? values[0] : value;
    }

    private static Markup Escape(object? value) => value as Markup ?? new Markup(Html.Escape(PythonValue.ToText(value)));

    private static PythonDictionary Dictionary(IEnumerable<(string, object?)> items)
    {
        PythonDictionary dictionary = new();
        foreach ((string key, object? value) in items) dictionary.Set(key, value);
        return dictionary;
    }

    private static int Length(object? value) => PythonValue.Number(value) is BigInteger number
        ? PythonArithmetic.CheckLength((long)BigInteger.Max(BigInteger.Min(number, long.MaxValue), -1))
        : throw ChatTemplateException.Type($"'{PythonValue.TypeName(value)}' object cannot be interpreted as an integer");

    private static string FileSize(object? value, Arguments arguments)
    {
        bool binary = PythonValue.IsTrue(arguments.Bind("filesizeformat", ("binary", false))[0]);
        double bytes = PythonValue.Number(value) is object number ? PythonArithmetic.ToDouble(number) : ParseDouble(PythonValue.Text(value)) ?? throw ChatTemplateException.Value("could not convert string to float");
        double step = binary ? 1024 : 1000;
        if (bytes == 1) return "1 Byte";
        if (bytes < step) return $"{(long)bytes} Bytes";
        string[] units = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        double unit = step;
        for (int i = 0; ; i++)
        {
            unit *= step;
            if (bytes < unit || i == units.Length - 1) return FormatSpecification.Real(step * bytes / unit, 'f', 1) + " " + units[i];
        }
    }

    private static string Indent(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("indent", ("width", new BigInteger(4)), ("first", false), ("blank", false));
        string indent = PythonValue.Text(values[0]) ?? new string(' ', Math.Max(0, Length(values[0])));
        bool blank = PythonValue.IsTrue(values[2]);
        List<string> lines = StringMethods.SplitLines(PythonValue.ToText(value) + "\n");
        PythonArithmetic.CheckLength((long)lines.Count * indent.Length);
        string text = lines[0] + string.Concat(lines.Skip(1).Select(line => "\n" + (blank || line.Length > 0 ? indent : "") + line));
        return PythonValue.IsTrue(values[1]) ? indent + text : text;
    }

    private static object? ToInteger(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("int", ("default", BigInteger.Zero), ("base", new BigInteger(10)));
        switch (PythonValue.Number(value))
        {
            case BigInteger number: return number;
            case double number: return double.IsFinite(number) ? new BigInteger(Math.Truncate(number)) : values[0];
        }
        if (PythonValue.Text(value) is not string text) return values[0];
        if (ParseInteger(text, Length(values[1])) is BigInteger parsed) return parsed;
        return ParseDouble(text) is double real && double.IsFinite(real) ? new BigInteger(Math.Truncate(real)) : values[0];
    }

    private static BigInteger? ParseInteger(string text, int numberBase)
    {
        text = text.Trim().Replace("_", "", StringComparison.Ordinal);
        bool negative = text.StartsWith('-');
        text = text.TrimStart('+', '-').ToLowerInvariant();
        string prefix = numberBase switch { 16 => "0x", 8 => "0o", 2 => "0b", _ => "" };
        if (prefix.Length > 0 && text.StartsWith(prefix, StringComparison.Ordinal)) text = text[2..];
        if (text.Length is 0 or > 4000 || numberBase is < 2 or > 36) return null;
        BigInteger number = 0;
        foreach (char letter in text)
        {
            int digit = char.IsAsciiDigit(letter) ? letter - '0' : letter is >= 'a' and <= 'z' ? letter - 'a' + 10 : 99;
            if (digit >= numberBase) return null;
            number = number * numberBase + digit;
        }
        return negative ? -number : number;
    }

    private static double? ParseDouble(string? text)
    {
        if (text is null) return null;
        text = text.Trim().Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
        switch (text.TrimStart('+', '-'))
        {
            case "inf" or "infinity": return text.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
            case "nan": return double.NaN;
        }
        return double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number) ? number : null;
    }

    private static object Round(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("round", ("precision", BigInteger.Zero), ("method", "common"));
        int precision = PythonValue.Number(values[0]) is BigInteger places ? (int)BigInteger.Max(BigInteger.Min(places, 300), -300) : 0;
        object number = PythonValue.Number(value) ?? throw ChatTemplateException.Type($"type {PythonValue.TypeName(value)} doesn't define __round__ method");
        switch (PythonValue.ToText(values[1]))
        {
            case "ceil": return Math.Ceiling(PythonArithmetic.ToDouble(number) * Math.Pow(10, precision)) / Math.Pow(10, precision);
            case "floor": return Math.Floor(PythonArithmetic.ToDouble(number) * Math.Pow(10, precision)) / Math.Pow(10, precision);
            case "common": break;
            default: throw new ChatTemplateException("FilterArgumentError", "method must be common, ceil or floor");
        }
        if (number is BigInteger integer) return precision >= 0 ? integer : RoundRatio(integer, 1, precision);
        double real = (double)number;
        if (!double.IsFinite(real)) return real;
        // Exactly, on the binary value: mantissa times a power of two.
        long bits = BitConverter.DoubleToInt64Bits(real);
        int exponent = (int)(bits >> 52 & 0x7FF);
        BigInteger mantissa = (bits & 0xFFFFFFFFFFFFF) | (exponent > 0 ? 1L << 52 : 0);
        exponent = Math.Max(exponent, 1) - 1075;
        if (bits < 0) mantissa = -mantissa;
        BigInteger rounded = exponent >= 0 ? RoundRatio(mantissa << exponent, 1, precision) : RoundRatio(mantissa, BigInteger.One << -exponent, precision);
        double result = precision >= 0
            ? double.Parse($"{rounded}E-{precision}", CultureInfo.InvariantCulture)
            : (double)rounded;
        return rounded.IsZero && bits < 0 ? -0.0 : result;
    }

    // A fraction times 10 to the precision, to the nearest whole number, the even one of two; for a negative precision scaled back.
    private static BigInteger RoundRatio(BigInteger numerator, BigInteger denominator, int precision)
    {
        BigInteger scale = BigInteger.Pow(10, Math.Abs(precision));
        if (precision >= 0) numerator *= scale;
        else denominator *= scale;
        BigInteger quotient = BigInteger.DivRem(BigInteger.Abs(numerator), denominator, out BigInteger remainder);
        int half = (remainder * 2).CompareTo(denominator);
        if (half > 0 || (half == 0 && !quotient.IsEven)) quotient += 1;
        if (numerator.Sign < 0) quotient = -quotient;
        return precision < 0 ? quotient * scale : quotient;
    }

    [GeneratedRegex(@"<!--.*?-->|<[^>]*>", RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Tags();

    private static string StripTags(string text)
    {
        text = string.Join(' ', Tags().Replace(text, "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return text.Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal)
            .Replace("&#34;", "\"", StringComparison.Ordinal).Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&#39;", "'", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal);
    }

    // A capital after white space, hyphens and opening brackets; everything else in lower case.
    private static string Title(string text)
    {
        StringBuilder result = new();
        int start = 0;
        bool inWord = false;
        for (int i = 0; i <= text.Length; i++)
        {
            bool separates = i < text.Length && (text[i] is '-' or '(' or '{' or '[' or '<' || PythonText.IsSpace(text[i]));
            if (i < text.Length && separates != inWord) continue;
            if (inWord)
            {
                string word = text[start..i];
                int first = char.IsSurrogate(word[0]) && word.Length > 1 ? 2 : 1;
                result.Append(PythonText.Upper(word[..first])).Append(PythonText.Lower(word[first..]));
            }
            else
            {
                result.Append(text, start, i - start);
            }
            start = i;
            inWord = !separates;
        }
        return result.ToString();
    }

    private static string ToJson(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("tojson", ("ensure_ascii", false), ("indent", null), ("separators", null), ("sort_keys", false));
        string? indent = values[1] is null ? null : PythonValue.Text(values[1]) ?? new string(' ', Math.Max(0, Length(values[1])));
        string itemSeparator = indent is null ? ", " : ",";
        string keySeparator = ": ";
        if (values[2] is not null)
        {
            object?[] separators = [.. PythonValue.Iterate(values[2])];
            if (separators.Length != 2) throw ChatTemplateException.Value("separators must be a pair");
            itemSeparator = PythonValue.ToText(separators[0]);
            keySeparator = PythonValue.ToText(separators[1]);
        }
        return PythonJson.Write(value, indent, itemSeparator, keySeparator, PythonValue.IsTrue(values[0]), PythonValue.IsTrue(values[3]));
    }

    private static string Truncate(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("truncate", ("length", new BigInteger(255)), ("killwords", false), ("end", "..."), ("leeway", null));
        string text = PythonValue.ToText(value);
        int length = Length(values[0]);
        string end = PythonValue.ToText(values[2]);
        int leeway = values[3] is null ? 5 : Length(values[3]);
        int endLength = CodePoints.Count(end);
        if (length < endLength) throw new ChatTemplateException("AssertionError", $"expected length >= {endLength}, got {length}");
        if (CodePoints.Count(text) <= length + leeway) return text;
        string kept = text[..CodePoints.ToUnits(text, length - endLength)];
        int space = kept.LastIndexOf(' ');
        return (PythonValue.IsTrue(values[1]) || space < 0 ? kept : kept[..space]) + end;
    }

    private static string UrlEncode(object? value)
    {
        if (PythonValue.Text(value) is string text) return Quote(text, query: false);
        IEnumerable<object?> items = value is PythonDictionary dictionary ? dictionary.Items.Select(item => (object?)new PythonTuple(item.Key, item.Value)) : PythonValue.Iterate(value);
        return string.Join('&', items.Select(item =>
        {
            object?[] pair = [.. PythonValue.Iterate(item)];
            if (pair.Length != 2) throw ChatTemplateException.Value("expected pairs");
            return $"{Quote(PythonValue.ToText(pair[0]), query: true)}={Quote(PythonValue.ToText(pair[1]), query: true)}";
        }));

        static string Quote(string plain, bool query)
        {
            StringBuilder result = new();
            foreach (byte unit in Encoding.UTF8.GetBytes(plain))
            {
                if (char.IsAsciiLetterOrDigit((char)unit) || "_.-~".Contains((char)unit) || (unit == '/' && !query)) result.Append((char)unit);
                else if (unit == ' ' && query) result.Append('+');
                else result.Append(CultureInfo.InvariantCulture, $"%{unit:X2}");
            }
            return result.ToString();
        }
    }

    private static int CountWords(string text)
    {
        int count = 0;
        bool inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool word = Rune.IsLetterOrDigit(rune) || rune.Value == '_' || Rune.IsNumber(rune);
            if (word && !inside) count++;
            inside = word;
        }
        return count;
    }

    private static string WordWrap(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("wordwrap", ("width", new BigInteger(79)), ("break_long_words", true), ("wrapstring", null), ("break_on_hyphens", true));
        int width = Math.Max(1, Length(values[0]));
        bool breaks = PythonValue.IsTrue(values[1]);
        string separator = values[2] is null ? "\n" : PythonValue.ToText(values[2]);
        return string.Join(separator, StringMethods.SplitLines(PythonValue.ToText(value)).SelectMany(line => Wrap(line, width, breaks)));
    }

    private static List<string> Wrap(string line, int width, bool breaksLongWords)
    {
        List<string> lines = [];
        StringBuilder current = new();
        foreach (string word in line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string rest = word;
            if (current.Length > 0 && current.Length + 1 + rest.Length <= width)
            {
                current.Append(' ').Append(rest);
                continue;
            }
            if (current.Length > 0) lines.Add(current.ToString());
            current.Clear();
            for (; breaksLongWords && rest.Length > width; rest = rest[width..]) lines.Add(rest[..width]);
            current.Append(rest);
        }
        if (current.Length > 0 || lines.Count == 0) lines.Add(current.ToString());
        return lines;
    }

    private static Markup XmlAttributes(object? value, Arguments arguments)
    {
        bool space = PythonValue.IsTrue(arguments.Bind("xmlattr", ("autospace", true))[0]);
        if (value is not PythonDictionary dictionary) throw new ChatTemplateException("AttributeError", $"'{PythonValue.TypeName(value)}' object has no attribute 'items'");
        List<string> parts = [];
        foreach ((object? key, object? item) in dictionary.Items)
        {
            if (item is null or Undefined) continue;
            string name = PythonValue.ToText(key);
            if (name.Any(unit => char.IsWhiteSpace(unit) || unit is '/' or '>' or '=')) throw ChatTemplateException.Value($"Invalid character in attribute name: '{name}'");
            parts.Add($"{Html.Escape(name)}=\"{Escape(item).Text}\"");
        }
        string text = string.Join(' ', parts);
        return new Markup(space && text.Length > 0 ? " " + text : text);
    }
}

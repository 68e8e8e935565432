using System.Globalization;
using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>The functions that every template has.</summary>
internal static class TemplateGlobals
{
    public static Scope Create(TimeProvider clock)
    {
        Scope scope = new(null);
        Add("range", arguments => Range(arguments));
        scope.Set("dict", new TemplateObject(name => name == "fromkeys" ? (true, new Callable(name, FromKeys)) : (false, null), "<class 'dict'>") { Call = Dictionary });
        Add("namespace", Namespace);
        Add("cycler", Cycler);
        Add("joiner", Joiner);
        Add("lipsum", _ => "Lorem ipsum dolor sit amet.");
        Add("raise_exception", arguments => throw new ChatTemplateException("TemplateError", PythonValue.ToText(arguments.Bind("raise_exception", ("message", Arguments.Required))[0])));
        Add("strftime_now", arguments => DateFormat.Format(clock.GetLocalNow().DateTime, PythonValue.ToText(arguments.Bind("strftime_now", ("format", Arguments.Required))[0])));
        return scope;

        void Add(string name, Func<Arguments, object?> function) => scope.Set(name, new Callable(name, function));
    }

    private static PythonRange Range(Arguments arguments)
    {
        BigInteger[] values = [.. arguments.Positional.Select(value => PythonValue.Number(value) is BigInteger number ? number : throw ChatTemplateException.Type($"'{PythonValue.TypeName(value)}' object cannot be interpreted as an integer"))];
        PythonRange range = values.Length switch
        {
            1 => new PythonRange(0, values[0], 1),
            2 => new PythonRange(values[0], values[1], 1),
            3 => new PythonRange(values[0], values[1], values[2]),
            _ => throw ChatTemplateException.Type($"range expected 1 to 3 arguments, got {values.Length}"),
        };
        if (range.Step.IsZero) throw ChatTemplateException.Value("range() arg 3 must not be zero");
        _ = range.Count; // too long a range is an error at once
        return range;
    }

    private static PythonDictionary Dictionary(Arguments arguments)
    {
        PythonDictionary result = new();
        foreach (object? source in arguments.Positional)
        {
            if (source is PythonDictionary dictionary)
                foreach ((object? key, object? value) in dictionary.Items) result.Set(key, value);
            else
                foreach (object? item in PythonValue.Iterate(source))
                {
                    object?[] pair = [.. PythonValue.Iterate(item)];
                    if (pair.Length != 2) throw ChatTemplateException.Value("dictionary update sequence element is not a pair");
                    result.Set(pair[0], pair[1]);
                }
        }
        foreach ((string name, object? value) in arguments.Named) result.Set(name, value);
        return result;
    }

    private static PythonDictionary FromKeys(Arguments arguments)
    {
        object?[] values = arguments.Bind("fromkeys", ("iterable", Arguments.Required), ("value", null));
        PythonDictionary result = new();
        foreach (object? key in PythonValue.Iterate(values[0])) result.Set(key, values[1]);
        return result;
    }

    private static TemplateNamespace Namespace(Arguments arguments)
    {
        TemplateNamespace space = new();
        foreach ((object? key, object? value) in Dictionary(arguments).Items)
        {
            string name = PythonValue.ToText(key);
            if (name.StartsWith('_')) throw new ChatTemplateException("SecurityError", $"access to attribute '{name}' of 'Namespace' object is unsafe.");
            space.Fields[name] = value;
        }
        return space;
    }

    private static TemplateObject Cycler(Arguments arguments)
    {
        IReadOnlyList<object?> items = arguments.Positional;
        if (items.Count == 0) throw new ChatTemplateException("RuntimeError", "at least one item has to be provided");
        int at = 0;
        return new TemplateObject(name => name switch
        {
            "current" => (true, items[at]),
            "next" => (true, new Callable(name, _ =>
            {
                object? item = items[at];
                at = (at + 1) % items.Count;
                return item;
            })),
            "reset" => (true, new Callable(name, _ =>
            {
                at = 0;
                return null;
            })),
            _ => (false, null),
        }, "<Cycler>");
    }

    private static TemplateObject Joiner(Arguments arguments)
    {
        object? separator = arguments.Bind("joiner", ("sep", ", "))[0];
        bool used = false;
        return new TemplateObject(_ => (false, null), "<Joiner>")
        {
            Call = _ =>
            {
                object? result = used ? separator : "";
                used = true;
                return result;
            },
        };
    }
}

/// <summary>Python's <c>strftime</c> in the C locale.</summary>
internal static class DateFormat
{
    public static string Format(DateTime time, string format)
    {
        System.Text.StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            bool unpadded = format[i + 1] == '-' && i + 2 < format.Length;
            if (unpadded) i++;
            string field = Field(time, format[++i]);
            text.Append(unpadded && field.Length > 1 ? field.TrimStart('0').PadLeft(1, '0') : field);
        }
        return text.ToString();
    }

    private static string Field(DateTime time, char letter)
    {
        string Custom(string pattern) => time.ToString(pattern, CultureInfo.InvariantCulture);
        return letter switch
        {
            'Y' => time.Year.ToString(CultureInfo.InvariantCulture),
            'y' => Custom("yy"),
            'm' => Custom("MM"),
            'd' => Custom("dd"),
            'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'H' => Custom("HH"),
            'I' => Custom("hh"),
            'M' => Custom("mm"),
            'S' => Custom("ss"),
            'f' => Custom("ffffff"),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'a' => Custom("ddd"),
            'A' => Custom("dddd"),
            'b' or 'h' => Custom("MMM"),
            'B' => Custom("MMMM"),
            'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'u' => (time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'U' => ((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7).ToString("00", CultureInfo.InvariantCulture),
            'W' => ((time.DayOfYear + 6 - ((int)time.DayOfWeek + 6) % 7) / 7).ToString("00", CultureInfo.InvariantCulture),
            'c' => Custom("ddd MMM ") + time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2) + Custom(" HH:mm:ss yyyy"),
            'x' or 'D' => Custom("MM'/'dd'/'yy"),
            'X' or 'T' => Custom("HH:mm:ss"),
            'F' => Custom("yyyy-MM-dd"),
            'R' => Custom("HH:mm"),
            'n' => "\n",
            't' => "\t",
            'Z' or 'z' => "",
            '%' => "%",
            _ => "%" + letter,
        };
    }
}

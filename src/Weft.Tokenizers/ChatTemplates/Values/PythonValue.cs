using System.Globalization;
using System.Numerics;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>What Python does with any value: truth, equality, order, iteration, printing.</summary>
internal static class PythonValue
{
    // A list that holds itself cannot be made, but data may nest; beyond this printing and comparing would overflow the stack.
    private const int DeepestNesting = 200;

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        BigInteger => "int",
        double => "float",
        string => "str",
        Markup => "Markup",
        PythonList => "list",
        PythonTuple => "tuple",
        PythonDictionary => "dict",
        DictionaryView view => view.Kind,
        PythonRange => "range",
        PythonBytes => "bytes",
        Undefined => "Undefined",
        TemplateNamespace => "Namespace",
        _ => "object",
    };

    /// <summary>The text of a string or of escaped text, or null.</summary>
    public static string? Text(object? value) => value as string ?? (value as Markup)?.Text;

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        string text => text.Length > 0,
        Markup markup => markup.Text.Length > 0,
        PythonList list => list.Items.Count > 0,
        PythonTuple tuple => tuple.Items.Length > 0,
        PythonDictionary dictionary => dictionary.Count > 0,
        DictionaryView view => view.Items.Any(),
        PythonRange range => range.Count > 0,
        PythonBytes bytes => bytes.Content.Length > 0,
        _ => true,
    };

    /// <summary>A truth value or number as a number, or null.</summary>
    public static object? Number(object? value) => value switch { bool truth => new BigInteger(truth ? 1 : 0), BigInteger or double => value, _ => null };

    public static bool AreEqual(object? a, object? b, int depth = 0)
    {
        if (depth > DeepestNesting) throw new ChatTemplateException("RecursionError", "values nest too deeply");
        if (Number(a) is object x && Number(b) is object y)
            return x is BigInteger m && y is BigInteger n ? m == n : CompareNumbers(x, y) == 0;
        return (a, b) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (PythonList p, PythonList q) => AllEqual(p.Items, q.Items, depth),
            (PythonTuple p, PythonTuple q) => AllEqual(p.Items, q.Items, depth),
            (PythonDictionary p, PythonDictionary q) => p.Count == q.Count && p.Items.All(item => q.TryGet(item.Key, out object? other) && AreEqual(item.Value, other, depth + 1)),
            (PythonRange p, PythonRange q) => AllEqual([.. p.Items], [.. q.Items], depth),
            _ when Text(a) is string s && Text(b) is string t => s == t,
            _ => ReferenceEquals(a, b),
        };
    }

    /// <summary>The order of two values.</summary>
    /// <exception cref="ChatTemplateException">They have none.</exception>
    public static int Compare(object? a, object? b, string op = "<")
    {
        if (a is Undefined undefined) throw undefined.Error();
        if (b is Undefined other) throw other.Error();
        if (Number(a) is object x && Number(b) is object y) return CompareNumbers(x, y);
        if (Text(a) is string s && Text(b) is string t) return CompareText(s, t);
        IReadOnlyList<object?>? p = Sequence(a);
        IReadOnlyList<object?>? q = Sequence(b);
        if (p is not null && q is not null && a!.GetType() == b!.GetType())
        {
            for (int i = 0; i < Math.Min(p.Count, q.Count); i++)
                if (!AreEqual(p[i], q[i]))
                    return Compare(p[i], q[i], op);
            return p.Count.CompareTo(q.Count);
        }
        throw ChatTemplateException.Type($"'{op}' not supported between instances of '{TypeName(a)}' and '{TypeName(b)}'");
    }

    /// <summary>The items that a loop goes through.</summary>
    /// <exception cref="ChatTemplateException">The value has none.</exception>
    public static IEnumerable<object?> Iterate(object? value) => value switch
    {
        PythonList list => list.Items,
        PythonTuple tuple => tuple.Items,
        PythonDictionary dictionary => dictionary.Keys,
        DictionaryView view => view.Items,
        PythonRange range => range.Items,
        Undefined => [],
        _ when Text(value) is string text => text.EnumerateRunes().Select(rune => (object?)rune.ToString()),
        _ => throw ChatTemplateException.Type($"'{TypeName(value)}' object is not iterable"),
    };

    /// <summary>Whether a loop can go through the value.</summary>
    public static bool IsIterable(object? value) => value is PythonList or PythonTuple or PythonDictionary or DictionaryView or PythonRange or Undefined or string or Markup;

    public static BigInteger Length(object? value) => value switch
    {
        PythonList list => list.Items.Count,
        PythonTuple tuple => tuple.Items.Length,
        PythonDictionary dictionary => dictionary.Count,
        DictionaryView view => view.Items.Count(),
        PythonRange range => range.Count,
        Undefined => 0,
        _ when Text(value) is string text => CodePoints.Count(text),
        _ => throw ChatTemplateException.Type($"object of type '{TypeName(value)}' has no len()"),
    };

    public static bool Contains(object? container, object? item)
    {
        switch (container)
        {
            case PythonDictionary dictionary: return dictionary.Contains(item);
            case string or Markup:
                string text = Text(item) ?? throw ChatTemplateException.Type($"'in <string>' requires string as left operand, not {TypeName(item)}");
                return Text(container)!.Contains(text, StringComparison.Ordinal);
            default:
                if (!IsIterable(container)) throw ChatTemplateException.Type($"argument of type '{TypeName(container)}' is not iterable");
                return Iterate(container).Any(each => AreEqual(each, item));
        }
    }

    /// <summary>Python's <c>str()</c>.</summary>
    public static string ToText(object? value) => Text(value) ?? (value is Undefined ? "" : Represent(value));

    /// <summary>Python's <c>repr()</c>.</summary>
    public static string Represent(object? value)
    {
        StringBuilder text = new();
        Represent(value, text, 0);
        return text.ToString();
    }

    /// <summary>Python's <c>repr()</c> of a number with a point: the shortest text that reads back as the same.</summary>
    public static string Represent(double number)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        string digits = number.ToString("E16", CultureInfo.InvariantCulture);
        string shortest = number.ToString("R", CultureInfo.InvariantCulture);
        int exponent = int.Parse(digits.AsSpan(digits.IndexOf('E') + 1), CultureInfo.InvariantCulture);
        if (number != 0 && exponent is < -4 or >= 16)
        {
            string mantissa = Mantissa(shortest, out int shortExponent);
            string sign = shortExponent < 0 ? "-" : "+";
            return $"{mantissa}e{sign}{Math.Abs(shortExponent):00}";
        }
        if (shortest.Contains('E')) shortest = decimal.Parse(shortest, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        return shortest.Contains('.') ? shortest : shortest + ".0";
    }

    private static string Mantissa(string shortest, out int exponent)
    {
        string sign = shortest.StartsWith('-') ? "-" : "";
        shortest = shortest.TrimStart('-');
        exponent = 0;
        int e = shortest.IndexOf('E');
        if (e >= 0)
        {
            exponent = int.Parse(shortest.AsSpan(e + 1), CultureInfo.InvariantCulture);
            shortest = shortest[..e];
        }
        int point = shortest.IndexOf('.');
        string digits = shortest.Replace(".", "", StringComparison.Ordinal);
        exponent += (point < 0 ? shortest.Length : point) - 1;
        string stripped = digits.TrimStart('0');
        exponent -= digits.Length - stripped.Length;
        stripped = stripped.TrimEnd('0');
        return sign + (stripped.Length > 1 ? $"{stripped[0]}.{stripped[1..]}" : stripped);
    }

    private static void Represent(object? value, StringBuilder text, int depth)
    {
        if (depth > DeepestNesting) throw new ChatTemplateException("RecursionError", "values nest too deeply");
        switch (value)
        {
            case null: text.Append("None"); break;
            case bool truth: text.Append(truth ? "True" : "False"); break;
            case BigInteger number: text.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: text.Append(Represent(number)); break;
            case string content: PythonText.Represent(content, text); break;
            case Markup markup:
                text.Append("Markup(");
                PythonText.Represent(markup.Text, text);
                text.Append(')');
                break;
            case PythonList list: Join(list.Items, "[", "]"); break;
            case PythonTuple { Items.Length: 1 } tuple: Join(tuple.Items, "(", ",)"); break;
            case PythonTuple tuple: Join(tuple.Items, "(", ")"); break;
            case DictionaryView view: Join(view.Items, view.Kind + "([", "])"); break;
            case PythonRange range:
                text.Append(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}{(range.Step.IsOne ? "" : $", {range.Step}")})");
                break;
            case PythonDictionary dictionary:
                text.Append('{');
                bool first = true;
                foreach ((object? key, object? item) in dictionary.Items)
                {
                    if (!first) text.Append(", ");
                    first = false;
                    Represent(key, text, depth + 1);
                    text.Append(": ");
                    Represent(item, text, depth + 1);
                }
                text.Append('}');
                break;
            case Undefined: text.Append("Undefined"); break;
            case PythonBytes bytes:
                text.Append('b');
                PythonText.Represent(string.Concat(bytes.Content.Select(each => (char)each)), text, asciiOnly: true);
                break;
            case TemplateObject thing: text.Append(thing.Shown); break;
            case Callable callable: text.Append($"<function {callable.Name}>"); break;
            default: text.Append($"<{TypeName(value)}>"); break;
        }

        void Join(IEnumerable<object?> items, string open, string close)
        {
            text.Append(open);
            bool first = true;
            foreach (object? item in items)
            {
                if (!first) text.Append(", ");
                first = false;
                Represent(item, text, depth + 1);
            }
            text.Append(close);
        }
    }

    private static int CompareNumbers(object x, object y)
    {
        if (x is BigInteger m && y is BigInteger n) return m.CompareTo(n);
        double p = x is BigInteger a ? (double)a : (double)x;
        double q = y is BigInteger b ? (double)b : (double)y;
        return p.CompareTo(q);
    }

    // By code points: UTF-16 units order characters beyond U+FFFF before U+E000.
    private static int CompareText(string a, string b)
    {
        int i = 0;
        while (i < a.Length && i < b.Length && a[i] == b[i]) i++;
        if (i == a.Length || i == b.Length) return a.Length.CompareTo(b.Length);
        bool high = char.IsSurrogate(a[i]);
        return high != char.IsSurrogate(b[i]) ? high ? 1 : -1 : a[i].CompareTo(b[i]);
    }

    private static IReadOnlyList<object?>? Sequence(object? value) => value switch { PythonList list => list.Items, PythonTuple tuple => tuple.Items, _ => null };

    private static bool AllEqual(IReadOnlyList<object?> a, IReadOnlyList<object?> b, int depth)
    {
        if (a.Count != b.Count) return false;
        for (int i = 0; i < a.Count; i++)
            if (!AreEqual(a[i], b[i], depth + 1))
                return false;
        return true;
    }
}

using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Python's <c>json.dumps</c>, and the way from JSON into values.</summary>
internal static class PythonJson
{
    private const int DeepestNesting = 200;

    /// <summary>A JSON value as a template sees it: 1 is a whole number, 1.0 is not.</summary>
    public static object? Read(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => ReadNumber(element.GetRawText()),
        JsonValueKind.Array => new PythonList(element.EnumerateArray().Select(Read)),
        _ => ReadObject(element),
    };

    /// <summary>A value as JSON.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">What a level is indented with; null: everything on one line.</param>
    /// <param name="itemSeparator">Between items.</param>
    /// <param name="keySeparator">Between a key and its value.</param>
    /// <param name="asciiOnly">Everything else is escaped.</param>
    /// <param name="sorted">Keys in order, not as they came.</param>
    public static string Write(object? value, string? indent, string itemSeparator, string keySeparator, bool asciiOnly, bool sorted)
    {
        StringBuilder text = new();
        Append(value, 0);
        return text.ToString();

        void Append(object? any, int depth)
        {
            if (depth > DeepestNesting) throw new ChatTemplateException("RecursionError", "values nest too deeply");
            PythonArithmetic.CheckLength(text.Length);
            switch (any)
            {
                case null: text.Append("null"); break;
                case bool truth: text.Append(truth ? "true" : "false"); break;
                case BigInteger number: text.Append(number.ToString(CultureInfo.InvariantCulture)); break;
                case double number: text.Append(double.IsFinite(number) ? PythonValue.Represent(number) : double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity"); break;
                case string or Markup: AppendText(PythonValue.Text(any)!, text, asciiOnly); break;
                case PythonList list: AppendItems(list.Items, "[", "]", depth, item => Append(item, depth + 1)); break;
                case PythonTuple tuple: AppendItems(tuple.Items, "[", "]", depth, item => Append(item, depth + 1)); break;
                case PythonDictionary dictionary:
                    IEnumerable<(object? Key, object? Value)> items = dictionary.Items;
                    if (sorted) items = items.OrderBy(item => item.Key, Comparer<object?>.Create((a, b) => PythonValue.Compare(a, b)));
                    AppendItems(items, "{", "}", depth, item =>
                    {
                        AppendText(KeyText(item.Key), text, asciiOnly);
                        text.Append(keySeparator);
                        Append(item.Value, depth + 1);
                    });
                    break;
                default: throw ChatTemplateException.Type($"Object of type {PythonValue.TypeName(any)} is not JSON serializable");
            }
        }

        void AppendItems<T>(IEnumerable<T> items, string open, string close, int depth, Action<T> append)
        {
            text.Append(open);
            bool any = false;
            foreach (T item in items)
            {
                if (any) text.Append(itemSeparator);
                any = true;
                NewLine(depth + 1);
                append(item);
            }
            if (any) NewLine(depth);
            text.Append(close);
        }

        void NewLine(int depth)
        {
            if (indent is null) return;
            text.Append('\n');
            for (int i = 0; i < depth; i++) text.Append(indent);
        }
    }

    private static string KeyText(object? key) => key switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        BigInteger or double => PythonValue.Represent(key),
        _ => PythonValue.Text(key) ?? throw ChatTemplateException.Type($"keys must be str, int, float, bool or None, not {PythonValue.TypeName(key)}"),
    };

    private static void AppendText(string value, StringBuilder text, bool asciiOnly)
    {
        text.Append('"');
        foreach (char unit in value)
        {
            switch (unit)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                default:
                    if (unit < 32 || (asciiOnly && unit > 126)) text.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}");
                    else text.Append(unit);
                    break;
            }
        }
        text.Append('"');
    }

    private static object ReadNumber(string raw)
    {
        if (raw.AsSpan().IndexOfAny('.', 'e', 'E') >= 0) return double.Parse(raw, CultureInfo.InvariantCulture);
        if (raw.Length > 4000) throw ChatTemplateException.Value("a number has too many digits");
        return BigInteger.Parse(raw, CultureInfo.InvariantCulture);
    }

    private static PythonDictionary ReadObject(JsonElement element)
    {
        PythonDictionary dictionary = new();
        foreach (JsonProperty property in element.EnumerateObject()) dictionary.Set(property.Name, Read(property.Value));
        return dictionary;
    }
}

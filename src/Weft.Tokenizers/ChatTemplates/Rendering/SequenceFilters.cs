using System.Globalization;
using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Jinja's filters of sequences.</summary>
internal static class SequenceFilters
{
    public static void AddTo(Dictionary<string, Func<object?, Arguments, object?>> filters)
    {
        filters["batch"] = Batch;
        filters["slice"] = Slice;
        filters["count"] = filters["length"] = (value, _) => PythonValue.Length(value);
        filters["dictsort"] = DictionarySort;
        filters["first"] = (value, _) => First(PythonValue.Iterate(value));
        filters["last"] = (value, _) => First(PythonValue.Iterate(value).Reverse());
        filters["groupby"] = GroupBy;
        filters["items"] = (value, _) => value switch
        {
            Undefined => new PythonList([]),
            PythonDictionary dictionary => new PythonList(dictionary.Items.Select(item => (object?)new PythonTuple(item.Key, item.Value))),
            _ => throw ChatTemplateException.Type("Can only get item pairs from a mapping."),
        };
        filters["join"] = Join;
        filters["list"] = (value, _) => new PythonList(PythonValue.Iterate(value));
        filters["map"] = Map;
        filters["max"] = (value, arguments) => Extreme(value, arguments, 1);
        filters["min"] = (value, arguments) => Extreme(value, arguments, -1);
        filters["select"] = (value, arguments) => Select(value, arguments, byAttribute: false, keeps: true);
        filters["reject"] = (value, arguments) => Select(value, arguments, byAttribute: false, keeps: false);
        filters["selectattr"] = (value, arguments) => Select(value, arguments, byAttribute: true, keeps: true);
        filters["rejectattr"] = (value, arguments) => Select(value, arguments, byAttribute: true, keeps: false);
        filters["reverse"] = (value, _) => PythonValue.Text(value) is string text
            ? string.Concat(CodePoints.Split(text).Reverse())
            : new PythonList(PythonValue.Iterate(value).Reverse());
        filters["sort"] = Sort;
        filters["sum"] = Sum;
        filters["unique"] = Unique;
    }

    private static object? First(IEnumerable<object?> items)
    {
        foreach (object? item in items) return item;
        return new Undefined("No first item, sequence was empty.");
    }

    private static int Whole(object? value) => PythonValue.Number(value) is BigInteger number && number > 0 && number < 10_000_000
        ? (int)number
        : throw ChatTemplateException.Value($"{PythonValue.Represent(value)} is not a number of items");

    private static PythonList Batch(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("batch", ("linecount", Arguments.Required), ("fill_with", null));
        int size = Whole(values[0]);
        List<List<object?>> rows = [.. PythonValue.Iterate(value).Chunk(size).Select(row => row.ToList())];
        if (values[1] is not null && rows.Count > 0)
            while (rows[^1].Count < size) rows[^1].Add(values[1]);
        return new PythonList(rows.Select(row => new PythonList(row)));
    }

    private static PythonList Slice(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("slice", ("slices", Arguments.Required), ("fill_with", null));
        int slices = Whole(values[0]);
        object?[] items = [.. PythonValue.Iterate(value)];
        int size = items.Length / slices;
        int extra = items.Length % slices;
        List<object?> result = [];
        int at = 0;
        for (int i = 0; i < slices; i++)
        {
            int end = at + size + (i < extra ? 1 : 0);
            List<object?> part = [.. items[at..end]];
            if (values[1] is not null && i >= extra) part.Add(values[1]);
            result.Add(new PythonList(part));
            at = end;
        }
        return new PythonList(result);
    }

    private static PythonList DictionarySort(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("dictsort", ("case_sensitive", false), ("by", "key"), ("reverse", false));
        if (value is Undefined undefined) throw undefined.Error();
        if (value is not PythonDictionary dictionary) throw new ChatTemplateException("AttributeError", $"'{PythonValue.TypeName(value)}' object has no attribute 'items'");
        bool byValue = PythonValue.ToText(values[1]) switch
        {
            "key" => false,
            "value" => true,
            _ => throw new ChatTemplateException("FilterArgumentError", "You can only sort by either \"key\" or \"value\""),
        };
        bool caseSensitive = PythonValue.IsTrue(values[0]);
        return new PythonList(Ordered(dictionary.Items, item => Folded(byValue ? item.Value : item.Key, caseSensitive), PythonValue.IsTrue(values[2]))
            .Select(item => (object?)new PythonTuple(item.Key, item.Value)));
    }

    private static PythonList GroupBy(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("groupby", ("attribute", Arguments.Required), ("default", null), ("case_sensitive", false));
        Func<object?, object?> attribute = AttributeGetter(values[0], values[1]);
        bool caseSensitive = PythonValue.IsTrue(values[2]);
        List<(object? Key, List<object?> Items)> groups = [];
        foreach (object? item in Ordered(PythonValue.Iterate(value), item => Folded(attribute(item), caseSensitive), false))
        {
            object? key = Folded(attribute(item), caseSensitive);
            if (groups.Count == 0 || !PythonValue.AreEqual(groups[^1].Key, key)) groups.Add((key, []));
            groups[^1].Items.Add(item);
        }
        return new PythonList(groups.Select(group => (object?)new PythonTuple(attribute(group.Items[0]), new PythonList(group.Items)) { FieldNames = ["grouper", "list"] }));
    }

    private static string Join(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("join", ("d", ""), ("attribute", null));
        IEnumerable<object?> items = PythonValue.Iterate(value);
        if (values[1] is not null) items = items.Select(AttributeGetter(values[1], null));
        return StringMethods.Join(PythonValue.ToText(values[0]), new PythonList(items.Select(item => (object?)PythonValue.ToText(item))));
    }

    private static PythonList Map(object? value, Arguments arguments)
    {
        if (arguments.Positional.Count == 0)
        {
            object?[] values = arguments.Bind("map", ("attribute", Arguments.Required), ("default", null));
            return new PythonList(PythonValue.Iterate(value).Select(AttributeGetter(values[0], values[1])));
        }
        string filter = PythonValue.ToText(arguments.Positional[0]);
        Arguments rest = new([.. arguments.Positional.Skip(1)], arguments.Named);
        return new PythonList(PythonValue.Iterate(value).Select(item => TemplateFilters.Run(filter, item, rest)));
    }

    private static object? Extreme(object? value, Arguments arguments, int sign)
    {
        object?[] values = arguments.Bind(sign > 0 ? "max" : "min", ("case_sensitive", false), ("attribute", null));
        bool caseSensitive = PythonValue.IsTrue(values[0]);
        Func<object?, object?> attribute = values[1] is null ? item => item : AttributeGetter(values[1], null);
        bool any = false;
        object? best = null;
        object? bestKey = null;
        foreach (object? item in PythonValue.Iterate(value))
        {
            object? key = Folded(attribute(item), caseSensitive);
            if (any && PythonValue.Compare(key, bestKey, sign > 0 ? ">" : "<") * sign <= 0) continue;
            (any, best, bestKey) = (true, item, key);
        }
        return any ? best : new Undefined("No aggregated item, sequence was empty.");
    }

    private static PythonList Select(object? value, Arguments arguments, bool byAttribute, bool keeps)
    {
        IReadOnlyList<object?> positional = arguments.Positional;
        Func<object?, object?> subject = item => item;
        if (byAttribute)
        {
            if (positional.Count == 0) throw new ChatTemplateException("FilterArgumentError", "Missing parameter for attribute name");
            subject = AttributeGetter(positional[0], null);
            positional = [.. positional.Skip(1)];
        }
        string? test = positional.Count > 0 ? PythonValue.ToText(positional[0]) : null;
        Arguments rest = new([.. positional.Skip(1)], arguments.Named);
        return new PythonList(PythonValue.Iterate(value).Where(item =>
            (test is null ? PythonValue.IsTrue(subject(item)) : TemplateTests.Run(test, subject(item), rest)) == keeps));
    }

    private static PythonList Sort(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("sort", ("reverse", false), ("case_sensitive", false), ("attribute", null));
        bool caseSensitive = PythonValue.IsTrue(values[1]);
        Func<object?, object?> key = item => Folded(item, caseSensitive);
        if (values[2] is not null)
        {
            Func<object?, object?>[] getters = PythonValue.Text(values[2]) is string names ? [.. names.Split(',').Select(name => AttributeGetter(name, null))] : [AttributeGetter(values[2], null)];
            key = item => new PythonList(getters.Select(getter => Folded(getter(item), caseSensitive)));
        }
        return new PythonList(Ordered(PythonValue.Iterate(value), key, PythonValue.IsTrue(values[0])));
    }

    private static object? Sum(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("sum", ("attribute", null), ("start", BigInteger.Zero));
        IEnumerable<object?> items = PythonValue.Iterate(value);
        if (values[0] is not null) items = items.Select(AttributeGetter(values[0], null));
        return items.Aggregate(values[1], (sum, item) => PythonArithmetic.Binary("+", sum, item));
    }

    private static PythonList Unique(object? value, Arguments arguments)
    {
        object?[] values = arguments.Bind("unique", ("case_sensitive", false), ("attribute", null));
        bool caseSensitive = PythonValue.IsTrue(values[0]);
        Func<object?, object?> attribute = values[1] is null ? item => item : AttributeGetter(values[1], null);
        PythonDictionary seen = new();
        List<object?> kept = [];
        foreach (object? item in PythonValue.Iterate(value))
        {
            object? key = Folded(attribute(item), caseSensitive);
            if (seen.Contains(key)) continue;
            seen.Set(key, true);
            kept.Add(item);
        }
        return new PythonList(kept);
    }

    private static List<T> Ordered<T>(IEnumerable<T> items, Func<T, object?> key, bool reverse)
    {
        Comparer<object?> order = Comparer<object?>.Create((a, b) => PythonValue.Compare(a, b));
        try
        {
            return [.. reverse ? items.OrderByDescending(key, order) : items.OrderBy(key, order)];
        }
        catch (InvalidOperationException problem) when (problem.InnerException is ChatTemplateException inner)
        {
            throw new ChatTemplateException(inner.Kind, inner.Message);
        }
    }

    private static object? Folded(object? value, bool caseSensitive) => !caseSensitive && PythonValue.Text(value) is string text ? PythonText.Lower(text) : value;

    // 'a.b' goes down two levels; a number is a place in a sequence.
    private static Func<object?, object?> AttributeGetter(object? attribute, object? otherwise)
    {
        object?[] path = PythonValue.Text(attribute) is string text
            ? [.. text.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? (object?)BigInteger.Parse(part, CultureInfo.InvariantCulture) : part)]
            : [attribute];
        return item =>
        {
            foreach (object? part in path)
            {
                item = TemplateAccess.Item(item, part);
                if (otherwise is not null && item is Undefined) item = otherwise;
            }
            return item;
        };
    }
}

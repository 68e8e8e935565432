using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

// What a template computes with. None is null; numbers are BigInteger and double; text is string; truth values are bool.

/// <summary>A list. Templates cannot change one.</summary>
internal sealed class PythonList(IEnumerable<object?> items)
{
    public List<object?> Items { get; } = [.. items];
}

/// <summary>A tuple.</summary>
internal sealed class PythonTuple(params IEnumerable<object?> items)
{
    public object?[] Items { get; } = [.. items];

    /// <summary>Names of the fields, for the pairs that <c>groupby</c> gives.</summary>
    public string[] FieldNames { get; init; } = [];
}

/// <summary>A dictionary that keeps the order in which keys came.</summary>
internal sealed class PythonDictionary
{
    private static readonly object NoneKey = new();

    private readonly OrderedDictionary<object, object?> _items = new(KeyComparer.Instance);

    public int Count => _items.Count;

    public IEnumerable<object?> Keys => _items.Keys.Select(Outside);

    public IEnumerable<object?> Values => _items.Values;

    public IEnumerable<(object? Key, object? Value)> Items => _items.Select(item => (Outside(item.Key), item.Value));

    /// <summary>Sets a key.</summary>
    /// <exception cref="ChatTemplateException">A list or a dictionary cannot be a key.</exception>
    public void Set(object? key, object? value) => _items[Inside(key)] = value;

    public void Remove(object? key) => _items.Remove(Inside(key));

    public bool TryGet(object? key, out object? value)
    {
        value = null;
        return !IsUnhashable(key) && _items.TryGetValue(Inside(key), out value);
    }

    public bool Contains(object? key) => TryGet(key, out _);

    private static object? Outside(object key) => ReferenceEquals(key, NoneKey) ? null : key;

    private static bool IsUnhashable(object? key) => key is PythonList or PythonDictionary;

    private static object Inside(object? key) =>
        IsUnhashable(key) ? throw ChatTemplateException.Type($"unhashable type: '{PythonValue.TypeName(key)}'") : key ?? NoneKey;

    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static KeyComparer Instance { get; } = new();

        public new bool Equals(object? a, object? b) => ReferenceEquals(a, b) || PythonValue.AreEqual(a, b);

        public int GetHashCode(object key) => key switch
        {
            bool truth => new BigInteger(truth ? 1 : 0).GetHashCode(),
            double number when Math.Floor(number) == number && Math.Abs(number) < 1e15 => new BigInteger(number).GetHashCode(),
            PythonTuple tuple => tuple.Items.Length,
            Markup markup => markup.Text.GetHashCode(StringComparison.Ordinal),
            _ => key.GetHashCode(),
        };
    }
}

/// <summary>The keys, values or items of a dictionary.</summary>
internal sealed class DictionaryView(string kind, PythonDictionary owner)
{
    public string Kind => kind;

    public IEnumerable<object?> Items => kind switch
    {
        "dict_keys" => owner.Keys,
        "dict_values" => owner.Values,
        _ => owner.Items.Select(item => new PythonTuple(item.Key, item.Value)),
    };
}

/// <summary>A range of whole numbers.</summary>
internal sealed record PythonRange(BigInteger Start, BigInteger Stop, BigInteger Step)
{
    // The sandbox of the reference allows this many.
    private const int Longest = 100_000;

    public int Count
    {
        get
        {
            BigInteger distance = Step.Sign > 0 ? Stop - Start : Start - Stop;
            if (distance.Sign <= 0) return 0;
            BigInteger step = BigInteger.Abs(Step);
            BigInteger count = (distance + step - 1) / step;
            return count <= Longest ? (int)count : throw ChatTemplateException.Overflow($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({Longest}).");
        }
    }

    public IEnumerable<object?> Items => Enumerable.Range(0, Count).Select(i => (object?)(Start + i * Step));
}

/// <summary>Something that a template asked for and that is not there.</summary>
internal sealed class Undefined(string problem, string kind = "UndefinedError")
{
    public static Undefined Named(string name) => new($"'{name}' is undefined");

    /// <summary>The error for every use other than printing, testing and looping.</summary>
    public ChatTemplateException Error() => new(kind, problem);
}

/// <summary>Text in which HTML's own characters have been escaped.</summary>
internal sealed record Markup(string Text);

/// <summary>Bytes, which templates can only print.</summary>
internal sealed record PythonBytes(byte[] Content);

/// <summary>Fields that a template may set.</summary>
internal sealed class TemplateNamespace
{
    public Dictionary<string, object?> Fields { get; } = new(StringComparer.Ordinal);
}

/// <summary>The arguments of one call.</summary>
internal sealed record Arguments(IReadOnlyList<object?> Positional, IReadOnlyList<(string Name, object? Value)> Named)
{
    public static Arguments None { get; } = new([], []);

    public static Arguments Of(params object?[] positional) => new(positional, []);

    /// <summary>The values of named parameters, defaults filled in.</summary>
    /// <exception cref="ChatTemplateException">There are too many arguments, one that is not known, or one twice, or one is missing.</exception>
    public object?[] Bind(string function, params ReadOnlySpan<(string Name, object? Default)> parameters)
    {
        if (Positional.Count > parameters.Length) throw ChatTemplateException.Type($"{function}() takes {parameters.Length} arguments but {Positional.Count} were given");
        object?[] values = new object?[parameters.Length];
        bool[] given = new bool[parameters.Length];
        for (int i = 0; i < Positional.Count; i++) (values[i], given[i]) = (Positional[i], true);
        foreach ((string name, object? value) in Named)
        {
            int at = -1;
            for (int i = 0; i < parameters.Length; i++)
                if (parameters[i].Name == name)
                    at = i;
            if (at < 0) throw ChatTemplateException.Type($"{function}() got an unexpected keyword argument '{name}'");
            if (given[at]) throw ChatTemplateException.Type($"{function}() got multiple values for argument '{name}'");
            (values[at], given[at]) = (value, true);
        }
        for (int i = 0; i < values.Length; i++)
        {
            if (given[i]) continue;
            if (ReferenceEquals(parameters[i].Default, Required)) throw ChatTemplateException.Type($"{function}() missing required argument '{parameters[i].Name}'");
            values[i] = parameters[i].Default;
        }
        return values;
    }

    /// <summary>The default of a parameter that has none.</summary>
    public static object Required { get; } = new();
}

/// <summary>Something that can be called.</summary>
internal sealed class Callable(string name, Func<Arguments, object?> function)
{
    public string Name => name;

    public Func<Arguments, object?> Function => function;
}

/// <summary>An object with fields that only the engine makes, such as <c>loop</c> or <c>cycler</c>.</summary>
internal sealed class TemplateObject(Func<string, (bool Found, object? Value)> find, string shown)
{
    public Func<string, (bool Found, object? Value)> Field => find;

    public string Shown => shown;

    /// <summary>What calling it does; null: it cannot be called.</summary>
    public Func<Arguments, object?>? Call { get; init; }
}

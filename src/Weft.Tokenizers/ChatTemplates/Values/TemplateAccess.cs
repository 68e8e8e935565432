using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Attributes and items of values, inside the sandbox: nothing that a template reaches can change anything.</summary>
internal static class TemplateAccess
{
    private static readonly string[] ListChanges = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
    private static readonly string[] DictionaryChanges = ["clear", "pop", "popitem", "setdefault", "update"];

    /// <summary><c>owner.name</c>: a method or field first, then a key.</summary>
    public static object? Attribute(object? owner, string name)
    {
        if (owner is Undefined undefined) throw undefined.Error();
        if (TryField(owner, name, out object? value)) return value;
        if (owner is PythonDictionary dictionary && dictionary.TryGet(name, out value)) return value;
        return Missing(owner, name);
    }

    /// <summary><c>owner[key]</c>: an item first, then a method or field.</summary>
    public static object? Item(object? owner, object? key)
    {
        if (owner is Undefined undefined) throw undefined.Error();
        if (owner is PythonDictionary dictionary && dictionary.TryGet(key, out object? value)) return value;
        if (key is bool or BigInteger && PythonSlices.TryIndex(owner, (BigInteger)PythonValue.Number(key)!, out value)) return value;
        if (PythonValue.Text(key) is string name) return TryField(owner, name, out value) ? value : Missing(owner, name);
        return Missing(owner, PythonValue.Represent(key));
    }

    /// <summary>A field or method alone, as the filter <c>attr</c> finds it.</summary>
    public static object? Field(object? owner, string name) => TryField(owner, name, out object? value) ? value : Missing(owner, name);

    private static Undefined Missing(object? owner, string name) =>
        new(owner is null ? $"'None' has no attribute '{name}'" : $"'{PythonValue.TypeName(owner)} object' has no attribute '{name}'");

    private static Undefined Unsafe(object? owner, string name) =>
        new($"access to attribute '{name}' of '{PythonValue.TypeName(owner)}' object is unsafe.", "SecurityError");

    private static bool TryField(object? owner, string name, out object? value)
    {
        value = null;
        // What every Python object has under such names leads out of the sandbox.
        if (name.StartsWith("__", StringComparison.Ordinal) && name.EndsWith("__", StringComparison.Ordinal))
        {
            value = Unsafe(owner, name);
            return true;
        }
        switch (owner)
        {
            case string or Markup:
                value = StringMethods.Find(PythonValue.Text(owner)!, name);
                return value is not null;
            case PythonDictionary dictionary:
                if (DictionaryChanges.Contains(name))
                {
                    value = Unsafe(owner, name);
                    return true;
                }
                value = DictionaryMethod(dictionary, name);
                return value is not null;
            case PythonList list:
                if (ListChanges.Contains(name))
                {
                    value = Unsafe(owner, name);
                    return true;
                }
                value = name == "copy" ? new Callable(name, _ => new PythonList(list.Items)) : SequenceMethod(list.Items, name);
                return value is not null;
            case PythonTuple tuple:
                int field = Array.IndexOf(tuple.FieldNames, name);
                value = field >= 0 ? tuple.Items[field] : SequenceMethod(tuple.Items, name);
                return field >= 0 || value is not null;
            case TemplateNamespace space: return space.Fields.TryGetValue(name, out value);
            case TemplateObject thing:
                (bool found, value) = thing.Field(name);
                return found;
            case bool or BigInteger or double:
                value = NumberField(PythonValue.Number(owner)!, name);
                return value is not null;
            default: return false;
        }
    }

    private static Callable? DictionaryMethod(PythonDictionary dictionary, string name) => name switch
    {
        "keys" => new Callable(name, _ => new DictionaryView("dict_keys", dictionary)),
        "values" => new Callable(name, _ => new DictionaryView("dict_values", dictionary)),
        "items" => new Callable(name, _ => new DictionaryView("dict_items", dictionary)),
        "get" => new Callable(name, arguments =>
        {
            object?[] values = arguments.Bind(name, ("key", Arguments.Required), ("default", null));
            return dictionary.TryGet(values[0], out object? value) ? value : values[1];
        }),
        "copy" => new Callable(name, _ =>
        {
            PythonDictionary copy = new();
            foreach ((object? key, object? value) in dictionary.Items) copy.Set(key, value);
            return copy;
        }),
        _ => null,
    };

    private static Callable? SequenceMethod(IReadOnlyList<object?> items, string name) => name switch
    {
        "index" => new Callable(name, arguments =>
        {
            object? wanted = arguments.Bind(name, ("value", Arguments.Required))[0];
            for (int i = 0; i < items.Count; i++)
                if (PythonValue.AreEqual(items[i], wanted))
                    return new BigInteger(i);
            throw ChatTemplateException.Value($"{PythonValue.Represent(wanted)} is not in list");
        }),
        "count" => new Callable(name, arguments =>
        {
            object? wanted = arguments.Bind(name, ("value", Arguments.Required))[0];
            return new BigInteger(items.Count(item => PythonValue.AreEqual(item, wanted)));
        }),
        _ => null,
    };

    private static object? NumberField(object number, string name) => (name, number) switch
    {
        ("real", _) => number,
        ("imag", BigInteger) => BigInteger.Zero,
        ("imag", _) => 0.0,
        ("numerator", BigInteger) => number,
        ("denominator", BigInteger) => BigInteger.One,
        ("bit_length", BigInteger integer) => new Callable(name, _ => new BigInteger(BigInteger.Abs(integer).GetBitLength())),
        ("is_integer", BigInteger) => new Callable(name, _ => true),
        ("is_integer", double real) => new Callable(name, _ => Math.Floor(real) == real),
        _ => null,
    };
}

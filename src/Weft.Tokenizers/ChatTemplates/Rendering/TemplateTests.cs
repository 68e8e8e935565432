using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Jinja's tests: <c>value is odd</c>.</summary>
internal static class TemplateTests
{
    private static readonly Dictionary<string, Func<object?, Arguments, bool>> All = new(StringComparer.Ordinal)
    {
        ["boolean"] = (value, _) => value is bool,
        ["callable"] = (value, _) => value is Callable or Undefined or TemplateObject { Call: not null },
        ["defined"] = (value, _) => value is not Undefined,
        ["undefined"] = (value, _) => value is Undefined,
        ["divisibleby"] = (value, arguments) => PythonValue.AreEqual(PythonArithmetic.Binary("%", value, arguments.Bind("divisibleby", ("num", Arguments.Required))[0]), BigInteger.Zero),
        ["escaped"] = (value, _) => value is Markup,
        ["even"] = (value, _) => PythonValue.AreEqual(PythonArithmetic.Binary("%", value, new BigInteger(2)), BigInteger.Zero),
        ["odd"] = (value, _) => PythonValue.AreEqual(PythonArithmetic.Binary("%", value, new BigInteger(2)), BigInteger.One),
        ["false"] = (value, _) => value is false,
        ["true"] = (value, _) => value is true,
        ["filter"] = (value, _) => PythonValue.Text(value) is string name && TemplateFilters.Exists(name),
        ["test"] = (value, _) => PythonValue.Text(value) is string name && Exists(name),
        ["float"] = (value, _) => value is double,
        ["integer"] = (value, _) => value is BigInteger,
        ["number"] = (value, _) => value is bool or BigInteger or double,
        ["in"] = (value, arguments) => PythonValue.Contains(arguments.Bind("in", ("seq", Arguments.Required))[0], value),
        ["iterable"] = (value, _) => PythonValue.IsIterable(value),
        ["lower"] = (value, _) => PythonValue.IsTrue(StringMethods.Find(PythonValue.ToText(value), "islower")!.Function(Arguments.None)),
        ["upper"] = (value, _) => PythonValue.IsTrue(StringMethods.Find(PythonValue.ToText(value), "isupper")!.Function(Arguments.None)),
        ["mapping"] = (value, _) => value is PythonDictionary,
        ["none"] = (value, _) => value is null,
        ["sameas"] = (value, arguments) => Same(value, arguments.Bind("sameas", ("other", Arguments.Required))[0]),
        ["sequence"] = (value, _) => value is PythonList or PythonTuple or PythonDictionary or PythonRange or string or Markup or Undefined,
        ["string"] = (value, _) => value is string or Markup,
    };

    private static readonly Dictionary<string, string> Comparisons = new(StringComparer.Ordinal)
    {
        ["eq"] = "==", ["equalto"] = "==", ["=="] = "==", ["ne"] = "!=", ["!="] = "!=",
        ["gt"] = ">", ["greaterthan"] = ">", [">"] = ">", ["ge"] = ">=", [">="] = ">=",
        ["lt"] = "<", ["lessthan"] = "<", ["<"] = "<", ["le"] = "<=", ["<="] = "<=",
    };

    public static bool Exists(string name) => All.ContainsKey(name) || Comparisons.ContainsKey(name);

    public static bool Run(string name, object? value, Arguments arguments)
    {
        if (Comparisons.TryGetValue(name, out string? op)) return Compare(op, value, arguments.Bind(name, ("other", Arguments.Required))[0]);
        return All.TryGetValue(name, out Func<object?, Arguments, bool>? test)
            ? test(value, arguments)
            : throw new ChatTemplateException("TemplateRuntimeError", $"No test named '{name}'.");
    }

    /// <summary>One comparison.</summary>
    public static bool Compare(string op, object? a, object? b) => op switch
    {
        "==" => PythonValue.AreEqual(a, b),
        "!=" => !PythonValue.AreEqual(a, b),
        "in" => PythonValue.Contains(b, a),
        "not in" => !PythonValue.Contains(b, a),
        _ => Ordered(op, a, b),
    };

    private static bool Ordered(string op, object? a, object? b)
    {
        int order = PythonValue.Compare(a, b, op);
        return op switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    private static bool Same(object? a, object? b) => (a, b) switch
    {
        (null, null) => true,
        (bool p, bool q) => p == q,
        (BigInteger p, BigInteger q) => p == q,
        (string p, string q) => p == q,
        _ => ReferenceEquals(a, b),
    };
}

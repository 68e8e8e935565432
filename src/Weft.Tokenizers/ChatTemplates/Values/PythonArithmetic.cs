using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Python's operators.</summary>
internal static class PythonArithmetic
{
    // A template must not fill the memory: the longest text or list, and the largest number, that an operator makes.
    private const int LongestResult = 10_000_000;
    private const int MostBits = 100_000;

    public static object? Unary(string op, object? operand)
    {
        if (op == "not") return !PythonValue.IsTrue(operand);
        if (operand is Undefined undefined) throw undefined.Error();
        return PythonValue.Number(operand) switch
        {
            BigInteger number => op == "-" ? -number : number,
            double number => op == "-" ? -number : number,
            _ => throw ChatTemplateException.Type($"bad operand type for unary {op}: '{PythonValue.TypeName(operand)}'"),
        };
    }

    public static object? Binary(string op, object? a, object? b)
    {
        if (op == "~") return Concatenated(PythonValue.ToText(a), PythonValue.ToText(b));
        if (a is Undefined undefined) throw undefined.Error();
        if (b is Undefined other) throw other.Error();
        object? x = PythonValue.Number(a);
        object? y = PythonValue.Number(b);
        if (x is BigInteger m && y is BigInteger n) return Integers(op, m, n);
        if (x is not null && y is not null) return Reals(op, ToDouble(x), ToDouble(y));
        switch (op)
        {
            case "+" when PythonValue.Text(a) is string s && PythonValue.Text(b) is string t: return Concatenated(s, t);
            case "+" when a is PythonList p && b is PythonList q: return Checked(new PythonList([.. p.Items, .. q.Items]));
            case "+" when a is PythonTuple p && b is PythonTuple q: return new PythonTuple([.. p.Items, .. q.Items]);
            case "*" when y is BigInteger times: return Repeat(a, times) ?? throw Unsupported(op, a, b);
            case "*" when x is BigInteger times: return Repeat(b, times) ?? throw Unsupported(op, a, b);
            case "%" when PythonValue.Text(a) is string format: return PercentFormat.Format(format, b);
            default: throw Unsupported(op, a, b);
        }
    }

    /// <summary>Checks that a text is not longer than a template may make it.</summary>
    public static int CheckLength(long length) =>
        length <= LongestResult ? (int)length : throw new ChatTemplateException("MemoryError", $"a value of {length} items is longer than the {LongestResult} that a template may make");

    public static double ToDouble(object number) => number is BigInteger integer ? (double)integer : (double)number;

    private static string Concatenated(string s, string t)
    {
        CheckLength((long)s.Length + t.Length);
        return s + t;
    }

    private static PythonList Checked(PythonList list)
    {
        CheckLength(list.Items.Count);
        return list;
    }

    private static object? Repeat(object? value, BigInteger times)
    {
        int count = times.Sign <= 0 ? 0 : (int)BigInteger.Min(times, LongestResult + 1);
        switch (value)
        {
            case PythonList list:
                CheckLength((long)list.Items.Count * count);
                return new PythonList(Enumerable.Repeat(list.Items, list.Items.Count == 0 ? 0 : count).SelectMany(items => items));
            case PythonTuple tuple:
                CheckLength((long)tuple.Items.Length * count);
                return new PythonTuple(Enumerable.Repeat(tuple.Items, tuple.Items.Length == 0 ? 0 : count).SelectMany(items => items));
            default:
                if (PythonValue.Text(value) is not string text) return null;
                CheckLength((long)text.Length * count);
                return string.Concat(Enumerable.Repeat(text, text.Length == 0 ? 0 : count));
        }
    }

    private static object Integers(string op, BigInteger m, BigInteger n)
    {
        switch (op)
        {
            case "+": return m + n;
            case "-": return m - n;
            case "*":
                CheckBits(m.GetBitLength() + n.GetBitLength());
                return m * n;
            case "/": return n.IsZero ? throw DivisionByZero("division by zero") : (double)m / (double)n;
            case "//": return n.IsZero ? throw DivisionByZero("integer division or modulo by zero") : FloorDivide(m, n);
            case "%": return n.IsZero ? throw DivisionByZero("integer modulo by zero") : m - FloorDivide(m, n) * n;
            default:
                if (n.Sign < 0) return Math.Pow((double)m, (double)n);
                CheckBits(m.GetBitLength() * (n > MostBits ? MostBits + 1 : (long)n));
                return BigInteger.Pow(m, (int)BigInteger.Min(n, int.MaxValue));
        }
    }

    private static object Reals(string op, double x, double y)
    {
        switch (op)
        {
            case "+": return x + y;
            case "-": return x - y;
            case "*": return x * y;
            case "/": return y == 0 ? throw DivisionByZero("float division by zero") : x / y;
            case "//": return y == 0 ? throw DivisionByZero("float floor division by zero") : Math.Floor(x / y);
            case "%":
                if (y == 0) throw DivisionByZero("float modulo");
                double remainder = x % y;
                return remainder != 0 && remainder < 0 != y < 0 ? remainder + y : remainder;
            default: return Math.Pow(x, y);
        }
    }

    private static BigInteger FloorDivide(BigInteger m, BigInteger n)
    {
        BigInteger quotient = BigInteger.DivRem(m, n, out BigInteger remainder);
        return remainder.Sign != 0 && remainder.Sign != n.Sign ? quotient - 1 : quotient;
    }

    private static void CheckBits(long bits)
    {
        if (bits > MostBits) throw ChatTemplateException.Overflow($"a number of {bits} bits is larger than the {MostBits} that a template may make");
    }

    private static ChatTemplateException DivisionByZero(string message) => new("ZeroDivisionError", message);

    private static ChatTemplateException Unsupported(string op, object? a, object? b) =>
        ChatTemplateException.Type($"unsupported operand type(s) for {op}: '{PythonValue.TypeName(a)}' and '{PythonValue.TypeName(b)}'");
}

using System.Globalization;
using System.Numerics;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Python's <c>'%s' % value</c>.</summary>
internal static class PercentFormat
{
    public static string Format(string format, object? values)
    {
        StringBuilder text = new();
        object?[] items = values is PythonTuple tuple ? tuple.Items : [values];
        int used = 0;
        bool named = false;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }
            if (++i >= format.Length) throw ChatTemplateException.Value("incomplete format");
            object? value = null;
            bool hasValue = false;
            if (format[i] == '(')
            {
                int close = format.IndexOf(')', i);
                if (close < 0) throw ChatTemplateException.Value("incomplete format key");
                string key = format[(i + 1)..close];
                if (values is not PythonDictionary dictionary) throw ChatTemplateException.Type("format requires a mapping");
                if (!dictionary.TryGet(key, out value)) throw new ChatTemplateException("KeyError", $"'{key}'");
                hasValue = named = true;
                i = close + 1;
            }
            int flagsStart = i;
            while (i < format.Length && "-+ 0#".Contains(format[i])) i++;
            string flags = format[flagsStart..i];
            int width = ReadNumber(format, ref i);
            int precision = -1;
            if (i < format.Length && format[i] == '.')
            {
                i++;
                precision = Math.Max(0, ReadNumber(format, ref i));
            }
            if (i >= format.Length) throw ChatTemplateException.Value("incomplete format");
            if (format[i] == '%')
            {
                text.Append('%');
                continue;
            }
            if (!hasValue) value = used < items.Length ? items[used++] : throw ChatTemplateException.Type("not enough arguments for format string");
            string formatted = Convert(format[i], value, precision, flags);
            PythonArithmetic.CheckLength(width);
            if (flags.Contains('-')) formatted = formatted.PadRight(width);
            else if (flags.Contains('0') && "dioxXeEfFgG".Contains(format[i])) formatted = ZeroPad(formatted, width);
            else formatted = formatted.PadLeft(Math.Max(0, width));
            text.Append(formatted);
        }
        if (!named && used < items.Length && values is not PythonDictionary) throw ChatTemplateException.Type("not all arguments converted during string formatting");
        return text.ToString();
    }

    /// <summary>Zeros between the sign and the digits.</summary>
    public static string ZeroPad(string number, int width)
    {
        string sign = number.Length > 0 && number[0] is '-' or '+' ? number[..1] : "";
        return sign + number[sign.Length..].PadLeft(Math.Max(0, width - sign.Length), '0');
    }

    private static int ReadNumber(string format, ref int at)
    {
        int start = at;
        while (at < format.Length && char.IsAsciiDigit(format[at])) at++;
        if (at == start) return 0;
        return int.TryParse(format.AsSpan(start, at - start), CultureInfo.InvariantCulture, out int number) ? PythonArithmetic.CheckLength(number) : PythonArithmetic.CheckLength(long.MaxValue);
    }

    private static string Convert(char kind, object? value, int precision, string flags)
    {
        switch (kind)
        {
            case 's': return Cut(PythonValue.ToText(value));
            case 'r' or 'a': return Cut(PythonValue.Represent(value));
            case 'c': return PythonValue.Text(value) ?? char.ConvertFromUtf32((int)Whole(value));
            case 'd' or 'i' or 'u': return Sign(Whole(value).ToString(CultureInfo.InvariantCulture).Insert(0, ""));
            case 'x': return Hex(value, "x");
            case 'X': return Hex(value, "X");
            case 'o':
                BigInteger number = BigInteger.Abs(Whole(value));
                string octal = number.IsZero ? "0" : "";
                for (; !number.IsZero; number /= 8) octal = (int)(number % 8) + octal;
                return Whole(value).Sign < 0 ? "-" + octal : octal;
            case 'f' or 'F' or 'e' or 'E' or 'g' or 'G':
                object real = PythonValue.Number(value) ?? throw ChatTemplateException.Type($"must be real number, not {PythonValue.TypeName(value)}");
                return Sign(FormatSpecification.Real(PythonArithmetic.ToDouble(real), kind, precision < 0 ? 6 : precision));
            default: throw ChatTemplateException.Value($"unsupported format character '{kind}'");
        }

        string Cut(string text) => precision >= 0 && CodePoints.Count(text) > precision ? text[..CodePoints.ToUnits(text, precision)] : text;

        string Sign(string text) => text.StartsWith('-') ? text : flags.Contains('+') ? "+" + text : flags.Contains(' ') ? " " + text : text;

        BigInteger Whole(object? any) => PythonValue.Number(any) switch
        {
            BigInteger integer => integer,
            double real when double.IsFinite(real) => new BigInteger(Math.Truncate(real)),
            _ => throw ChatTemplateException.Type($"%{kind} format: a real number is required, not {PythonValue.TypeName(any)}"),
        };

        string Hex(object? any, string letters)
        {
            BigInteger integer = Whole(any);
            string digits = BigInteger.Abs(integer).ToString(letters, CultureInfo.InvariantCulture).TrimStart('0');
            digits = (flags.Contains('#') ? "0" + letters : "") + (digits.Length == 0 ? "0" : digits);
            return integer.Sign < 0 ? "-" + digits : digits;
        }
    }
}

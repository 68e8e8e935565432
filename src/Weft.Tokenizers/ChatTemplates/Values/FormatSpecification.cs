using System.Globalization;
using System.Numerics;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Python's <c>'{:>5}'.format(value)</c>.</summary>
internal static class FormatSpecification
{
    /// <summary>Fills the fields of a format string.</summary>
    public static string Fill(string format, Arguments arguments)
    {
        StringBuilder text = new();
        int next = 0;
        for (int i = 0; i < format.Length; i++)
        {
            char unit = format[i];
            if (unit is '{' or '}' && i + 1 < format.Length && format[i + 1] == unit)
            {
                text.Append(unit);
                i++;
                continue;
            }
            if (unit == '}') throw ChatTemplateException.Value("Single '}' encountered in format string");
            if (unit != '{')
            {
                text.Append(unit);
                continue;
            }
            int close = format.IndexOf('}', i);
            if (close < 0) throw ChatTemplateException.Value("expected '}' before end of string");
            text.Append(Field(format[(i + 1)..close], arguments, ref next));
            PythonArithmetic.CheckLength(text.Length);
            i = close;
        }
        return text.ToString();
    }

    /// <summary>A number as <c>e</c>, <c>f</c> or <c>g</c> write it.</summary>
    public static string Real(double number, char kind, int precision)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        precision = Math.Min(precision, 500);
        if (kind is 'f' or 'F') return number.ToString("F" + precision, CultureInfo.InvariantCulture);
        if (kind is 'e' or 'E') return Exponential(number, precision, kind);
        precision = Math.Max(1, precision);
        string scientific = Exponential(number, precision - 1, 'e');
        int exponent = int.Parse(scientific.AsSpan(scientific.IndexOf('e') + 1), CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= precision)
        {
            int e = scientific.IndexOf('e');
            return TrimZeros(scientific[..e]) + (kind == 'G' ? scientific[e..].ToUpperInvariant() : scientific[e..]);
        }
        return TrimZeros(number.ToString("F" + Math.Max(0, precision - 1 - exponent), CultureInfo.InvariantCulture));
    }

    private static string TrimZeros(string digits) => digits.Contains('.') ? digits.TrimEnd('0').TrimEnd('.') : digits;

    private static string Exponential(double number, int precision, char letter)
    {
        string text = number.ToString((letter == 'e' ? "e" : "E") + precision, CultureInfo.InvariantCulture);
        int at = text.IndexOf(letter);
        int exponent = int.Parse(text.AsSpan(at + 1), CultureInfo.InvariantCulture);
        return $"{text[..at]}{letter}{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static string Field(string field, Arguments arguments, ref int next)
    {
        int colon = field.IndexOf(':');
        string specification = colon < 0 ? "" : field[(colon + 1)..];
        string name = colon < 0 ? field : field[..colon];
        char conversion = '\0';
        int mark = name.IndexOf('!');
        if (mark >= 0)
        {
            conversion = mark + 1 < name.Length ? name[mark + 1] : throw ChatTemplateException.Value("end of string while looking for conversion specifier");
            name = name[..mark];
        }
        int end = name.IndexOfAny(['.', '[']);
        string head = end < 0 ? name : name[..end];
        object? value = head.Length == 0 ? Positional(next++) : int.TryParse(head, CultureInfo.InvariantCulture, out int index) ? Positional(index) : Named(head);
        for (string rest = end < 0 ? "" : name[end..]; rest.Length > 0;)
        {
            bool bracket = rest[0] == '[';
            int stop = bracket ? rest.IndexOf(']') : rest.IndexOfAny(['.', '['], 1);
            if (bracket && stop < 0) throw ChatTemplateException.Value("Missing ']' in format string");
            if (stop < 0) stop = rest.Length;
            string key = rest[1..stop];
            rest = rest[(bracket ? stop + 1 : stop)..];
            if (key.StartsWith('_')) throw new ChatTemplateException("SecurityError", $"access to attribute '{key}' is unsafe.");
            value = bracket ? TemplateAccess.Item(value, BigInteger.TryParse(key, CultureInfo.InvariantCulture, out BigInteger at) ? at : key) : TemplateAccess.Attribute(value, key);
        }
        if (conversion is 'r' or 'a') value = PythonValue.Represent(value);
        else if (conversion == 's') value = PythonValue.ToText(value);
        return Format(value, specification);

        object? Positional(int at) => at < arguments.Positional.Count ? arguments.Positional[at] : throw new ChatTemplateException("IndexError", "Replacement index out of range for positional args tuple");

        object? Named(string id)
        {
            foreach ((string key, object? item) in arguments.Named)
                if (key == id)
                    return item;
            throw new ChatTemplateException("KeyError", $"'{id}'");
        }
    }

    // [[fill]align][sign][#][0][width][,][.precision][type]
    private static string Format(object? value, string specification)
    {
        if (specification.Length == 0) return PythonValue.ToText(value);
        int at = 0;
        char fill = ' ';
        char align = '\0';
        if (specification.Length > 1 && "<>^=".Contains(specification[1]))
        {
            fill = specification[0];
            align = specification[1];
            at = 2;
        }
        else if ("<>^=".Contains(specification[0]))
        {
            align = specification[0];
            at = 1;
        }
        char sign = at < specification.Length && "+- ".Contains(specification[at]) ? specification[at++] : '-';
        if (at < specification.Length && specification[at] == '#') at++;
        if (at < specification.Length && specification[at] == '0' && align == '\0')
        {
            fill = '0';
            align = '=';
            at++;
        }
        int width = Number();
        char group = at < specification.Length && specification[at] is ',' or '_' ? specification[at++] : '\0';
        int precision = -1;
        if (at < specification.Length && specification[at] == '.')
        {
            at++;
            precision = Number();
        }
        char kind = at < specification.Length ? specification[at++] : '\0';
        if (at < specification.Length) throw ChatTemplateException.Value("Invalid format specifier");

        object? number = value is bool && kind == '\0' ? null : PythonValue.Number(value);
        string text = number is null ? TextOf() : NumberOf(number);
        if (number is not null && group != '\0') text = Group(text, group);
        if (number is not null && sign != '-' && !text.StartsWith('-')) text = sign + text;
        int missing = width - CodePoints.Count(text);
        if (missing <= 0) return text;
        string padding = new(fill, missing);
        return (align == '\0' ? number is null ? '<' : '>' : align) switch
        {
            '<' => text + padding,
            '^' => padding[..(missing / 2)] + text + padding[(missing / 2)..],
            '=' when text.StartsWith('-') || text.StartsWith('+') => text[..1] + padding + text[1..],
            _ => padding + text,
        };

        int Number()
        {
            int start = at;
            while (at < specification.Length && char.IsAsciiDigit(specification[at])) at++;
            if (at == start) return 0;
            return int.TryParse(specification.AsSpan(start, at - start), CultureInfo.InvariantCulture, out int count) ? PythonArithmetic.CheckLength(count) : PythonArithmetic.CheckLength(long.MaxValue);
        }

        string TextOf()
        {
            if (kind is not ('\0' or 's')) throw ChatTemplateException.Value($"Unknown format code '{kind}' for object of type '{PythonValue.TypeName(value)}'");
            string plain = PythonValue.ToText(value);
            return precision >= 0 && CodePoints.Count(plain) > precision ? plain[..CodePoints.ToUnits(plain, precision)] : plain;
        }

        string NumberOf(object any) => (kind, any) switch
        {
            ('\0', double real) => precision < 0 ? PythonValue.Represent(real) : Real(real, 'g', precision),
            ('\0' or 'd' or 'n', BigInteger integer) => integer.ToString(CultureInfo.InvariantCulture),
            ('x' or 'X', BigInteger integer) => PercentFormat.Format("%" + kind, integer),
            ('o', BigInteger integer) => PercentFormat.Format("%o", integer),
            ('c', BigInteger integer) => PercentFormat.Format("%c", integer),
            ('b', BigInteger integer) => integer.IsZero ? "0" : (integer.Sign < 0 ? "-" : "") + BigInteger.Abs(integer).ToString("B", CultureInfo.InvariantCulture).TrimStart('0'),
            ('%', _) => Real(PythonArithmetic.ToDouble(any) * 100, 'f', precision < 0 ? 6 : precision) + "%",
            ('f' or 'F' or 'e' or 'E' or 'g' or 'G', _) => Real(PythonArithmetic.ToDouble(any), kind, precision < 0 ? 6 : precision),
            _ => throw ChatTemplateException.Value($"Unknown format code '{kind}' for object of type '{PythonValue.TypeName(value)}'"),
        };
    }

    private static string Group(string number, char separator)
    {
        int start = number.StartsWith('-') ? 1 : 0;
        int end = start;
        while (end < number.Length && char.IsAsciiDigit(number[end])) end++;
        StringBuilder text = new(number);
        for (int at = end - 3; at > start; at -= 3) text.Insert(at, separator);
        return text.ToString();
    }
}

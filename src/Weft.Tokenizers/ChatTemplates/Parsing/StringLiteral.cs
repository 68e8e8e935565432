using System.Globalization;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>The escapes of Python's string literals.</summary>
internal static class StringLiteral
{
    /// <summary>The text that a literal stands for; an unknown escape stays as it is.</summary>
    public static string Unescape(ReadOnlySpan<char> literal, int line)
    {
        if (!literal.Contains('\\')) return literal.ToString();
        StringBuilder text = new();
        for (int i = 0; i < literal.Length; i++)
        {
            if (literal[i] != '\\' || i + 1 == literal.Length)
            {
                text.Append(literal[i]);
                continue;
            }
            char letter = literal[++i];
            switch (letter)
            {
                case '\n': break;
                case '\\' or '\'' or '"': text.Append(letter); break;
                case 'a': text.Append('\a'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'n': text.Append('\n'); break;
                case 'r': text.Append('\r'); break;
                case 't': text.Append('\t'); break;
                case 'v': text.Append('\v'); break;
                case 'x': i += AppendHex(literal[(i + 1)..], 2, text, line); break;
                case 'u': i += AppendHex(literal[(i + 1)..], 4, text, line); break;
                case 'U': i += AppendHex(literal[(i + 1)..], 8, text, line); break;
                case 'N': throw ChatTemplateException.Syntax("\\N{..} in a string is not supported", line);
                case >= '0' and <= '7':
                    int value = 0;
                    int end = Math.Min(i + 3, literal.Length);
                    for (; i < end && literal[i] is >= '0' and <= '7'; i++) value = value * 8 + (literal[i] - '0');
                    i--;
                    text.Append((char)value);
                    break;
                default: text.Append('\\').Append(letter); break;
            }
        }
        return text.ToString();
    }

    private static int AppendHex(ReadOnlySpan<char> digits, int count, StringBuilder text, int line)
    {
        if (digits.Length < count || !int.TryParse(digits[..count], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is < 0 or > 0x10FFFF)
            throw ChatTemplateException.Syntax($"an escape in a string lacks its {count} hexadecimal digits", line);
        text.Append(value <= 0xFFFF ? ((char)value).ToString() : char.ConvertFromUtf32(value));
        return count;
    }
}

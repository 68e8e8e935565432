using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Reads the byte alphabet; a token that is not spelled in it stands for itself.</summary>
internal sealed class ByteLevelDecoder : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens)
    {
        List<byte> bytes = [];
        foreach (string token in tokens) bytes.AddRange(ByteAlphabet.Read(token) ?? Encoding.UTF8.GetBytes(token));
        return [Encoding.UTF8.GetString([.. bytes])];
    }
}

/// <summary>Turns runs of <c>&lt;0xE2&gt;</c> and its like into text; bytes that are not UTF-8 give U+FFFD each.</summary>
internal sealed class ByteFallbackDecoder : TokenDecoder
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public override List<string> Rewrite(List<string> tokens)
    {
        List<string> result = [];
        List<byte> bytes = [];
        foreach (string token in tokens)
        {
            if (ByteOf(token) is byte value)
            {
                bytes.Add(value);
                continue;
            }
            Flush();
            result.Add(token);
        }
        Flush();
        return result;

        void Flush()
        {
            if (bytes.Count == 0) return;
            try
            {
                result.Add(Strict.GetString([.. bytes]));
            }
            catch (DecoderFallbackException)
            {
                for (int i = 0; i < bytes.Count; i++) result.Add("\uFFFD");
            }
            bytes.Clear();
        }
    }

    /// <summary>The byte that a token such as <c>&lt;0xE2&gt;</c> names, or null.</summary>
    public static byte? ByteOf(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)
            ? value
            : null;
}

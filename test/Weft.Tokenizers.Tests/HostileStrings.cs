namespace Weft.Tokenizers.Tests;

/// <summary>Strings that break tokenizers: empty, blank, marks, surrogates, controls, right-to-left, emoji, random.</summary>
internal static class HostileStrings
{
    /// <summary>Valid Unicode: encoding and decoding must give back exactly these.</summary>
    public static IEnumerable<string> Valid()
    {
        yield return "";
        yield return " ";
        yield return "  ";
        yield return "\n";
        yield return " \n\t \r\n";
        yield return "a";
        yield return " a  b   c ";
        yield return "I'll don't 'S 's ' 's''ll 're've'd'm";
        yield return "e\u0301 \u00e9 \uFB01 \u212B";
        yield return "\0\u0001\u007f\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000x";
        yield return "\u200b\u200d\ufeff\u180e\u001c\u001f";
        yield return "👩‍👩‍👧‍👦🏳️‍🌈 𝒜𝒷𝒸 𝟙𝟚𝟛 𠮷";
        yield return "مرحبا שלום สวัสดี नमस्ते 한국어 日本語 1234 ٣٤ Ⅷ½";
        yield return "<|endoftext|>";
        yield return "a<|endoftext|>b<|endoftext";
        yield return "\uFFFD\uFFFE\uFFFF\uE000";
        yield return new string('x', 5000);
        yield return new string(' ', 5000) + "y";
        Random random = new(7);
        string alphabet = "ab 's\n\t'é1٣𝒜👩\u0301.,<|>";
        for (int i = 0; i < 500; i++)
        {
            List<char> text = [];
            int length = random.Next(1, 30);
            for (int k = 0; k < length; k++)
            {
                int at = random.Next(alphabet.Length);
                if (char.IsLowSurrogate(alphabet[at])) at--;
                text.Add(alphabet[at]);
                if (char.IsHighSurrogate(alphabet[at])) text.Add(alphabet[at + 1]);
            }
            yield return new string(text.ToArray());
        }
    }

    /// <summary>Lone surrogates, which stand for U+FFFD.</summary>
    public static IEnumerable<string> Broken() => ["\ud800", "a\udc00b", "\ud83d", "\udc00\ud800", "x \ud800\ud800 y"];

    /// <summary>The text with every lone surrogate replaced.</summary>
    public static string Repaired(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.ToString()));
}

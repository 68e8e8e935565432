using System.Text;

namespace Weft.Tokenizers;

/// <summary>A normalized text and, for every UTF-16 unit and for the end, the code point of the original where it begins.</summary>
internal sealed record NormalizedText(string Text, int[] Origins);

/// <summary>SentencePiece's normalization: compiled rules by longest match, white space made visible.</summary>
internal sealed class SentencePieceNormalizer(SentencePieceModel model, TokenTrie userDefined)
{
    /// <summary>U+2581, which stands for a space.</summary>
    public const char Space = '\u2581';

    /// <summary>Normalizes well-formed text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="prefix">Whether a space may be put before (or behind) it.</param>
    public NormalizedText Normalize(string text, bool prefix = true)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        StringBuilder result = new(text.Length + 1);
        List<int> origins = new(text.Length + 2);
        int at = 0;       // in UTF-16 units
        int byteAt = 0;   // in bytes
        int consumed = 0; // in code points
        char space = model.EscapeWhitespace ? Space : ' ';

        if (model.RemoveExtraWhitespace)
            while (at < text.Length && Next(out _, out _, out _) == " ")
                Step();
        if (at == text.Length) return new NormalizedText("", [consumed]);

        if (prefix && model.AddDummyPrefix && !model.WhitespaceAsSuffix) Write(space);
        bool afterSpace = model.RemoveExtraWhitespace;
        while (at < text.Length)
        {
            ReadOnlySpan<char> piece = Next(out _, out _, out _);
            if (afterSpace) piece = piece.TrimStart(' ');
            foreach (char unit in piece) Write(unit == ' ' ? space : unit);
            if (piece.Length > 0) afterSpace = piece[^1] == ' ';
            Step();
            if (!model.RemoveExtraWhitespace) afterSpace = false;
        }
        if (model.RemoveExtraWhitespace)
        {
            while (result.Length > 0 && result[^1] == space)
            {
                result.Length--;
                consumed = origins[^1];
                origins.RemoveAt(origins.Count - 1);
            }
        }
        if (prefix && model.AddDummyPrefix && model.WhitespaceAsSuffix) Write(space);
        origins.Add(consumed);
        return new NormalizedText(result.ToString(), [.. origins]);

        void Write(char unit)
        {
            result.Append(unit);
            origins.Add(consumed);
        }

        void Step()
        {
            Next(out int units, out int utf8, out int points);
            at += units;
            byteAt += utf8;
            consumed += points;
        }

        string Next(out int units, out int utf8, out int points)
        {
            int own = userDefined.LongestPrefix(text.AsSpan(at), out _);
            if (own > 0) return Taken(text.Substring(at, own), own, out units, out utf8, out points);
            if (model.CharacterMap is not null)
            {
                ReadOnlySpan<byte> replacement = model.CharacterMap.Find(bytes.AsSpan(byteAt), out utf8);
                if (utf8 > 0)
                {
                    string covered = Encoding.UTF8.GetString(bytes, byteAt, utf8);
                    return Taken(Encoding.UTF8.GetString(replacement), covered.Length, out units, out utf8, out points);
                }
            }
            Rune.DecodeFromUtf16(text.AsSpan(at), out Rune rune, out int length);
            return Taken(rune.ToString(), length, out units, out utf8, out points);
        }

        string Taken(string replacement, int length, out int units, out int utf8, out int points)
        {
            units = length;
            utf8 = Encoding.UTF8.GetByteCount(text.AsSpan(at, length));
            points = 0;
            foreach (Rune _ in text.AsSpan(at, length).EnumerateRunes()) points++;
            return replacement;
        }
    }
}

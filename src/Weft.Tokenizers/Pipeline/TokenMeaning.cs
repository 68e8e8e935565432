using System.Text;

namespace Weft.Tokenizers;

/// <summary>Finds out which bytes one token adds to a text.</summary>
internal static class TokenMeaning
{
    /// <summary>The bytes of a token inside a text.</summary>
    public static byte[] Bytes(string token, bool special, TokenDecoder? decoder)
    {
        if (special) return Encoding.UTF8.GetBytes(token);
        IReadOnlyList<TokenDecoder> parts = decoder is SequenceDecoder sequence ? sequence.Parts : decoder is null ? [] : [decoder];
        if (parts.Any(part => part is ByteLevelDecoder)) return ByteAlphabet.Read(token) ?? Encoding.UTF8.GetBytes(token);
        if (parts.Any(part => part is ByteFallbackDecoder) && ByteFallbackDecoder.ByteOf(token) is byte value) return [value];

        // What the token adds behind another one: a decoder may treat the first token of a text in its own way.
        const string Before = "a";
        string both = decoder is null ? $"{Before} {token}" : decoder.Decode([Before, token]);
        string alone = decoder is null ? Before : decoder.Decode([Before]);
        return Encoding.UTF8.GetBytes(both.StartsWith(alone, StringComparison.Ordinal) ? both[alone.Length..] : both);
    }
}

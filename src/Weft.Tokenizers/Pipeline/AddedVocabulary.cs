using System.Text;

namespace Weft.Tokenizers;

/// <summary>Finds added tokens in a text, with all of their flags.</summary>
internal sealed class AddedVocabulary
{
    private readonly AddedTokenMatcher _given;
    private readonly AddedTokenMatcher _normalized;
    private readonly Dictionary<string, AddedToken> _byNormalizedContent = new(StringComparer.Ordinal);

    /// <param name="tokens">The tokens to look for.</param>
    /// <param name="normalizer">Rewrites the contents of the tokens that are looked for in normalized text.</param>
    public AddedVocabulary(IEnumerable<AddedToken> tokens, Normalizer? normalizer)
    {
        AddedToken[] all = [.. tokens.Where(token => token.Content.Length > 0)];
        _given = new AddedTokenMatcher(all.Where(token => !token.Normalized));
        List<AddedToken> rewritten = [];
        foreach (AddedToken token in all.Where(token => token.Normalized))
        {
            string content = normalizer?.Normalize(token.Content) ?? token.Content;
            if (content.Length > 0 && _byNormalizedContent.TryAdd(content, token)) rewritten.Add(token with { Content = content });
        }
        _normalized = new AddedTokenMatcher(rewritten);
    }

    /// <summary>Cuts a text into added tokens and normalized text between them.</summary>
    public List<(AlignedText Text, int? Id)> Split(AlignedText text, Normalizer? normalizer)
    {
        List<(AlignedText, int?)> result = [];
        foreach ((AlignedText part, AddedToken? token) in Split(text, _given))
        {
            if (token is not null)
            {
                result.Add((part, token.Id));
                continue;
            }
            AlignedText normalized = normalizer?.Normalize(part) ?? part;
            foreach ((AlignedText piece, AddedToken? inner) in Split(normalized, _normalized))
                if (piece.Length > 0)
                    result.Add((piece, inner?.Id));
        }
        return result;
    }

    private static List<(AlignedText Text, AddedToken? Token)> Split(AlignedText text, AddedTokenMatcher matcher)
    {
        List<(AlignedText, AddedToken?)> parts = [];
        ReadOnlySpan<char> span = text.Text;
        int done = 0;
        for (int from = 0; from < span.Length && matcher.Find(span, from, out int start) is AddedToken token;)
        {
            int end = start + token.Content.Length;
            from = end;
            if (token.SingleWord && (TouchesWordBefore(span, start) || TouchesWordAfter(span, end))) continue;
            if (token.LeftStrip)
                while (start > done && char.IsWhiteSpace(span[start - 1])) start--;
            if (token.RightStrip)
                while (end < span.Length && char.IsWhiteSpace(span[end])) end++;
            if (start > done) parts.Add((text.Slice(done, start), null));
            parts.Add((text.Slice(start, end), token));
            done = from = end;
        }
        if (done < span.Length) parts.Add((text.Slice(done, span.Length), null));
        return parts;
    }

    private static bool TouchesWordBefore(ReadOnlySpan<char> text, int start) =>
        start > 0 && Rune.DecodeLastFromUtf16(text[..start], out Rune rune, out _) == System.Buffers.OperationStatus.Done && WordCharacters.Contains(rune.Value);

    private static bool TouchesWordAfter(ReadOnlySpan<char> text, int end) =>
        end < text.Length && Rune.DecodeFromUtf16(text[end..], out Rune rune, out _) == System.Buffers.OperationStatus.Done && WordCharacters.Contains(rune.Value);
}

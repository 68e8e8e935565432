using System.Buffers;

namespace Weft.Tokenizers;

/// <summary>Finds given tokens in text: the leftmost, and the longest among those that begin there.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly SearchValues<string>? _contents;
    private readonly AddedToken[] _longestFirst;

    public AddedTokenMatcher(IEnumerable<AddedToken> tokens)
    {
        _longestFirst = [.. tokens.Where(token => token.Content.Length > 0).OrderByDescending(token => token.Content.Length)];
        if (_longestFirst.Length > 0)
            _contents = SearchValues.Create([.. _longestFirst.Select(token => token.Content)], StringComparison.Ordinal);
    }

    /// <summary>The first token at or after <paramref name="start"/>, or null.</summary>
    public AddedToken? Find(ReadOnlySpan<char> text, int start, out int index)
    {
        index = -1;
        if (_contents is null) return null;
        int offset = text[start..].IndexOfAny(_contents);
        if (offset < 0) return null;
        index = start + offset;
        foreach (AddedToken token in _longestFirst)
            if (text[index..].StartsWith(token.Content, StringComparison.Ordinal))
                return token;
        return null;
    }
}

using System.Buffers;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>One token for each character (Unicode code point) of a known alphabet.</summary>
/// <remarks>In a <c>tokenizer.json</c> it is a BPE model without merges and without a pre-tokenizer, which has the same meaning.</remarks>
public sealed class CharacterTokenizer : Tokenizer
{
    private readonly string?[] _texts;  // by token id
    private readonly byte[]?[] _bytes;  // by token id
    private readonly bool[] _special;   // by token id
    private readonly Dictionary<int, int> _idOfCodePoint;
    private readonly Dictionary<string, int> _ids;
    private readonly AddedToken[] _added;
    private readonly AddedTokenMatcher _always;
    private readonly AddedTokenMatcher _allowed;
    private readonly int? _unknownId;

    internal CharacterTokenizer(IReadOnlyDictionary<string, int> vocabulary, string? unknownToken, IEnumerable<AddedToken> addedTokens)
    {
        _added = [.. addedTokens.OrderBy(token => token.Id)];
        _ids = new Dictionary<string, int>(vocabulary, StringComparer.Ordinal);
        foreach (AddedToken token in _added) _ids[token.Content] = token.Id;
        int size = _ids.Values.DefaultIfEmpty(-1).Max() + 1;
        _texts = new string[size];
        _bytes = new byte[size][];
        _special = new bool[size];
        _idOfCodePoint = new Dictionary<int, int>(vocabulary.Count);
        foreach ((string token, int id) in _ids)
        {
            _texts[id] = token;
            _bytes[id] = Encoding.UTF8.GetBytes(token);
        }
        foreach ((string token, int id) in vocabulary)
            if (Rune.TryGetRuneAt(token, 0, out Rune rune) && rune.Utf16SequenceLength == token.Length)
                _idOfCodePoint[rune.Value] = id;
        foreach (AddedToken token in _added) _special[token.Id] = token.Special;
        UnknownToken = unknownToken;
        if (unknownToken is not null)
            _unknownId = TokenId(unknownToken) ?? throw new ArgumentException($"The unknown token '{unknownToken}' is not in the vocabulary.", nameof(unknownToken));
        _always = new AddedTokenMatcher(_added.Where(token => !token.Special));
        _allowed = new AddedTokenMatcher(_added);
    }

    /// <summary>A tokenizer for the characters of a text: ids in the order of code points, then the special tokens.</summary>
    /// <param name="text">Holds every character that will ever be encoded, unless there is an unknown token.</param>
    /// <param name="specialTokens">Tokens such as <c>&lt;|endoftext|&gt;</c>.</param>
    /// <param name="unknownToken">One of the special tokens, for characters that are not in the alphabet; null: they are an error.</param>
    public static CharacterTokenizer FromText(string text, IEnumerable<string>? specialTokens = null, string? unknownToken = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        SortedSet<int> alphabet = [];
        foreach (Rune rune in text.EnumerateRunes()) alphabet.Add(rune.Value);
        Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
        foreach (int codePoint in alphabet) vocabulary.Add(char.ConvertFromUtf32(codePoint), vocabulary.Count);
        List<AddedToken> added = [];
        foreach (string token in specialTokens ?? [])
        {
            if (!vocabulary.TryAdd(token, vocabulary.Count))
                throw new ArgumentException($"The special token '{token}' is in the vocabulary already.", nameof(specialTokens));
            added.Add(new AddedToken(token, vocabulary.Count - 1));
        }
        return new CharacterTokenizer(vocabulary, unknownToken, added);
    }

    /// <summary>The token for characters that are not in the alphabet, or null where they are an error.</summary>
    public string? UnknownToken { get; }

    /// <inheritdoc/>
    public override int VocabularySize => _texts.Length;

    /// <inheritdoc/>
    public override IReadOnlyList<AddedToken> AddedTokens => _added;

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(options);
        AddedTokenMatcher matcher = options.AllowSpecial ? _allowed : _always;
        int start = 0;
        while (start < text.Length && matcher.Find(text, start, out int index) is AddedToken token)
        {
            EncodePlain(text, start, index, ids);
            ids.Add(token.Id);
            start = index + token.Content.Length;
        }
        EncodePlain(text, start, text.Length, ids);
    }

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        StringBuilder text = new(ids.Length);
        foreach (int id in ids)
        {
            string token = Token(id);
            if (!skipSpecial || !_special[id]) text.Append(token);
        }
        return text.ToString();
    }

    /// <inheritdoc/>
    public override string Token(int id) => (uint)id < (uint)_texts.Length && _texts[id] is string text ? text : throw UnknownId(id);

    /// <inheritdoc/>
    public override string TokenText(int id) => Token(id);

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> TokenBytes(int id) =>
        (uint)id < (uint)_bytes.Length && _bytes[id] is byte[] bytes ? bytes : throw UnknownId(id);

    /// <inheritdoc/>
    public override int? TokenId(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <inheritdoc/>
    public override IncrementalDecoder CreateDecoder(bool skipSpecial = false) =>
        new ByteIncrementalDecoder(this, _bytes.Max(bytes => bytes?.Length ?? 0), skipSpecial ? _special : null);

    /// <inheritdoc/>
    public override void Save(string path) => CharacterJson.Save(this, _ids, path);

    private void EncodePlain(ReadOnlySpan<char> text, int start, int end, List<int> ids)
    {
        for (int i = start; i < end;)
        {
            // A lone surrogate decodes as U+FFFD.
            Rune.DecodeFromUtf16(text[i..end], out Rune rune, out int length);
            if (_idOfCodePoint.TryGetValue(rune.Value, out int id)) ids.Add(id);
            else if (_unknownId is int unknown) ids.Add(unknown);
            else throw new ArgumentException(
                $"The character {Show(rune)} at index {i} is not among the {_idOfCodePoint.Count} characters of the vocabulary.", nameof(text));
            i += length;
        }
    }

    private static string Show(Rune rune) =>
        Rune.IsControl(rune) || Rune.IsWhiteSpace(rune) ? $"U+{rune.Value:X4}" : $"'{rune}' (U+{rune.Value:X4})";
}

using System.Text;

namespace Weft.Tokenizers;

/// <summary>A tokenizer from a SentencePiece <c>.model</c> file: Unigram, BPE, words or characters.</summary>
/// <remarks>Kudo and Richardson 2018, arXiv:1808.06226. Spaces are part of the pieces, as U+2581.</remarks>
public sealed class SentencePieceTokenizer : Tokenizer
{
    private readonly SentencePieceModel _model;
    private readonly string? _path;
    private readonly SentencePieceNormalizer _normalizer;
    private readonly SentencePieceSegmenter _segmenter;
    private readonly UnigramModel? _unigram;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly int[] _idOfByte = new int[256];
    private readonly int _unknownId;
    private readonly AddedToken[] _added;
    private readonly AddedTokenMatcher _special;
    private readonly byte[][] _bytes;

    internal SentencePieceTokenizer(SentencePieceModel model, string? path)
    {
        _model = model;
        _path = path;
        Dictionary<string, int> pieces = new(StringComparer.Ordinal);
        TokenTrie userDefined = new();
        List<AddedToken> added = [];
        Array.Fill(_idOfByte, -1);
        _unknownId = -1;
        _bytes = new byte[model.Pieces.Count][];
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            (string text, _, SentencePieceType type) = model.Pieces[id];
            _ids.TryAdd(text, id);
            _bytes[id] = Encoding.UTF8.GetBytes(text.Replace(SentencePieceNormalizer.Space, ' '));
            switch (type)
            {
                case SentencePieceType.Unknown:
                    _unknownId = id;
                    added.Add(new AddedToken(text, id));
                    _bytes[id] = Encoding.UTF8.GetBytes(model.UnknownSurface);
                    break;
                case SentencePieceType.Control:
                    added.Add(new AddedToken(text, id));
                    _bytes[id] = [];
                    break;
                case SentencePieceType.Byte when ByteFallbackDecoder.ByteOf(text) is byte value:
                    _idOfByte[value] = id;
                    _bytes[id] = [value];
                    break;
                case SentencePieceType.UserDefined:
                    if (text.Length > 0) userDefined.Add(text, id);
                    pieces.TryAdd(text, id);
                    break;
                default:
                    pieces.TryAdd(text, id);
                    break;
            }
        }
        DeclaredBeginOfTextId = model.Added.Begin;
        DeclaredEndOfTextId = model.Added.End;
        _added = [.. added];
        _special = new AddedTokenMatcher(added);
        _normalizer = new SentencePieceNormalizer(model, userDefined);
        _segmenter = new SentencePieceSegmenter(model, pieces, userDefined);
        if (model.Kind == SentencePieceKind.Unigram) _unigram = UnigramModel.ForSentencePiece(model);
    }

    /// <inheritdoc/>
    public override int VocabularySize => _model.Pieces.Count;

    /// <inheritdoc/>
    public override IReadOnlyList<AddedToken> AddedTokens => _added;

    /// <summary>The model.</summary>
    internal SentencePieceModel Model => _model;

    /// <summary>The Unigram model, or null where this is another kind.</summary>
    internal UnigramModel? Unigram => _unigram;

    /// <summary>The text as the pieces are matched against it.</summary>
    public string Normalize(string text) => _normalizer.Normalize(Repair(text)).Text;

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(options);
        if (options.AddSpecialTokens && _model.Added.Begin is int begin) ids.Add(begin);
        int start = 0;
        if (options.AllowSpecial)
        {
            while (start < text.Length && _special.Find(text, start, out int index) is AddedToken token)
            {
                EncodePlain(text[start..index].ToString(), ids);
                ids.Add(token.Id);
                start = index + token.Content.Length;
            }
        }
        EncodePlain(text[start..].ToString(), ids);
        if (options.AddSpecialTokens && _model.Added.End is int end) ids.Add(end);
    }

    /// <summary>Encodes one text with the place of every token; special tokens are neither recognised nor added.</summary>
    public TokenEncoding EncodeWithOffsets(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<EncodedToken> result = [];
        NormalizedText normalized = _normalizer.Normalize(Repair(text));
        foreach (PieceToken token in Pieces(normalized.Text))
        {
            int begin = normalized.Origins[token.Start];
            int end = normalized.Origins[token.End];
            string piece = normalized.Text[token.Start..token.End];
            if (token.Id >= 0)
            {
                result.Add(new EncodedToken(token.Id, piece, begin, end));
                continue;
            }
            if (_model.ByteFallback)
            {
                // The last byte has the character's place, the others an empty one before it.
                byte[] bytes = Encoding.UTF8.GetBytes(piece);
                for (int i = 0; i < bytes.Length; i++)
                {
                    int id = ByteId(bytes[i]);
                    result.Add(new EncodedToken(id, Token(id), begin, i == bytes.Length - 1 ? end : begin));
                }
                continue;
            }
            if (result.Count > 0 && result[^1].Id == _unknownId) result[^1] = result[^1] with { Token = result[^1].Token + piece, End = end };
            else result.Add(new EncodedToken(Unknown(piece), piece, begin, end));
        }
        return new TokenEncoding(result);
    }

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        StringBuilder text = new();
        List<byte> bytes = [];
        bool stripsSpace = _model.AddDummyPrefix || _model.RemoveExtraWhitespace;
        bool atBegin = true;
        bool stripped = false; // whether the token before gave its leading space away
        foreach (int id in ids)
        {
            (string piece, _, SentencePieceType type) = Piece(id);
            if (type == SentencePieceType.Byte)
            {
                bytes.AddRange(_bytes[id]);
                continue;
            }
            Flush();
            if (stripped || text.Length > 0) atBegin = false;
            stripped = false;
            if (type == SentencePieceType.Control) continue;
            if (type == SentencePieceType.Unknown)
            {
                text.Append(_model.UnknownSurface);
                continue;
            }
            if (atBegin && stripsSpace && piece.StartsWith(SentencePieceNormalizer.Space))
            {
                piece = piece[1..];
                stripped = !_model.RemoveExtraWhitespace;
            }
            text.Append(piece.Replace(SentencePieceNormalizer.Space, ' '));
        }
        Flush();
        return text.ToString();

        void Flush()
        {
            text.Append(DecodeBytes(bytes));
            bytes.Clear();
        }
    }

    /// <inheritdoc/>
    public override string Token(int id) => Piece(id).Text;

    /// <inheritdoc/>
    public override string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id));

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> TokenBytes(int id)
    {
        Piece(id);
        return _bytes[id];
    }

    /// <inheritdoc/>
    public override int? TokenId(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <inheritdoc/>
    public override IncrementalDecoder CreateDecoder(bool skipSpecial = false) => new WindowIncrementalDecoder(this, skipSpecial);

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The tokenizer was not read from a <c>.model</c> file.</exception>
    /// <remarks>Writes the <c>.model</c> file that it was read from.</remarks>
    public override void Save(string path)
    {
        if (_path is null) throw new NotSupportedException("A SentencePiece tokenizer that was not read from a .model file cannot be saved as one.");
        string temporary = path + ".tmp";
        File.WriteAllBytes(temporary, PackedFile.ReadAllBytes(_path, long.MaxValue));
        File.Move(temporary, path, overwrite: true);
    }

    private (string Text, float Score, SentencePieceType Type) Piece(int id) =>
        (uint)id < (uint)_model.Pieces.Count ? _model.Pieces[id] : throw UnknownId(id);

    private void EncodePlain(string text, List<int> ids)
    {
        if (text.Length == 0) return;
        string normalized = _normalizer.Normalize(Repair(text)).Text;
        bool afterUnknown = false;
        foreach (PieceToken token in Pieces(normalized))
        {
            if (token.Id >= 0)
            {
                ids.Add(token.Id);
            }
            else if (_model.ByteFallback)
            {
                foreach (byte value in Encoding.UTF8.GetBytes(normalized[token.Start..token.End])) ids.Add(ByteId(value));
            }
            else if (!afterUnknown)
            {
                ids.Add(Unknown(normalized[token.Start..token.End]));
            }
            afterUnknown = token.Id < 0;
        }
    }

    private List<PieceToken> Pieces(string normalized)
    {
        List<PieceToken> tokens = [];
        if (_unigram is not null) _unigram.Best(normalized, tokens, fuseUnknown: false);
        else _segmenter.Segment(normalized, tokens);
        return tokens;
    }

    private int ByteId(byte value) => _idOfByte[value] >= 0 ? _idOfByte[value] : Unknown($"byte 0x{value:X2}");

    private int Unknown(string what) => _unknownId >= 0 ? _unknownId : throw new ArgumentException($"'{what}' is not in the vocabulary, which has no unknown token.");

    // Characters where the bytes are UTF-8, one U+FFFD for each byte where they are not.
    private static string DecodeBytes(List<byte> bytes)
    {
        StringBuilder text = new();
        ReadOnlySpan<byte> rest = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes);
        while (!rest.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            text.Append(valid ? rune.ToString() : "\uFFFD");
            rest = rest[(valid ? length : 1)..];
        }
        return text.ToString();
    }

    private static string Repair(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.ToString()));
}

using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>A tokenizer made of the parts that a <c>tokenizer.json</c> names.</summary>
/// <remarks>
/// Text passes: added tokens, normalizer, pre-tokenizer, model, post-processor; and back through the decoder. Every token knows its
/// place in the text that was given, whatever the normalizer did to it.
/// </remarks>
public sealed class PipelineTokenizer : Tokenizer
{
    private readonly PipelineParts _parts;
    private readonly JsonElement _definition;
    private readonly AddedVocabulary _all;
    private readonly AddedVocabulary _withoutSpecial;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly string?[] _tokens; // by token id
    private readonly bool[] _special;   // by token id
    private readonly byte[]?[] _bytes;  // by token id, found on first use

    internal PipelineTokenizer(PipelineParts parts, JsonElement definition)
    {
        _parts = parts;
        _definition = definition;
        _all = new AddedVocabulary(parts.AddedTokens, parts.Normalizer);
        _withoutSpecial = new AddedVocabulary(parts.AddedTokens.Where(token => !token.Special), parts.Normalizer);
        int largest = Math.Max(parts.Model.Vocabulary.Values.DefaultIfEmpty(-1).Max(), parts.AddedTokens.Select(token => token.Id).DefaultIfEmpty(-1).Max());
        _tokens = new string[largest + 1];
        _special = new bool[largest + 1];
        _bytes = new byte[largest + 1][];
        foreach ((string token, int id) in parts.Model.Vocabulary)
        {
            _ids[token] = id;
            _tokens[id] = token;
        }
        foreach (AddedToken token in parts.AddedTokens)
        {
            _ids[token.Content] = token.Id;
            _tokens[token.Id] = token.Content;
            _special[token.Id] = token.Special;
        }
    }

    private PipelineTokenizer(PipelineTokenizer other, PipelineParts parts)
    {
        _parts = parts;
        (_definition, _all, _withoutSpecial, _ids, _tokens, _special, _bytes) = (other._definition, other._all, other._withoutSpecial, other._ids, other._tokens, other._special, other._bytes);
        (DeclaredBeginOfTextId, DeclaredEndOfTextId) = (other.DeclaredBeginOfTextId, other.DeclaredEndOfTextId);
    }

    /// <inheritdoc/>
    public override int VocabularySize => _tokens.Length;

    /// <inheritdoc/>
    public override IReadOnlyList<AddedToken> AddedTokens => _parts.AddedTokens;

    /// <summary>How <see cref="EncodeWithOffsets(string, string?, EncodeOptions?)"/> cuts; null: not at all.</summary>
    public TruncationConfig? Truncation => _parts.Truncation;

    /// <summary>How <see cref="EncodeWithOffsets(string, string?, EncodeOptions?)"/> pads; null: not at all.</summary>
    public PaddingConfig? Padding => _parts.Padding;

    /// <summary>The parts.</summary>
    internal PipelineParts Parts => _parts;

    /// <summary>The same tokenizer with other truncation and padding; it shares this one's tables.</summary>
    public PipelineTokenizer With(TruncationConfig? truncation, PaddingConfig? padding) =>
        new(this, _parts with { Truncation = truncation, Padding = padding });

    /// <inheritdoc/>
    /// <remarks>Neither truncates nor pads; <see cref="EncodeWithOffsets(string, string?, EncodeOptions?)"/> does.</remarks>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(options);
        if (options.AddSpecialTokens && _parts.PostProcessor is not null)
        {
            TokenEncoding encoding = PostProcessor.Run(_parts.PostProcessor, EncodeText(text.ToString(), options), null, addSpecialTokens: true);
            foreach (EncodedToken token in encoding.Items) ids.Add(token.Id);
            return;
        }
        List<PieceToken> tokens = [];
        foreach ((AlignedText piece, int? id) in Pieces(Repair(text.ToString()), options))
        {
            if (id is int added)
            {
                ids.Add(added);
                continue;
            }
            tokens.Clear();
            _parts.Model.Tokenize(piece.Text, tokens);
            foreach (PieceToken token in tokens) ids.Add(token.Id);
        }
    }

    /// <summary>Encodes one text or a pair, with the place of every token, masks, truncation and padding.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text, or null.</param>
    /// <param name="options">What happens to special tokens. Null: they are neither recognised nor added.</param>
    /// <exception cref="ArgumentException">Truncation is not possible as it is configured.</exception>
    public TokenEncoding EncodeWithOffsets(string text, string? pair = null, EncodeOptions? options = null) =>
        EncodeWithOffsets([(text, pair)], options)[0];

    /// <summary>Encodes a batch of texts or pairs and pads them to one length, where padding is configured.</summary>
    /// <exception cref="ArgumentException">Truncation is not possible as it is configured.</exception>
    public IReadOnlyList<TokenEncoding> EncodeWithOffsets(IReadOnlyList<(string Text, string? Pair)> batch, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(batch);
        options ??= EncodeOptions.Default;
        List<TokenEncoding> encodings = new(batch.Count);
        foreach ((string text, string? pair) in batch)
        {
            ArgumentNullException.ThrowIfNull(text);
            encodings.Add(Finish(EncodeText(text, options), pair is null ? null : EncodeText(pair, options), options));
        }
        _parts.Padding?.Apply(encodings);
        return encodings;
    }

    /// <summary>Encodes a text that has been cut into words already; offsets count from the beginning of each word.</summary>
    /// <param name="words">The words; each still passes the normalizer, the pre-tokenizer and the model.</param>
    /// <param name="pair">The words of the second text, or null.</param>
    /// <param name="options">What happens to special tokens. Null: they are neither recognised nor added.</param>
    /// <exception cref="ArgumentException">Truncation is not possible as it is configured.</exception>
    public TokenEncoding EncodeWords(IReadOnlyList<string> words, IReadOnlyList<string>? pair = null, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(words);
        options ??= EncodeOptions.Default;
        TokenEncoding encoding = Finish(EncodeEach(words, options), pair is null ? null : EncodeEach(pair, options), options);
        _parts.Padding?.Apply([encoding]);
        return encoding;
    }

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        List<string> tokens = new(ids.Length);
        foreach (int id in ids)
        {
            string token = Token(id);
            if (!skipSpecial || !_special[id]) tokens.Add(token);
        }
        return _parts.Decoder is null ? string.Join(' ', tokens) : _parts.Decoder.Decode(tokens);
    }

    /// <inheritdoc/>
    public override string Token(int id) => (uint)id < (uint)_tokens.Length && _tokens[id] is string token ? token : throw UnknownId(id);

    /// <inheritdoc/>
    public override string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id));

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> TokenBytes(int id)
    {
        string token = Token(id);
        return _bytes[id] ??= TokenMeaning.Bytes(token, _special[id], _parts.Decoder);
    }

    /// <inheritdoc/>
    public override int? TokenId(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <inheritdoc/>
    public override IncrementalDecoder CreateDecoder(bool skipSpecial = false) => new WindowIncrementalDecoder(this, skipSpecial);

    /// <inheritdoc/>
    public override void Save(string path) => JsonFile.Write(path, writer => PipelineJson.Write(writer, _definition, _parts));

    private IEnumerable<(AlignedText Piece, int? Id)> Pieces(string text, EncodeOptions options)
    {
        AddedVocabulary added = options.AllowSpecial ? _all : _withoutSpecial;
        foreach ((AlignedText part, int? id) in added.Split(AlignedText.Original(text.AsMemory()), _parts.Normalizer))
        {
            if (id is not null || _parts.PreTokenizer is null)
            {
                yield return (part, id);
                continue;
            }
            foreach (AlignedText piece in _parts.PreTokenizer.SplitAll([part])) yield return (piece, null);
        }
    }

    private TokenEncoding Finish(TokenEncoding first, TokenEncoding? second, EncodeOptions options)
    {
        int added = options.AddSpecialTokens ? _parts.PostProcessor?.AddedCount(second is not null) ?? 0 : 0;
        _parts.Truncation?.Apply(first, second, added);
        return PostProcessor.Run(_parts.PostProcessor, first, second, options.AddSpecialTokens);
    }

    private TokenEncoding EncodeEach(IReadOnlyList<string> words, EncodeOptions options)
    {
        List<EncodedToken> result = [];
        for (int i = 0; i < words.Count; i++)
        {
            TokenEncoding word = EncodeText(words[i], options);
            foreach (EncodedToken token in word.Items) result.Add(token with { WordId = i });
        }
        return new TokenEncoding(result);
    }

    private TokenEncoding EncodeText(string text, EncodeOptions options)
    {
        text = Repair(text);
        CodePointIndex index = new(text);
        List<EncodedToken> result = [];
        List<PieceToken> tokens = [];
        int word = 0;
        foreach ((AlignedText piece, int? id) in Pieces(text, options))
        {
            tokens.Clear();
            if (id is int added) tokens.Add(new PieceToken(added, 0, piece.Length));
            else _parts.Model.Tokenize(piece.Text, tokens);
            foreach (PieceToken token in tokens)
            {
                (int begin, int end) = piece.RangeOf(token.Start, token.End);
                string shown = id is not null || _parts.Model.ShowsText(token.Id) ? piece.Text[token.Start..token.End].ToString() : Token(token.Id);
                result.Add(new EncodedToken(token.Id, shown, index[begin], index[end]) { WordId = word });
            }
            word++;
        }
        return new TokenEncoding(result);
    }

    // Lone surrogates become U+FFFD, so that everything below sees well-formed text.
    private static string Repair(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
            if (rune.Value == 0xFFFD)
                return string.Concat(text.EnumerateRunes().Select(each => each.ToString()));
        return text;
    }
}

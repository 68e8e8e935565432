using System.Buffers;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Byte-level byte-pair encoding: any text is encoded, and decoding gives back exactly that text.</summary>
/// <remarks>
/// (Exactly, where the vocabulary has all 256 bytes. A few published ones lack control characters; those are left out.)
/// Text is cut into pieces (<see cref="PreTokenScanner"/>), each piece becomes UTF-8 bytes, and neighbouring tokens merge in the
/// order in which the merges were learned (Sennrich et al. 2016, arXiv:1508.07909; on bytes: Radford et al. 2019).
/// </remarks>
public sealed class BytePairTokenizer : Tokenizer
{
    private readonly byte[] _text;               // the bytes of all tokens, one behind the other: an array for each would take four times the memory
    private readonly (int Start, int Length)[] _places; // by token id; a start of -1 where no token has the id
    private readonly int[] _idOfByte = new int[256];
    private readonly MergeTable _merges;
    private readonly PreTokenScanner _scanner;
    private readonly PieceTable.Pool _tables = new();
    private readonly Dictionary<string, int> _ids;
    private readonly AddedToken[] _added;
    private readonly bool[] _special;
    private readonly AddedTokenMatcher _always;
    private readonly AddedTokenMatcher _allowed;
    private readonly int _longestToken;

    /// <param name="vocabulary">Tokens in the byte alphabet with their ids, compared ordinally; a byte that is missing is left out of what is encoded. The tokenizer keeps it and adds to it.</param>
    /// <param name="merges">Pairs of token ids that merge, with their ranks and results.</param>
    /// <param name="scanner">Cuts text into pieces.</param>
    /// <param name="addedTokens">Tokens that are looked for in the text.</param>
    internal BytePairTokenizer(
        Dictionary<string, int> vocabulary, MergeTable merges, PreTokenScanner scanner, IEnumerable<AddedToken> addedTokens)
    {
        _merges = merges;
        _scanner = scanner;
        _added = [.. addedTokens.OrderBy(token => token.Id)];
        int size = 0;
        foreach (AddedToken token in _added) size = Math.Max(size, token.Id + 1);
        foreach ((_, int id) in vocabulary) size = Math.Max(size, id + 1);
        _places = new (int, int)[size];
        Array.Fill(_places, (-1, 0));
        _special = new bool[size];
        _ids = vocabulary;
        ArrayBufferWriter<byte> text = new(Math.Max(256, 8 * size));
        foreach ((string token, int id) in vocabulary)
        {
            int start = text.WrittenCount;
            if (!ByteAlphabet.TryRead(token, text)) Encoding.UTF8.GetBytes(token, text);
            _places[id] = (start, text.WrittenCount - start);
        }
        for (int value = 0; value < 256; value++)
            _idOfByte[value] = vocabulary.TryGetValue(ByteAlphabet.Character((byte)value).ToString(), out int id) ? id : -1;
        foreach (AddedToken token in _added)
        {
            int start = text.WrittenCount;
            Encoding.UTF8.GetBytes(token.Content, text);
            _places[token.Id] = (start, text.WrittenCount - start);
            _special[token.Id] = token.Special;
            _ids[token.Content] = token.Id;
        }
        _text = text.WrittenSpan.ToArray();
        foreach ((_, int length) in _places) _longestToken = Math.Max(_longestToken, length);
        _always = new AddedTokenMatcher(_added.Where(token => !token.Special));
        _allowed = new AddedTokenMatcher(_added);
    }

    /// <inheritdoc/>
    public override int VocabularySize => _places.Length;

    /// <inheritdoc/>
    public override IReadOnlyList<AddedToken> AddedTokens => _added;

    /// <summary>The learned merges as pairs of token ids, in the order in which they apply.</summary>
    public IEnumerable<(int Left, int Right, int Id)> Merges => _merges.InOrder();

    /// <summary>What <see cref="EncodeOptions.AddSpecialTokens"/> puts before and behind a text.</summary>
    internal (int? Begin, int? End) Around { get; init; }

    /// <summary>Cuts text into pieces.</summary>
    internal PreTokenScanner Scanner => _scanner;

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> text, List<int> ids, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(options);
        if (options.AddSpecialTokens && Around.Begin is int begin) ids.Add(begin);
        AddedTokenMatcher matcher = options.AllowSpecial ? _allowed : _always;
        int start = 0;
        while (start < text.Length && matcher.Find(text, start, out int index) is AddedToken token)
        {
            EncodePlain(text[start..index], ids);
            ids.Add(token.Id);
            start = index + token.Content.Length;
        }
        EncodePlain(text[start..], ids);
        if (options.AddSpecialTokens && Around.End is int end) ids.Add(end);
    }

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false)
    {
        ArrayBufferWriter<byte> bytes = new(Math.Max(16, ids.Length * 4));
        foreach (int id in ids)
        {
            ReadOnlySpan<byte> token = TokenBytes(id);
            if (!skipSpecial || !_special[id]) bytes.Write(token);
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <inheritdoc/>
    public override string Token(int id)
    {
        ReadOnlySpan<byte> bytes = TokenBytes(id);
        string spelling = ByteAlphabet.Spell(bytes);
        return _ids.TryGetValue(spelling, out int known) && known == id ? spelling : Encoding.UTF8.GetString(bytes);
    }

    /// <inheritdoc/>
    public override string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id));

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> TokenBytes(int id) =>
        (uint)id < (uint)_places.Length && _places[id] is (>= 0, _) and var place ? _text.AsSpan(place.Start, place.Length) : throw UnknownId(id);

    /// <inheritdoc/>
    public override int? TokenId(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <inheritdoc/>
    public override IncrementalDecoder CreateDecoder(bool skipSpecial = false) =>
        new ByteIncrementalDecoder(this, _longestToken, skipSpecial ? _special : null);

    /// <inheritdoc/>
    public override void Save(string path) => BytePairJson.Save(this, _ids, path);

    // The fast twin of EncodeReference: known pieces come from a table, tokens go to the list in blocks.
    private void EncodePlain(ReadOnlySpan<char> text, List<int> ids)
    {
        if (text.IsEmpty) return;
        const int Block = 1024;
        Span<int> block = stackalloc int[Block];
        int count = 0;
        PieceTable table = _tables.Rent();
        for (int start = 0; start < text.Length;)
        {
            int end = _scanner.End(text, start), length = end - start;
            if (count > Block - PieceTable.MostTokens) Flush(block, ref count, ids);
            if (length <= PieceTable.LongestPiece)
            {
                int found = table.Find(text, start, length, block[count..]);
                if (found < 0) found = Learn(table, text, start, length, block, ref count, ids);
                count += found;
            }
            else
            {
                Flush(block, ref count, ids);
                MergePiece(text[start..end], ids);
            }
            start = end;
        }
        Flush(block, ref count, ids);
        _tables.Return(table);
    }

    private static void Flush(ReadOnlySpan<int> block, ref int count, List<int> ids)
    {
        ids.AddRange(block[..count]);
        count = 0;
    }

    // Merges a piece that the table lacks; its tokens go to the block if they fit there, and into the table.
    private int Learn(PieceTable table, ReadOnlySpan<char> text, int start, int length, Span<int> block, ref int count, List<int> ids)
    {
        Span<int> tokens = stackalloc int[3 * PieceTable.LongestPiece];
        int merged = BytePairMerger.Merge(_merges, tokens[..ByteTokens(text.Slice(start, length), tokens)]);
        table.Add(text, start, length, tokens[..merged]);
        if (count + merged > block.Length) Flush(block, ref count, ids);
        tokens[..merged].CopyTo(block[count..]);
        return merged;
    }

    private void MergePiece(ReadOnlySpan<char> piece, List<int> ids)
    {
        // 3 bytes of UTF-8 for one UTF-16 unit is the most there can be.
        int room = piece.Length * 3;
        int[]? rented = room > 512 ? ArrayPool<int>.Shared.Rent(room) : null;
        Span<int> tokens = rented ?? stackalloc int[512];
        ids.AddRange(tokens[..BytePairMerger.Merge(_merges, tokens[..ByteTokens(piece, tokens)])]);
        if (rented is not null) ArrayPool<int>.Shared.Return(rented);
    }

    // The token of each byte of a piece; a byte that the vocabulary lacks is left out.
    private int ByteTokens(ReadOnlySpan<char> piece, Span<int> tokens)
    {
        byte[]? rented = tokens.Length > 512 ? ArrayPool<byte>.Shared.Rent(tokens.Length) : null;
        Span<byte> bytes = rented ?? stackalloc byte[512];
        int count = 0;
        foreach (byte value in bytes[..Encoding.UTF8.GetBytes(piece, bytes)])
            if (_idOfByte[value] >= 0)
                tokens[count++] = _idOfByte[value];
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return count;
    }

    /// <summary>Encodes text without added tokens as the definition says it, piece by piece: the oracle of the fast path.</summary>
    internal List<int> EncodeReference(ReadOnlySpan<char> text)
    {
        List<int> ids = [];
        for (int start = 0; start < text.Length;)
        {
            int end = _scanner.End(text, start);
            int[] tokens = new int[(end - start) * 3];
            ids.AddRange(tokens.AsSpan(0, BytePairMerger.MergeByScan(_merges, tokens.AsSpan(0, ByteTokens(text[start..end], tokens)))));
            start = end;
        }
        return ids;
    }
}

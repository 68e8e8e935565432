using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>BPE over characters, with all of its variants.</summary>
internal sealed class BytePairModel : TokenModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly MergeTable _merges;
    private readonly Options _options;
    private readonly int _unknownId = -1;
    private readonly int[] _idOfByte = new int[256]; // <0x00> and so on; -1 where absent

    /// <summary>The variants.</summary>
    internal sealed record Options
    {
        /// <summary>For characters that are not in the vocabulary; null: they are left out.</summary>
        public string? UnknownToken { get; init; }

        /// <summary>Put before every character but a word's first.</summary>
        public string ContinuingPrefix { get; init; } = "";

        /// <summary>Put after a word's last character.</summary>
        public string EndOfWordSuffix { get; init; } = "";

        /// <summary>Neighbouring unknown characters are one unknown token.</summary>
        public bool FuseUnknown { get; init; }

        /// <summary>Unknown characters become the tokens of their UTF-8 bytes.</summary>
        public bool ByteFallback { get; init; }

        /// <summary>A piece that is a token is that token, whatever the merges say.</summary>
        public bool IgnoreMerges { get; init; }

        /// <summary>The probability that a merge is left out; only 0 and 1 are the same every time.</summary>
        public double Dropout { get; init; }
    }

    public BytePairModel(Dictionary<string, int> vocabulary, MergeTable merges, Options options)
    {
        _vocabulary = vocabulary;
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _merges = merges;
        _options = options;
        if (options.UnknownToken is not null) _unknownId = vocabulary.GetValueOrDefault(options.UnknownToken, -1);
        for (int value = 0; value < 256; value++) _idOfByte[value] = vocabulary.GetValueOrDefault(ByteToken(value), -1);
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    /// <summary>Whether unknown characters are left out.</summary>
    public bool DropsUnknown => _options.UnknownToken is null;

    /// <summary>The name of the token for a byte.</summary>
    public static string ByteToken(int value) => string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");

    public override void Tokenize(ReadOnlySpan<char> piece, List<PieceToken> tokens)
    {
        if (piece.Length == 0) return;
        if (_options.IgnoreMerges && _lookup.TryGetValue(piece, out int whole))
        {
            tokens.Add(new PieceToken(whole, 0, piece.Length));
            return;
        }

        List<int> ids = new(piece.Length);
        List<int> starts = new(piece.Length + 1); // of each id; bytes of one character share its place
        List<int> ends = new(piece.Length);
        Characters(piece, ids, starts, ends);
        if (_options.Dropout < 1) Merge(ids, starts, ends);
        for (int i = 0; i < ids.Count; i++) tokens.Add(new PieceToken(ids[i], starts[i], ends[i]));
    }

    private void Characters(ReadOnlySpan<char> piece, List<int> ids, List<int> starts, List<int> ends)
    {
        Span<byte> bytes = stackalloc byte[4];
        bool afterUnknown = false;
        int end;
        for (int start = 0; start < piece.Length; start = end)
        {
            Rune.DecodeFromUtf16(piece[start..], out Rune rune, out int length);
            end = start + length;
            if (CharacterId(piece, start, end) is int id)
            {
                Add(id, start, end);
                afterUnknown = false;
                continue;
            }
            if (_options.ByteFallback && TryBytes(rune, bytes, out int count))
            {
                for (int i = 0; i < count; i++) Add(_idOfByte[bytes[i]], start, end);
                afterUnknown = false;
                continue;
            }
            if (_unknownId < 0)
            {
                if (_options.UnknownToken is string missing) throw new ArgumentException($"The character '{rune}' is not in the vocabulary, and neither is the unknown token '{missing}'.");
                continue;
            }
            if (afterUnknown && _options.FuseUnknown) ends[^1] = end;
            else Add(_unknownId, start, end);
            afterUnknown = true;
        }

        void Add(int id, int start, int end)
        {
            ids.Add(id);
            starts.Add(start);
            ends.Add(end);
        }
    }

    private int? CharacterId(ReadOnlySpan<char> piece, int start, int end)
    {
        ReadOnlySpan<char> character = piece[start..end];
        if (_options.ContinuingPrefix.Length == 0 && _options.EndOfWordSuffix.Length == 0)
            return _lookup.TryGetValue(character, out int plain) ? plain : null;
        string prefix = start > 0 ? _options.ContinuingPrefix : "";
        string suffix = end == piece.Length ? _options.EndOfWordSuffix : "";
        return _vocabulary.TryGetValue($"{prefix}{character}{suffix}", out int id) ? id : null;
    }

    private bool TryBytes(Rune rune, Span<byte> bytes, out int count)
    {
        count = rune.EncodeToUtf8(bytes);
        for (int i = 0; i < count; i++)
            if (_idOfByte[bytes[i]] < 0)
                return false;
        return true;
    }

    private void Merge(List<int> ids, List<int> starts, List<int> ends)
    {
        // The merger moves ids; what each covers is found again from the numbers of characters that merges join.
        Span<int> tokens = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids);
        int[] spans = new int[tokens.Length];
        int count = BytePairMerger.Merge(_merges, tokens, spans);
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            int start = starts[at];
            int end = ends[at + spans[i] - 1];
            at += spans[i];
            starts[i] = start;
            ends[i] = end;
        }
        ids.RemoveRange(count, ids.Count - count);
        starts.RemoveRange(count, starts.Count - count);
        ends.RemoveRange(count, ends.Count - count);
    }
}

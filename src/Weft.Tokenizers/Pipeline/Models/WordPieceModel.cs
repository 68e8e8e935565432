namespace Weft.Tokenizers;

/// <summary>Again and again the longest token that fits; one that does not fit makes the whole word unknown.</summary>
/// <remarks>Wu et al. 2016, arXiv:1609.08144; greedy matching as in BERT's tokenizer.</remarks>
internal sealed class WordPieceModel : TokenModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _starts;
    private readonly Dictionary<string, int> _continuations = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly string _unknownToken;
    private readonly int _longestWord;
    private readonly int _longestToken;

    public WordPieceModel(Dictionary<string, int> vocabulary, string unknownToken, string continuingPrefix, int longestWord)
    {
        _vocabulary = vocabulary;
        _unknownToken = unknownToken;
        _longestWord = longestWord;
        _starts = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach ((string token, int id) in vocabulary)
        {
            _longestToken = Math.Max(_longestToken, token.Length);
            if (token.StartsWith(continuingPrefix, StringComparison.Ordinal)) _continuations.TryAdd(token[continuingPrefix.Length..], id);
        }
        _lookup = _continuations.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override void Tokenize(ReadOnlySpan<char> piece, List<PieceToken> tokens)
    {
        int characters = 0;
        foreach (System.Text.Rune _ in piece.EnumerateRunes()) characters++;
        int first = tokens.Count;
        for (int start = 0; start < piece.Length && characters <= _longestWord;)
        {
            int end = Math.Min(piece.Length, start + _longestToken);
            int id = -1;
            // A surrogate pair is never cut: no token ends inside one.
            for (; end > start; end--)
                if ((start == 0 ? _starts : _lookup).TryGetValue(piece[start..end], out id))
                    break;
            if (end == start) break;
            tokens.Add(new PieceToken(id, start, end));
            start = end;
        }
        bool complete = tokens.Count > first && tokens[^1].End == piece.Length;
        if (complete || piece.Length == 0) return;

        tokens.RemoveRange(first, tokens.Count - first);
        if (!_vocabulary.TryGetValue(_unknownToken, out int unknown))
            throw new ArgumentException($"The word '{piece}' is not in the vocabulary, and neither is the unknown token '{_unknownToken}'.");
        tokens.Add(new PieceToken(unknown, 0, piece.Length));
    }
}

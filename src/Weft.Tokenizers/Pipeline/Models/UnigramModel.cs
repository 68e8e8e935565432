using System.Text;

namespace Weft.Tokenizers;

/// <summary>The most probable way to cut a piece into tokens, each of which has its own log probability.</summary>
/// <remarks>Kudo 2018, arXiv:1804.10959; the best path by Viterbi's algorithm in one pass over the text.</remarks>
internal sealed class UnigramModel : TokenModel
{
    // SentencePiece's kUnkPenalty: an unknown character costs this much more than the least probable token.
    private const double UnknownPenalty = 10;

    private readonly double[] _scores;
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    private readonly TokenTrie _trie = new();
    private readonly int? _unknownId;
    private readonly double _unknownScore;
    private readonly int[]? _idOfByte;

    /// <param name="tokens">Tokens with log probabilities; the place is the id.</param>
    /// <param name="unknownId">For characters that no token covers; null: they are an error.</param>
    /// <param name="byteFallback">Unknown characters become the tokens of their UTF-8 bytes.</param>
    /// <param name="leastScore">Below which unknown characters lie; null: the least score of a token.</param>
    public UnigramModel(IReadOnlyList<(string Token, double Score)> tokens, int? unknownId, bool byteFallback, double? leastScore = null)
    {
        _unknownId = unknownId;
        _scores = [.. tokens.Select(token => token.Score)];
        for (int id = 0; id < tokens.Count; id++)
        {
            _vocabulary[tokens[id].Token] = id;
            if (tokens[id].Token.Length > 0) _trie.Add(tokens[id].Token, id);
        }
        _unknownScore = (leastScore ?? _scores.DefaultIfEmpty(0).Min()) - UnknownPenalty;
        if (!byteFallback) return;
        _idOfByte = new int[256];
        for (int value = 0; value < 256; value++) _idOfByte[value] = _vocabulary.GetValueOrDefault(BytePairModel.ByteToken(value), -1);
    }

    private UnigramModel(SentencePieceModel model)
    {
        _scores = [.. model.Pieces.Select(piece => (double)piece.Score)];
        double[] normal = [.. model.Pieces.Where(piece => piece.Type == SentencePieceType.Normal).Select(piece => (double)piece.Score)];
        _unknownScore = normal.DefaultIfEmpty(0).Min() - UnknownPenalty;
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            (string text, _, SentencePieceType type) = model.Pieces[id];
            _vocabulary.TryAdd(text, id);
            // A user-defined piece is worth more than anything else that covers its text.
            if (type == SentencePieceType.UserDefined) _scores[id] = Encoding.UTF8.GetByteCount(text) * normal.DefaultIfEmpty(0).Max() - 0.1;
            if (text.Length > 0 && type is SentencePieceType.Normal or SentencePieceType.UserDefined) _trie.Add(text, id);
        }
    }

    /// <summary>The model in a SentencePiece file; pieces that are not in use never match.</summary>
    public static UnigramModel ForSentencePiece(SentencePieceModel model) => new(model);

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    /// <summary>The log probability of each token, by id.</summary>
    public IReadOnlyList<double> Scores => _scores;

    /// <summary>The score of a character that no token covers.</summary>
    public double UnknownScore => _unknownScore;

    /// <summary>Finds the tokens that begin at a place, with their ends, the shortest first.</summary>
    public void TokensAt(string text, int start, List<(int End, int Id)> found)
    {
        found.Clear();
        int node = 0;
        for (int end = start; end < text.Length && (node = _trie.Child(node, text[end])) >= 0; end++)
            if (_trie.IdAt(node) is >= 0 and var id)
                found.Add((end + 1, id));
    }

    public override bool ShowsText(int id) => id == _unknownId;

    public override void Tokenize(ReadOnlySpan<char> piece, List<PieceToken> tokens)
    {
        int first = tokens.Count;
        Best(piece, tokens, fuseUnknown: true);
        FallBack(piece, tokens, first);
    }

    /// <summary>Adds the tokens of the best path; unknown characters have the id -1.</summary>
    /// <param name="piece">The text.</param>
    /// <param name="tokens">Takes the tokens.</param>
    /// <param name="fuseUnknown">Neighbouring unknown characters are one token.</param>
    public void Best(ReadOnlySpan<char> piece, List<PieceToken> tokens, bool fuseUnknown)
    {
        double[] score = new double[piece.Length + 1]; // of the best path that ends here
        int[] start = new int[piece.Length + 1];       // where its last token begins
        int[] id = new int[piece.Length + 1];          // which token that is
        Array.Fill(start, -1);
        int length;
        for (int at = 0; at < piece.Length; at += length)
        {
            length = char.IsHighSurrogate(piece[at]) && at + 1 < piece.Length ? 2 : 1;
            bool covered = false;
            int node = 0;
            for (int end = at; end < piece.Length && (node = _trie.Child(node, piece[end])) >= 0; end++)
            {
                int token = _trie.IdAt(node);
                if (token < 0) continue;
                covered |= end + 1 == at + length;
                Offer(end + 1, score[at] + _scores[token], token);
            }
            if (!covered) Offer(at + length, score[at] + _unknownScore, -1);

            void Offer(int end, double sum, int token)
            {
                if (start[end] >= 0 && sum <= score[end]) return;
                score[end] = sum;
                start[end] = at;
                id[end] = token;
            }
        }

        int first = tokens.Count;
        for (int end = piece.Length; end > 0; end = start[end])
        {
            int token = id[end];
            if (token == _unknownId) token = -1;
            if (fuseUnknown && token < 0 && tokens.Count > first && tokens[^1].Id < 0) tokens[^1] = tokens[^1] with { Start = start[end] };
            else tokens.Add(new PieceToken(token, start[end], end));
        }
        tokens.Reverse(first, tokens.Count - first);
    }

    private void FallBack(ReadOnlySpan<char> piece, List<PieceToken> tokens, int first)
    {
        for (int i = first; i < tokens.Count; i++)
        {
            PieceToken token = tokens[i];
            if (token.Id >= 0) continue;
            ReadOnlySpan<char> text = piece[token.Start..token.End];
            if (_idOfByte is not null)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
                if (Array.TrueForAll(bytes, value => _idOfByte[value] >= 0))
                {
                    tokens.RemoveAt(i);
                    tokens.InsertRange(i, bytes.Select(value => token with { Id = _idOfByte[value] }));
                    i += bytes.Length - 1;
                    continue;
                }
            }
            tokens[i] = token with { Id = _unknownId ?? throw new ArgumentException($"The text '{text}' is not in the vocabulary, which has no unknown token.") };
        }
    }
}

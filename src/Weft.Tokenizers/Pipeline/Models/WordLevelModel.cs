namespace Weft.Tokenizers;

/// <summary>Each piece is one token.</summary>
internal sealed class WordLevelModel : TokenModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly string _unknownToken;

    public WordLevelModel(Dictionary<string, int> vocabulary, string unknownToken)
    {
        _vocabulary = vocabulary;
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _unknownToken = unknownToken;
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    public override void Tokenize(ReadOnlySpan<char> piece, List<PieceToken> tokens)
    {
        if (_lookup.TryGetValue(piece, out int id) || _vocabulary.TryGetValue(_unknownToken, out id)) tokens.Add(new PieceToken(id, 0, piece.Length));
        else throw new ArgumentException($"The word '{piece}' is not in the vocabulary, and neither is the unknown token '{_unknownToken}'.");
    }
}

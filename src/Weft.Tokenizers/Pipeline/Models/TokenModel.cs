namespace Weft.Tokenizers;

/// <summary>A token of one piece: its id, and the range of the piece that it covers.</summary>
internal readonly record struct PieceToken(int Id, int Start, int End);

/// <summary>Turns pieces of text into tokens.</summary>
internal abstract class TokenModel
{
    /// <summary>The vocabulary.</summary>
    public abstract IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>Whether a token is shown as the text that it stands for, not as the vocabulary writes it.</summary>
    public virtual bool ShowsText(int id) => false;

    /// <summary>Adds the tokens of one piece to a list.</summary>
    public abstract void Tokenize(ReadOnlySpan<char> piece, List<PieceToken> tokens);
}

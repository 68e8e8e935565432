namespace Weft.Tokenizers;

/// <summary>Cuts text into the pieces that the model sees one by one.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Adds the pieces of one piece to a list; empty ones are left out by the caller.</summary>
    public abstract void Split(AlignedText piece, List<AlignedText> pieces);

    /// <summary>Cuts each of several pieces.</summary>
    public List<AlignedText> SplitAll(IReadOnlyList<AlignedText> pieces)
    {
        List<AlignedText> result = new(pieces.Count);
        foreach (AlignedText piece in pieces)
            if (piece.Length > 0)
                Split(piece, result);
        result.RemoveAll(piece => piece.Length == 0);
        return result;
    }
}

/// <summary>One pre-tokenizer after another.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<PreTokenizer> parts) : PreTokenizer
{
    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        IReadOnlyList<AlignedText> current = [piece];
        foreach (PreTokenizer part in parts) current = part.SplitAll(current);
        pieces.AddRange(current);
    }
}

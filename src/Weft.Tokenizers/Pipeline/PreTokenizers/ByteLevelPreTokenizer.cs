namespace Weft.Tokenizers;

/// <summary>GPT-2's pieces, spelled in the byte alphabet.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        AlignedText text = addPrefixSpace && !piece.Text.StartsWith(' ') ? PrependNormalizer.Prepend(piece, " ") : piece;
        if (!useRegex)
        {
            pieces.Add(ByteLevelNormalizer.Spell(text));
            return;
        }
        for (int start = 0; start < text.Length;)
        {
            int end = Gpt2Scanner.Instance.End(text.Text, start);
            pieces.Add(ByteLevelNormalizer.Spell(text.Slice(start, end)));
            start = end;
        }
    }
}

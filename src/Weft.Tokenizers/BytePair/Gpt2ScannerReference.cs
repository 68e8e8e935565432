namespace Weft.Tokenizers;

/// <summary>GPT-2's pre-tokenizer, alternative by alternative as its pattern states it; the oracle of <see cref="Gpt2Scanner"/>.</summary>
internal sealed class Gpt2ScannerReference : PreTokenScanner
{
    public override int End(ReadOnlySpan<char> text, int start)
    {
        // 's|'t|'re|'ve|'m|'ll|'d
        foreach (string contraction in (string[])["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"])
            if (text[start..].StartsWith(contraction))
                return start + contraction.Length;

        //  ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
        int afterSpace = text[start] == ' ' ? start + 1 : start;
        foreach (CharacterClass kind in (CharacterClass[])[CharacterClass.Letter, CharacterClass.Number, CharacterClass.Other])
        {
            int end = RunEnd(text, afterSpace, kind);
            if (end > afterSpace) return end;
        }

        // \s+(?!\S): the longest run of white space that is not followed by something else; shorter runs are tried in turn.
        int runEnd = RunEnd(text, start, CharacterClass.Space);
        for (int end = runEnd; end > start; end--)
            if (end == text.Length || CharacterClasses.At(text, end, out _) == CharacterClass.Space)
                return end;

        // \s+
        return runEnd;
    }

    private static int RunEnd(ReadOnlySpan<char> text, int start, CharacterClass kind)
    {
        while (start < text.Length && CharacterClasses.At(text, start, out int length) == kind) start += length;
        return start;
    }
}

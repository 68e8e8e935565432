namespace Weft.Tokenizers;

/// <summary>GPT-2's pre-tokenizer as one pass without backtracking.</summary>
/// <remarks>
/// The published pattern is
/// <code>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</code>
/// over code points. <see cref="Gpt2ScannerReference"/> is the same rule alternative by alternative and is this one's test oracle.
/// </remarks>
internal sealed class Gpt2Scanner : PreTokenScanner
{
    public static Gpt2Scanner Instance { get; } = new();

    public override int End(ReadOnlySpan<char> text, int start)
    {
        char first = text[start];
        if (first == '\'' && ContractionLength(text[start..]) is > 0 and int contraction) return start + contraction;

        CharacterClass kind = CharacterClasses.At(text, start, out int length);
        int next = start + length;
        if (first == ' ' && next < text.Length && CharacterClasses.At(text, next, out length) is var after && after != CharacterClass.Space)
        {
            // One plain space goes with the word after it.
            (kind, next) = (after, next + length);
        }
        int end = CharacterClasses.RunEnd(text, next, kind);

        // A run of white space leaves its last character to what follows it.
        return kind == CharacterClass.Space && end < text.Length && end - start > 1 ? end - 1 : end;
    }

    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2 || text[0] != '\'') return 0;
        switch (text[1])
        {
            case 's' or 't' or 'm' or 'd': return 2;
            case 'r' or 'v': return text.Length > 2 && text[2] == 'e' ? 3 : 0;
            case 'l': return text.Length > 2 && text[2] == 'l' ? 3 : 0;
            default: return 0;
        }
    }
}

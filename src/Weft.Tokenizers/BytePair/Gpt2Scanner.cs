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
        int contraction = ContractionLength(text[start..]);
        if (contraction > 0) return start + contraction;

        int body = start;
        CharacterClass kind = CharacterClasses.At(text, start, out int length);
        if (text[start] == ' ' && start + 1 < text.Length)
        {
            // One plain space goes with the word after it.
            CharacterClass next = CharacterClasses.At(text, start + 1, out int nextLength);
            if (next != CharacterClass.Space)
            {
                body = start + 1;
                kind = next;
                length = nextLength;
            }
        }

        int end = body + length;
        int last = body;
        while (end < text.Length && CharacterClasses.At(text, end, out length) == kind)
        {
            last = end;
            end += length;
        }

        // A run of white space leaves its last character to what follows it.
        bool leavesLast = kind == CharacterClass.Space && end < text.Length && last > start;
        return leavesLast ? last : end;
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

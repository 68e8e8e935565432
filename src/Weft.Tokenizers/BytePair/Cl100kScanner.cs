namespace Weft.Tokenizers;

/// <summary>The pre-tokenizer of GPT-4 and Llama 3 (digits by threes) and of Qwen 2 (digits alone) as one pass without backtracking.</summary>
/// <remarks>
/// The published pattern, with {1,n} digits, is
/// <code>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</code>
/// over code points. <see cref="PatternScanner"/> runs the pattern itself and is this one's test oracle.
/// </remarks>
internal sealed class Cl100kScanner(string source, int longestNumber) : PatternScanner(source)
{
    public override int End(ReadOnlySpan<char> text, int start)
    {
        char first = text[start];
        CharacterClass kind = CharacterClasses.At(text, start, out int length);
        if (kind == CharacterClass.Letter) return CharacterClasses.RunEnd(text, start + length, CharacterClass.Letter);
        if (kind == CharacterClass.Number)
        {
            int end = start + length;
            for (int count = 1; count < longestNumber && end < text.Length && CharacterClasses.At(text, end, out length) == CharacterClass.Number; count++) end += length;
            return end;
        }
        if (first == '\'' && ContractionLength(text[start..]) is > 0 and int contraction) return start + contraction;

        // One character that is neither letter, digit nor line break goes with the letters after it.
        int next = start + length;
        CharacterClass nextKind = next < text.Length ? CharacterClasses.At(text, next, out _) : CharacterClass.Space;
        if (nextKind == CharacterClass.Letter && first is not ('\r' or '\n')) return CharacterClasses.RunEnd(text, next, CharacterClass.Letter);

        if (kind == CharacterClass.Other || (first == ' ' && nextKind == CharacterClass.Other))
        {
            int end = CharacterClasses.RunEnd(text, next, CharacterClass.Other);
            while (end < text.Length && text[end] is '\r' or '\n') end++;
            return end;
        }

        // White space: up to its last line break; without one, all but the last character, which goes with what follows.
        int runEnd = CharacterClasses.RunEnd(text, next, CharacterClass.Space);
        int lineBreak = text[start..runEnd].LastIndexOfAny('\r', '\n');
        if (lineBreak >= 0) return start + lineBreak + 1;
        return runEnd < text.Length && runEnd - start > 1 ? runEnd - 1 : runEnd;
    }

    // (?i) folds 's' also from the long s, U+017F.
    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2) return 0;
        char second = text.Length > 2 ? Lower(text[2]) : '\0';
        return Lower(text[1]) switch
        {
            's' or '\u017F' or 't' or 'm' or 'd' => 2,
            'r' or 'v' => second == 'e' ? 3 : 0,
            'l' => second == 'l' ? 3 : 0,
            _ => 0,
        };
    }

    private static char Lower(char unit) => unit is >= 'A' and <= 'Z' ? (char)(unit | 0x20) : unit;
}

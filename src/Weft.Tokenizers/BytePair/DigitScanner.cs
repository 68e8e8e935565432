namespace Weft.Tokenizers;

/// <summary>Every digit alone, and GPT-2's pieces between them as if each stretch were a text of its own: StarCoder's and SmolLM's.</summary>
internal sealed class DigitScanner : PreTokenScanner
{
    public static DigitScanner Instance { get; } = new();

    public override int End(ReadOnlySpan<char> text, int start)
    {
        int end = start;
        int length = 0;
        while (end < text.Length && CharacterClasses.At(text, end, out length) == CharacterClass.Space) end += length;
        if (end < text.Length && CharacterClasses.At(text, end, out length) == CharacterClass.Number)
        {
            // White space before a digit stands at the end of its stretch, so that none of it is left to the digit.
            return end > start ? end : end + length;
        }
        return Gpt2Scanner.Instance.End(text, start);
    }
}

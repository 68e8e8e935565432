namespace Weft.Tokenizers.Tests;

public class Gpt2ScannerTests
{
    [Fact]
    public void End_HostileStrings_CutsAsTheReferenceDoes()
    {
        Gpt2ScannerReference reference = new();
        foreach (string text in HostileStrings.Valid().Where(text => text.Length < 200).Concat(HostileStrings.Broken()))
            Assert.Equal(Pieces(reference, text), Pieces(Gpt2Scanner.Instance, text));
    }

    // Worked out by hand from the pattern.
    [Theory]
    [InlineData("Hello world", "Hello| world")]
    [InlineData("I'll go", "I|'ll| go")]
    [InlineData("a  b", "a| | b")]
    [InlineData("a \n b", "a| \n| b")]
    [InlineData("a  ", "a|  ")]
    [InlineData("\n\nx", "\n|\n|x")]
    [InlineData("x1 22!?", "x|1| 22|!?")]
    [InlineData(" 's", " '|s")]
    public void End_KnownText_CutsByThePattern(string text, string pieces) =>
        Assert.Equal(pieces, string.Join('|', Pieces(Gpt2Scanner.Instance, text)));

    private static List<string> Pieces(PreTokenScanner scanner, string text)
    {
        List<string> pieces = [];
        for (int start = 0; start < text.Length;)
        {
            int end = scanner.End(text, start);
            Assert.True(end > start);
            pieces.Add(text[start..end]);
            start = end;
        }
        return pieces;
    }
}

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

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public void Cl100k_HostileStrings_CutsAsItsPatternDoes(int longestNumber)
    {
        PatternScanner scanner = longestNumber == 3 ? PatternScanner.Cl100k : PatternScanner.Qwen2;
        Assert.IsType<Cl100kScanner>(scanner);
        PatternScanner pattern = new(scanner.Source);
        Random random = new(longestNumber);
        const string Alphabet = "aZ\u017F' '\t\r\n  59!?sTrReEvVlLmd\u00E9\u4E2D\u0301\u00A0\uD83D\uDE00";
        IEnumerable<string> drawn = Enumerable.Range(0, 5000).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => Alphabet[random.Next(Alphabet.Length)])));
        foreach (string text in HostileStrings.Valid().Where(text => text.Length < 200).Concat(HostileStrings.Broken()).Concat(drawn))
            Assert.Equal(Pieces(pattern, text), Pieces(scanner, text));
    }

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

using System.Diagnostics;

namespace Weft.Tokenizers.Tests;

public class PatternTests
{
    // Each expected list was worked out by hand from Oniguruma's rules.
    [Theory]
    [InlineData("a|ab", "abab", "a,a")]
    [InlineData("(?:a|ab)c", "abcac", "abc,ac")]
    [InlineData("a{2,3}", "aaaaaaa", "aaa,aaa")]
    [InlineData("a{2,3}?", "aaaaaaa", "aa,aa,aa")]
    [InlineData("a{,2}b", "aaab", "aab")]
    [InlineData("x{", "x{x", "x{")]
    [InlineData("a++a|b", "aaab", "b")]
    [InlineData("(?>a+)a|b", "aaab", "b")]
    [InlineData("a(?=b)", "abaab", "a,a")]
    [InlineData("a(?!b)", "abaab", "a")]
    [InlineData("(?<=b)a", "abaab", "a")]
    [InlineData("(?<!b)a", "abaab", "a,a")]
    [InlineData("(?<=ab|c)d", "abdcdd", "d,d")]
    [InlineData("(?i:s)x", "SxſxsX", "Sx,ſx")]
    [InlineData("(?i)k", "kK\u212A", "k,K,\u212A")]
    [InlineData("a(?i)b|c", "aBac", "aB,ac")]
    [InlineData(@"\p{L}+", "a𝒜漢1é", "a𝒜漢,é")]
    [InlineData(@"\p{^L}+", "a12b", "12")]
    [InlineData(@"[^\s\p{L}]+", "a1! b", "1!")]
    [InlineData(@"[a-c&&[^b]]", "abcd", "a,c")]
    [InlineData(@"[[:alpha:]]+", "ab1c", "ab,c")]
    [InlineData(@"[a\-z]+", "a-zb", "a-z")]
    [InlineData(@"[]a]+", "a]b", "a]")]
    [InlineData(@"\s", "\u0085\u00a0\u180e\u200b\u001c", "\u0085,\u00a0")]
    [InlineData(@"\p{Han}+|\p{Cyrillic}+", "漢字Жаx", "漢字,Жа")]
    [InlineData(@"\bab\b", "ab cab ab", "ab,ab")]
    [InlineData(@"^.", "ab\ncd", "a,c")]
    [InlineData(@".$", "ab\ncd", "b,d")]
    [InlineData(@"(?:a*)*b", "aab", "aab")]
    [InlineData(@"\x{1F600}|\u00e9|\x41", "😀éA", "😀,é,A")]
    [InlineData("(?x) a b # comment", "ab", "ab")]
    public void Find_Pattern_GivesTheMatches(string pattern, string text, string matches)
    {
        Pattern compiled = new(pattern);
        List<string> found = [];
        for (int from = 0; from <= text.Length;)
        {
            (int start, int end) = compiled.Find(text, from);
            if (start < 0) break;
            if (end > start) found.Add(text[start..end]);
            from = end > start ? end : end + 1;
        }
        Assert.Equal(matches, string.Join(',', found));
    }

    [Theory]
    [InlineData("(")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData("*a")]
    [InlineData(@"\p{Nonsense}")]
    [InlineData(@"(a)\1")]
    [InlineData(@"\X")]
    [InlineData("(?<=a+)b")]
    [InlineData("[z-a]")]
    [InlineData("a{3,2}")]
    [InlineData("(?(1)a)")]
    [InlineData(@"\")]
    public void Pattern_WrongOrNotSupported_IsRefusedWithThePattern(string pattern)
    {
        FormatException error = Assert.Throws<FormatException>(() => new Pattern(pattern));
        Assert.Contains(pattern, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_ExponentialPattern_EndsInAnError()
    {
        Stopwatch watch = Stopwatch.StartNew();
        Assert.Throws<InvalidOperationException>(() => new Pattern("(?:a|a)*(?:a|a)*b").Find(new string('a', 2000), 0));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"{watch.Elapsed}");
    }

    [Fact]
    public void Find_DeepPattern_IsRefused() => Assert.Throws<FormatException>(() => new Pattern(new string('(', 100_000) + new string(')', 100_000)));

    [Fact]
    public void End_PublishedPattern_CutsAsTheHandWrittenScanner()
    {
        PatternScanner pattern = new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");
        foreach (string text in HostileStrings.Valid().Where(text => text.Length < 200))
            for (int start = 0; start < text.Length;)
            {
                int end = Gpt2Scanner.Instance.End(text, start);
                Assert.Equal(end, pattern.End(text, start));
                start = end;
            }
    }
}

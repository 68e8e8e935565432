using System.Security.Cryptography;
using System.Text;
using Weft.Guide.Stories;

namespace Weft.Guide.Tests.Stories;

public sealed class StoryGrammarTests
{
    // Means of samples lie within 3 standard errors of the expectation 99.7 times of 100. The seeds are fixed, so a test either always
    // passes or always fails.
    private const double StandardErrors = 3;

    // Sums of some 30 logarithms of magnitude up to 4, each rounded at 1e-16.
    private const double Rounding = 1e-9;

    private static readonly StoryGrammar Grammar = StoryGrammar.Default;

    [Fact]
    public void Sample_FixedSeed_GivesTheSameStoryForEver()
    {
        Assert.Equal(
            "Mia was a shy girl who lived beside a quiet lake. Every morning, she watched the boats. One day, Mia wanted to juggle, because " +
            "it looked like so much fun. But every time she tried, all the apples fell down. Mia was cross, but then Felix the frog came along. " +
            "\"Try again and start with one apple,\" said Felix. Mia tried again, and that evening she juggled for the whole village. Now she " +
            "knew that nobody can juggle on the first day.",
            Grammar.Sample(7, 2).Text);
    }

    [Fact]
    public void Generate_FixedSeed_HasAFixedHash()
    {
        // Changing the grammar changes this hash, and with it the published figures of the default run.
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Grammar.Generate(seed: 1, storyCount: 1000))));
        Assert.Equal("0dd152378b8b3b0b73b00d3859e1a9fe46338eefb47d11cfc78b29d20adeca91", hash);
    }

    [Fact]
    public void Generate_ManyStories_AreTheSamplesEachClosedByALineEnd()
    {
        string text = Grammar.Generate(seed: 3, storyCount: 5);
        Assert.Equal(string.Concat(Enumerable.Range(0, 5).Select(i => Grammar.Sample(3, i).Text + "\n")), text);
        Assert.Equal("", Grammar.Generate(3, 0));
        Assert.NotEqual(Grammar.Sample(3, 0).Text, Grammar.Sample(4, 0).Text);
    }

    [Fact]
    public void Generate_TenThousandStories_AreAllButAllDistinct()
    {
        int distinct = Enumerable.Range(0, 10_000).Select(i => Grammar.Sample(11, i).Text).Distinct().Count();
        Assert.InRange(distinct, 9_990, 10_000);
    }

    [Fact]
    public void Vocabulary_OfManySamples_IsExactlyTheDeclaredOneAndHasSomeHundredsOfWords()
    {
        SortedSet<string> seen = new(StoryGrammar.SplitWords(Grammar.Generate(13, 5_000)), StringComparer.Ordinal);
        Assert.Equal(Grammar.Vocabulary, seen);
        Assert.InRange(Grammar.Vocabulary.Count, 300, 500);
    }

    [Fact]
    public void WordCount_OfManySamples_KeepsTheBoundsAndFitsAContextOf128()
    {
        double[] counts = [.. Enumerable.Range(0, 10_000).Select(i => (double)StoryGrammar.SplitWords(Grammar.Sample(17, i).Text + "\n").Count)];
        Assert.InRange(counts.Min(), Grammar.MinimumWordCount, 80);
        Assert.InRange(counts.Max(), 110, Grammar.MaximumWordCount);
        Assert.True(Grammar.MaximumWordCount <= 127, "A story and the line end before it must fit 128 tokens.");
        AssertMean(Grammar.ExpectedWordCount, counts);
    }

    [Fact]
    public void EntropyPerStory_AgainstTwentyThousandSamples_IsTheirMeanInformation() =>
        AssertMean(Grammar.EntropyPerStory, [.. Enumerable.Range(0, 20_000).Select(i => -Grammar.Sample(19, i).LogProbability)]);

    [Fact]
    public void ExpectedTokens_CountingCharacters_IsTheMeanLengthOfTheText()
    {
        // The pieces of a text are its characters cut up, so their expected lengths must sum to the expected length.
        double expected = Grammar.ExpectedTokens(piece => piece.Length);
        AssertMean(expected, [.. Enumerable.Range(0, 10_000).Select(i => Grammar.Sample(23, i).Text.Length + 1.0)]);
        Assert.Equal(Grammar.ExpectedWordCount, Grammar.ExpectedTokens(_ => 1), Rounding);
    }

    [Fact]
    public void LogProbability_OfSamples_IsThatOfTheOnlyDerivation()
    {
        for (int i = 0; i < 2_000; i++)
        {
            Story story = Grammar.Sample(29, i);
            StoryReader reader = Grammar.Read();
            foreach (string word in StoryGrammar.SplitWords(story.Text + "\n")) Assert.True(reader.TryRead(word));
            Assert.True(reader.IsComplete);
            Assert.Equal(1, reader.DerivationCount);
            Assert.Equal(story.LogProbability, reader.LogProbability, Rounding);
            Assert.Equal(story.LogProbability, Grammar.LogProbability(story.Text), Rounding);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Once upon a time")]
    [InlineData("Hello world.")]
    public void LogProbability_OfOtherText_IsNegativeInfinity(string text) => Assert.Equal(double.NegativeInfinity, Grammar.LogProbability(text));

    [Fact]
    public void NegativeLogProbability_OfAText_IsTheSumOverItsStories()
    {
        string text = Grammar.Generate(31, 20);
        double expected = -Enumerable.Range(0, 20).Sum(i => Grammar.Sample(31, i).LogProbability);
        Assert.Equal(expected, Grammar.NegativeLogProbability(text), Rounding);
        Assert.Equal(expected, Grammar.NegativeLogProbability(text.TrimEnd('\n')), Rounding);
        Assert.Equal(0, Grammar.NegativeLogProbability(""));
        Assert.Equal(double.PositiveInfinity, Grammar.NegativeLogProbability(text + "no story\n"));
    }

    [Fact]
    public void MeasureWords_OfASample_SumsToItsInformationAndNextWordsSumToOne()
    {
        for (int i = 0; i < 20; i++)
        {
            Story story = Grammar.Sample(37, i);
            IReadOnlyList<StoryWord> words = Grammar.MeasureWords(story.Text + "\n");
            Assert.Equal(-story.LogProbability, words.Sum(word => word.Nats), Rounding);

            StoryReader reader = Grammar.Read();
            foreach (StoryWord word in words)
            {
                IReadOnlyList<StoryWord> next = reader.NextWords();
                Assert.Equal(1, next.Sum(n => n.Probability), Rounding);
                Assert.Equal(word.Probability, next.Single(n => n.Word == word.Word).Probability, Rounding);
                Assert.True(reader.TryRead(word.Word));
            }
            Assert.Empty(reader.NextWords());
        }
    }

    [Fact]
    public void MeasureWords_OfOtherText_Throws() => Assert.Throws<ArgumentException>(() => Grammar.MeasureWords("Once upon a tree"));

    // Whole languages, word by word. the first two are parts of the default; the third has every feature of the notation.
    [Theory]
    [InlineData("rule Small\n 1 <Opening>\n", true)]
    [InlineData("rule Small\n 1 <SmallOpening> <LearnWish>\nsentence SmallOpening\n 1 {hero:hero} was a boy.\n", true)]
    [InlineData("list a | x\n A | 1\n B b | 2\n C | 2\nlist c | x\n d | 1\n e | 2\n f | 2\nrule S\n 3 {p:a} {q:c if x=p.x}<T>.\n 1 \"No {q:c}!\"<T>\nrule T\n 2 , yes\n 5 [p] so {p.x} {^q}\n 1 [q=e,f] it {q}\n", false)]
    public void Language_EnumeratedExhaustively_IsUnambiguousAndSumsToOne(string head, bool withDefault)
    {
        StoryGrammar grammar = StoryGrammar.Parse(head + (withDefault ? DefaultStories.Text : ""));
        double sum = 0;
        double entropy = 0;
        double words = 0;
        foreach ((List<string> story, double p) in Enumerate(grammar, []))
        {
            sum += p;
            entropy -= p * Math.Log(p);
            words += p * story.Count;
        }
        Assert.Equal(1, sum, Rounding);
        Assert.Equal(entropy, grammar.EntropyPerStory, Rounding);
        Assert.Equal(words, grammar.ExpectedWordCount, Rounding);
    }

    [Fact]
    public void DerivationCount_OfAnAmbiguousGrammar_IsAboveOneAndProbabilitiesAdd()
    {
        StoryGrammar grammar = StoryGrammar.Parse("rule S\n 1 a b\n 1 a <B>\nrule B\n 1 b\n 1 c\n");
        StoryReader reader = grammar.Read();
        Assert.True(reader.TryRead("a") && reader.TryRead("b") && reader.TryRead("\n"));
        Assert.Equal(2, reader.DerivationCount);
        // 1/2 for the first alternative, 1/2 x 1/2 through B.
        Assert.Equal(Math.Log(0.75), reader.LogProbability, Rounding);
    }

    [Theory]
    [InlineData("", "no rules")]
    [InlineData("rule S\n", "no alternatives")]
    [InlineData("rule S\n x y\n", "line 2")]
    [InlineData("rule S\n 0 y\n", "weight")]
    [InlineData("rule S\n 1 <T>\n", "no rule 'T'")]
    [InlineData("rule S\n 1 <S>\n", "contains itself")]
    [InlineData("rule S\n 1 {x}\n", "nothing binds 'x'")]
    [InlineData("rule S\n 1 {x:y}\n", "no list 'y'")]
    [InlineData("rule S\n 1 {x\n", "not closed")]
    [InlineData("list y | f\n a\nrule S\n 1 {x:y}\n", "line 2")]
    [InlineData("list y\n a\nlist z\n b\nrule S\n 1 {x:y} {x:z}\n", "elsewhere")]
    [InlineData("list y\n a\nrule S\n 1 {x:y} {x.f}\n", "no column 'f'")]
    [InlineData("list y\n a\nrule S\n 1 {x:y} <T>\nrule T\n 1 [x=b] c\n 1 d\n", "'b'")]
    [InlineData("rule S\n 1 a\nrule S\n 1 b\n", "twice")]
    [InlineData("1 a\n", "belongs to no rule")]
    public void Parse_FaultyText_NamesTheFault(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<FormatException>(() => StoryGrammar.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Sample_FactsAndText_Agree()
    {
        // An oracle that knows nothing of the grammar: where nobody in the story is a she, no feminine word may occur, and the reverse.
        string[] women = ["Lily", "Mia", "Anna", "Rose", "Dot", "Hazel", "Poppy", "Daisy", "Ruby", "Olga", "Ida", "Tilda", "Greta", "mother", "grandmother", "sister", "aunt"];
        int oneGender = 0;
        for (int i = 0; i < 5_000; i++)
        {
            Story story = Grammar.Sample(41, i);
            bool[] isWoman = [.. new[] { "hero", "helper", "family" }.Where(story.Facts.ContainsKey).Select(who => women.Contains(story.Facts[who]))];
            HashSet<string> words = [.. StoryGrammar.SplitWords(story.Text.ToLowerInvariant())];
            if (isWoman.All(w => w)) Assert.Empty(words.Intersect(["he", "him", "his", "boy"]));
            if (isWoman.All(w => !w)) Assert.Empty(words.Intersect(["she", "her", "girl"]));
            if (isWoman.Distinct().Count() == 1) oneGender++;
        }
        Assert.InRange(oneGender, 500, 4_500); // the test did look at stories of one gender, and there are others
    }

    private static IEnumerable<(List<string> Story, double Probability)> Enumerate(StoryGrammar grammar, List<string> prefix)
    {
        StoryReader reader = grammar.Read();
        foreach (string word in prefix) Assert.True(reader.TryRead(word));
        if (reader.IsComplete)
        {
            Assert.Equal(1, reader.DerivationCount);
            return [(prefix, Math.Exp(reader.LogProbability))];
        }
        return reader.NextWords().SelectMany(next => Enumerate(grammar, [.. prefix, next.Word]));
    }

    private static void AssertMean(double expected, double[] samples)
    {
        double mean = samples.Average();
        double standardError = Math.Sqrt(samples.Sum(x => (x - mean) * (x - mean)) / (samples.Length - 1) / samples.Length);
        Assert.InRange(mean, expected - (StandardErrors * standardError), expected + (StandardErrors * standardError));
    }
}

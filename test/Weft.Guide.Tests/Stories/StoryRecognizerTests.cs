using Weft.Guide.Stories;

namespace Weft.Guide.Tests.Stories;

public sealed class StoryRecognizerTests
{
    private static readonly StoryGrammar Grammar = StoryGrammar.Default;
    private static readonly StoryRecognizer Recognizer = new(Grammar);

    // Story 14 of seed 7, on which the tests of single faults work.
    private const string Max =
        "Behind a blue door, there lived a merry boy called Max. One day, Max wanted to see the waterfall, because his brother said that it " +
        "sang all day. After three hours, he came to a heap of rocks. Max was sad, but then Walt the woodchuck came along. \"I cannot get " +
        "under the rocks,\" said Max. \"Follow me,\" said Walt, and he dug a tunnel. There was the waterfall at last, and it really sang all " +
        "day. Then Max went home to the blue door and dreamed of Walt.";

    [Fact]
    public void Examine_GeneratedText_FindsNoFault()
    {
        StoryReport report = Recognizer.Examine(Grammar.Generate(43, 1_000));
        Assert.Null(report.FirstFault);
        Assert.Equal(report.SentenceCount, report.InPlaceCount);
        Assert.Equal((1_000, 1_000), (report.EndedStoryCount, report.WholeStoryCount));
        Assert.InRange(report.SentenceCount, 6_000, 8_000); // 6 to 8 sentences a story
    }

    [Fact]
    public void IsGrammatical_EverySentenceOfSamples_Alone()
    {
        foreach (StorySentence sentence in Recognizer.Examine(Grammar.Generate(47, 100)).Sentences)
            Assert.True(Recognizer.IsGrammatical(sentence.Text), sentence.Text);
    }

    [Theory]
    [InlineData("Every Sunday, she fed the birds.", true)]
    [InlineData("Lily was happy.", false)]
    [InlineData("Lily was so happy that she flew the kite until dark.", true)]
    [InlineData("Lily was so happy that he flew the kite until dark.", false)]
    [InlineData("Lily was so happy that she flew the ball until dark.", false)]
    [InlineData("Every Sunday, she fed the birds", false)]
    [InlineData("", false)]
    public void IsGrammatical_SentenceAlone_IsJudgedWithItsOwnAgreement(string sentence, bool expected) =>
        Assert.Equal(expected, Recognizer.IsGrammatical(sentence));

    [Theory]
    [InlineData("three hours, he", "three hours, she", "'she' refers to Max, who is 'he'")]
    [InlineData("said Walt", "said Hugo", "'Hugo' stands where the story means 'Walt'")]
    [InlineData("the woodchuck", "the owl", "'owl' refers to Walt, who is 'woodchuck'")]
    [InlineData("wanted to see", "wanted to banana", "'banana' is not a word of these stories")]
    [InlineData("but then", "but", "'Walt' cannot follow 'but'; 'then' can")]
    [InlineData("Then Max", "Then  Max", "the space before 'Max' is wrong")]
    public void Examine_OneFault_CostsOneSentenceAndIsNamed(string right, string wrong, string fault)
    {
        Assert.Contains(right, Max, StringComparison.Ordinal);
        StoryReport report = Recognizer.Examine(Max.Replace(right, wrong, StringComparison.Ordinal) + "\n");
        Assert.Equal(fault, report.FirstFault);
        Assert.Equal((8, 7), (report.SentenceCount, report.GrammaticalCount));
        Assert.Equal((1, 0), (report.EndedStoryCount, report.WholeStoryCount));
    }

    [Fact]
    public void Examine_SentenceLeftOut_IsGrammaticalButOutOfPlace()
    {
        StoryReport report = Recognizer.Examine(Max.Replace("After three hours, he came to a heap of rocks. ", "", StringComparison.Ordinal) + "\n");
        Assert.Equal((7, 7, 6), (report.SentenceCount, report.GrammaticalCount, report.InPlaceCount));
        Assert.Equal(0, report.WholeStoryCount);
    }

    [Fact]
    public void Examine_CutOffText_DoesNotCountTheLastSentence()
    {
        StoryReport report = Recognizer.Examine(Max + "\n" + Max[..^10]);
        Assert.Equal((15, 15), (report.SentenceCount, report.GrammaticalCount));
        Assert.Equal((1, 1), (report.EndedStoryCount, report.WholeStoryCount));
    }

    [Fact]
    public void Examine_UnfinishedSentenceBeforeALineEnd_IsAFault()
    {
        StoryReport report = Recognizer.Examine(Max.Replace(" of Walt.", "\n", StringComparison.Ordinal));
        Assert.Equal((8, 7), (report.SentenceCount, report.GrammaticalCount));
        Assert.Contains("not finished", report.FirstFault, StringComparison.Ordinal);
    }

    [Fact]
    public void Examine_EmptyText_HasNoSentences()
    {
        StoryReport report = Recognizer.Examine("");
        Assert.Equal((0, 0, 0), (report.SentenceCount, report.EndedStoryCount, report.WholeStoryCount));
        Assert.Null(report.FirstFault);
    }

    [Fact]
    public void Examine_ArbitraryText_NeverThrows()
    {
        foreach (string text in new[] { "\n\n", " ", "\"", "\" .\n", "''''", "\0\uD800\t\r\n\u2028", "He he he. He!", new string('a', 10_000), "12 . . .\n 1" })
            Assert.Equal(0, Recognizer.Examine(text).WholeStoryCount);
    }

    [Fact]
    public void IsStory_MutatedSamples_AreRejected()
    {
        for (int i = 0; i < 300; i++)
        {
            Story story = Grammar.Sample(53, i);
            List<string> words = [.. StoryGrammar.SplitWords(story.Text)];
            Assert.True(Recognizer.IsStory(Join(words)));

            for (int w = 0; w < words.Count; w++)
            {
                string? swapped = words[w] switch { "he" => "she", "she" => "he", "him" => "her", "her" => "his", "his" => "her", "He" => "She", "She" => "He", _ => null };
                if (swapped is not null) Reject(words, w, swapped);
            }

            // From the second mention on, the hero may have no other name.
            string hero = story.Facts["hero"];
            for (int w = words.IndexOf(hero) + 1; w < words.Count; w++)
                if (words[w] == hero) Reject(words, w, hero == "Tom" ? "Lily" : "Tom");

            int place = (i * 31) % words.Count;
            Reject(words, place, "banana");
            Reject(words, place, words[place], words[place]); // written twice
            Reject(words, place); // left out
        }
    }

    private static void Reject(List<string> words, int index, params string[] replacement)
    {
        string mutated = Join([.. words[..index], .. replacement, .. words[(index + 1)..]]);
        Assert.False(Recognizer.IsStory(mutated), mutated);
    }

    private static string Join(List<string> words) => StoryWords.Join(words);
}

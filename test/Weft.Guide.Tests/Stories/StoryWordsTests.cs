using Weft.Guide.Stories;

namespace Weft.Guide.Tests.Stories;

public sealed class StoryWordsTests
{
    [Theory]
    [InlineData("Once upon a time, Tom's kite flew.", "Once|upon|a|time|,|Tom|'s|kite|flew|.")]
    [InlineData("\"Thank you, Ida!\" said Tom.", "\"|Thank|you|,|Ida|!\"|said|Tom|.")]
    [InlineData("\"Now,\" said Tom, \"go.\"\n", "\"|Now|,\"|said|Tom|,|\"|go|.\"|\n")]
    [InlineData("", "")]
    public void Split_RuledText_GivesWordsThatJoinToIt(string text, string expected)
    {
        List<string> words = StoryWords.Split(text);
        Assert.Equal(expected, string.Join('|', words));
        Assert.Equal(text, StoryWords.Join(words));
    }

    [Theory]
    [InlineData("Tom  was", "Tom|  was")]
    [InlineData("Tom ,", "Tom| ,")]
    [InlineData(" Tom", " Tom")]
    [InlineData("a\n b", "a|\n| b")]
    public void Split_WrongSpacing_KeepsTheSpacesInTheWord(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', StoryWords.Split(text)));

    [Fact]
    public void SplitSentences_Quotations_EndWhereTheSentenceEnds()
    {
        List<string> words = StoryWords.Split("\"Why are you sad?\" asked Ida. \"Follow me.\" Tom went! She");
        Assert.Equal(
            ["\"Why are you sad?\" asked Ida.", "\"Follow me.\"", "Tom went!", "She"],
            StoryRecognizer.SplitSentences(words).Select(StoryWords.Join));
    }
}

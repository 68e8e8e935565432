using Weft.Tensors.Files;
using Weft.Training.Data;

namespace Weft.Training.Tests.Data;

public sealed class TextAugmentationTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Alter_WithSynonyms_KeepsMarksAndCapitals()
    {
        File.WriteAllText(_path, "# animals\ncat: tiger\n\nMAT:  rug \n");
        TextAugmentation augmentation = new() { Synonyms = SynonymDictionary.Load(_path), SynonymRate = 0.999999999 };
        Assert.Equal("The tiger, \"Tiger\" sat on the rug.", augmentation.Alter("The cat, \"Cat\" sat on the mat.", 0, 0));
    }

    [Fact]
    public void Alter_SwapsAndDeletions_UseTheWordsOfTheLine()
    {
        string line = string.Join(' ', Enumerable.Range(0, 1000));
        TextAugmentation swap = new() { SwapRate = 0.1 }, delete = new() { DeletionRate = 0.1 };
        string[] swapped = swap.Alter(line, 3, 0).Split(' '), kept = delete.Alter(line, 3, 0).Split(' ');
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"{i}").Order(), swapped.Order());
        // About 100 swaps, each moving two words; three deviations of sqrt(90) are 29.
        Assert.InRange(swapped.Where((w, i) => w != $"{i}").Count(), 2 * 65, 2 * 135);
        Assert.InRange(kept.Length, 900 - 29, 900 + 29);
        Assert.Equal(kept.Select(int.Parse).Order(), kept.Select(int.Parse)); // the order stays
        Assert.Equal("one", new TextAugmentation { DeletionRate = 0.99 }.Alter("one", 0, 0)); // a line keeps a word
    }

    [Fact]
    public void Extend_Copies_AreAFunctionOfSeedLineAndCopy()
    {
        const string Text = "a b c d e f g h\n\ni j k l m n o p\n";
        TextAugmentation augmentation = new() { SwapRate = 0.5, Seed = 5 };
        string extended = augmentation.Extend(Text, 2);
        Assert.StartsWith(Text, extended, StringComparison.Ordinal);
        string[] lines = extended.Split('\n');
        Assert.Equal(augmentation.Alter("i j k l m n o p", 2, 1), lines[8]);
        Assert.NotEqual(lines[3], lines[6]);
        Assert.Equal("", lines[4]);
        Assert.Equal(extended, augmentation.Extend(Text, 2));
        Assert.Equal(Text, augmentation.Extend(Text, 0));
    }

    [Fact]
    public void Alter_WithBackTranslation_AltersWhatItGives() =>
        Assert.Equal("B A", new TextAugmentation { BackTranslation = static s => string.Join(' ', s.ToUpperInvariant().Split(' ').Reverse()) }.Alter("a b", 0, 0));

    [Theory]
    [InlineData("cat tiger\n", 0, "line 1")]
    [InlineData("# x\ncat: \n", 4, "line 2")]
    [InlineData("cat: tiger\nCat: lion\n", 11, "twice")]
    public void Load_DamagedDictionary_NamesTheLine(string text, long offset, string says)
    {
        File.WriteAllText(_path, text);
        WeftFileException exception = Assert.Throws<WeftFileException>(() => SynonymDictionary.Load(_path));
        Assert.Equal(offset, exception.ByteOffset);
        Assert.Contains(says, exception.Message, StringComparison.Ordinal);
    }
}

namespace Weft.Tokenizers.Tests;

public class BytePairTrainerTests
{
    [Fact]
    public void Train_SmallCorpus_MergesTheMostFrequentPairFirst()
    {
        BytePairTokenizer tokenizer = BytePairTrainer.Train(["abab abab\n"], new BytePairTrainerConfig { VocabularySize = 260, SpecialTokens = [] });
        // Words: "abab", " abab", "\n". (a,b) occurs 4 times; then (ab,ab) 2 times; then (Ġ,abab) once.
        Assert.Equal(["ab", "abab", "Ġabab"], tokenizer.Merges.Select(merge => tokenizer.Token(merge.Id)));
    }

    [Fact]
    public void Train_NoText_GivesTheBytesAlone()
    {
        BytePairTokenizer tokenizer = BytePairTrainer.Train([], new BytePairTrainerConfig { VocabularySize = 1000 });
        Assert.Equal(257, tokenizer.VocabularySize);
        Assert.Equal("été", tokenizer.Decode(tokenizer.Encode("été")));
    }

    [Fact]
    public void Train_TooSmallAVocabulary_IsRefusedByName()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => BytePairTrainer.Train([], new BytePairTrainerConfig { VocabularySize = 256 }));
        Assert.Contains("VocabularySize 256 must be at least 257", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_Cancelled_Stops()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => BytePairTrainer.Train(["abc"], new BytePairTrainerConfig(), cancellation: source.Token));
    }

    [Fact]
    public void Train_WithProgress_EndsAtTheVocabularySize()
    {
        TokenizerTrainingProgress last = default;
        BytePairTrainer.Train(["some words, some more words"], new BytePairTrainerConfig { VocabularySize = 260 }, new Listener(value => last = value));
        Assert.Equal(new TokenizerTrainingProgress("learning merges", 260, 260), last);
    }

    private sealed class Listener(Action<TokenizerTrainingProgress> act) : IProgress<TokenizerTrainingProgress>
    {
        public void Report(TokenizerTrainingProgress value) => act(value);
    }
}

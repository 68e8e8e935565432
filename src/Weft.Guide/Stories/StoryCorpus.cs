using Weft.Tokenizers;
using Weft.Training.Data;

namespace Weft.Guide.Stories;

/// <summary>The embedded stories as a corpus: what <c>weft train</c> learns from when it is given no text.</summary>
/// <remarks>
/// Each row is one whole story between two end-of-text tokens, so a model that had the grammar itself would lose exactly
/// -ln P(story) on it: the floor is known for this very text, not estimated.
/// </remarks>
public static class StoryCorpus
{
    /// <summary>Stories to learn from. One pass of the default run sees most of them once.</summary>
    public const int TrainingStoryCount = 24_000;

    /// <summary>Stories to measure on.</summary>
    public const int HeldOutStoryCount = 512;

    // The two texts of a seed must not overlap; stories repeat by chance only.
    private const ulong HeldOutSeedOffset = 0x5EED_0FF5;

    /// <summary>Writes the stories of a seed, trains a byte-level BPE tokenizer on them, and encodes them.</summary>
    /// <param name="seed">Another seed, other stories.</param>
    /// <param name="vocabularySize">Tokens of the tokenizer to train.</param>
    public static (Corpus Corpus, Tokenizer Tokenizer) Create(ulong seed, int vocabularySize)
    {
        StoryGrammar grammar = StoryGrammar.Default;
        string[] training = grammar.Generate(seed, TrainingStoryCount).TrimEnd('\n').Split('\n');
        string[] heldOut = grammar.Generate(seed + HeldOutSeedOffset, HeldOutStoryCount).TrimEnd('\n').Split('\n');
        BytePairTokenizer tokenizer = BytePairTrainer.Train(training, new BytePairTrainerConfig { VocabularySize = vocabularySize });
        int end = tokenizer.EndOfTextId!.Value;
        int[][] heldOutTokens = [.. heldOut.Select(s => Row(tokenizer, s, end))];
        double nats = heldOut.Sum(s => -grammar.LogProbability(s)), tokens = heldOutTokens.Sum(static r => r.Length - 1.0);
        Corpus corpus = Corpus.FromDocuments([.. training.Select(s => Row(tokenizer, s, end))], heldOutTokens, $"{TrainingStoryCount:N0} stories of the embedded grammar, seed {seed}") with
        {
            EntropyFloor = nats / tokens,
            BytesPerToken = heldOut.Sum(static s => s.Length + 1.0) / tokens,
        };
        return (corpus, tokenizer);
    }

    private static int[] Row(Tokenizer tokenizer, string story, int end) => [end, .. tokenizer.Encode(story), end];
}

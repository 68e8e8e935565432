using System.Text;
using Weft.Tokenizers;

namespace Weft.Training.Data;

/// <summary>Turns a text into a tokenizer and a corpus, the end of the text held out.</summary>
public static class TextCorpus
{
    /// <summary>Splits, chooses or trains the tokenizer, and encodes.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="config">Says which tokenizer and how much is held out.</param>
    /// <param name="known">The tokenizer of a run that goes on; null chooses one.</param>
    /// <param name="name">What the text is called in messages.</param>
    /// <param name="backTranslation">Rewords a line for the copies that <see cref="TrainingConfig.AugmentCopies"/> asks for; null leaves it to the other changes.</param>
    /// <remarks>A character vocabulary is taken from the whole text, as nanoGPT does; a BPE tokenizer is trained on the training part alone.</remarks>
    /// <exception cref="ArgumentException">The text is too short for the context length.</exception>
    public static (Corpus Corpus, Tokenizer Tokenizer) Create(string text, TrainingConfig config, Tokenizer? known, string name, Func<string, string>? backTranslation = null)
    {
        int cut = (int)(text.Length * (1 - config.ValidationFraction));
        if (cut > 0 && cut < text.Length && char.IsLowSurrogate(text[cut])) cut--;
        string training = text[..cut], heldOut = text[cut..];
        Tokenizer tokenizer = known ?? config.Tokenizer switch
        {
            "character" => CharacterTokenizer.FromText(text),
            "bpe" => BytePairTrainer.Train([training], new BytePairTrainerConfig { VocabularySize = config.VocabularySize }),
            _ => Tokenizer.Load(config.Tokenizer),
        };
        if (config.AugmentCopies > 0)
        {
            TextAugmentation augmentation = new()
            {
                Synonyms = config.SynonymFile.Length > 0 ? SynonymDictionary.Load(config.SynonymFile) : null,
                SynonymRate = config.SynonymRate, SwapRate = config.SwapRate, DeletionRate = config.DeletionRate, Seed = config.Seed, BackTranslation = backTranslation,
            };
            training = augmentation.Extend(training, config.AugmentCopies);
        }
        int[] trainingTokens = tokenizer.Encode(training), heldOutTokens = tokenizer.Encode(heldOut);
        int needed = config.ContextLength + 1;
        if (trainingTokens.Length < needed)
            throw new ArgumentException($"{name}: the text has {trainingTokens.Length} tokens to learn from, but contextLength {config.ContextLength} needs {needed}: give a longer text or --set contextLength={Math.Max(1, trainingTokens.Length - 1)}.");
        if (heldOutTokens.Length < 2) throw new ArgumentException($"{name}: validationFraction {config.ValidationFraction} leaves no text to measure on.");
        Corpus corpus = Corpus.FromText(trainingTokens, heldOutTokens, $"{name} ({trainingTokens.Length:N0} tokens, {heldOutTokens.Length:N0} held out)") with
        {
            BytesPerToken = (double)Encoding.UTF8.GetByteCount(heldOut) / heldOutTokens.Length,
        };
        return (corpus, tokenizer);
    }
}

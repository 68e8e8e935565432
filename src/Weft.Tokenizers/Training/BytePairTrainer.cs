using System.Text;

namespace Weft.Tokenizers;

/// <summary>Learns a byte-level BPE vocabulary from text.</summary>
public static class BytePairTrainer
{
    /// <summary>Trains on texts, each of which is cut into pieces on its own. The same texts give the same vocabulary.</summary>
    /// <param name="texts">The corpus, for example its documents or its lines with their line feeds.</param>
    /// <param name="config">What to aim at.</param>
    /// <param name="progress">Told from time to time how far it is; null: nobody.</param>
    /// <param name="cancellation">Ends the training early.</param>
    /// <exception cref="ArgumentException">The configuration does not fit together.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static BytePairTokenizer Train(
        IEnumerable<string> texts, BytePairTrainerConfig config,
        IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();

        List<string> tokens = [.. config.SpecialTokens];
        int[] idOfByte = new int[256];
        foreach (byte value in ByteAlphabet.InCodePointOrder())
        {
            string token = ByteAlphabet.Character(value).ToString();
            int known = tokens.IndexOf(token); // a one-character special token is that byte's token, as in the reference
            idOfByte[value] = known >= 0 ? known : tokens.Count;
            if (known < 0) tokens.Add(token);
        }

        MergeLearner learner = new(tokens, maximumLength: config.MaximumTokenLength ?? int.MaxValue);
        foreach ((string word, long count) in CountWords(texts, progress, cancellation).Items)
            learner.AddWord(Array.ConvertAll(Encoding.UTF8.GetBytes(word), value => idOfByte[value]), count);
        learner.Learn(config.VocabularySize, config.MinimumFrequency, progress, cancellation);

        Dictionary<string, int> vocabulary = new(learner.Tokens.Count, StringComparer.Ordinal);
        for (int id = 0; id < learner.Tokens.Count; id++) vocabulary[learner.Tokens[id]] = id;
        MergeTable merges = new(learner.Merges.Count);
        for (int rank = 0; rank < learner.Merges.Count; rank++)
        {
            (int left, int right, int id) = learner.Merges[rank];
            merges.Set(left, right, rank, id);
        }
        return new BytePairTokenizer(vocabulary, merges, Gpt2Scanner.Instance, config.SpecialTokens.Select((token, id) => new AddedToken(token, id)));
    }

    private static WordCounts CountWords(IEnumerable<string> texts, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        WordCounts words = new();
        long done = 0;
        long reported = 0;
        foreach (string text in texts)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int start = 0; start < text.Length;)
            {
                int end = Gpt2Scanner.Instance.End(text, start);
                words.Add(text.AsSpan(start, end - start));
                start = end;
            }
            done += text.Length;
            if (done - reported < 1 << 20) continue;
            progress?.Report(new("counting words", done, 0));
            reported = done;
        }
        return words;
    }
}

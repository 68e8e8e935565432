using System.Text;

namespace Weft.Tokenizers;

/// <summary>Prepares an alphabet and words for <see cref="MergeLearner"/>.</summary>
internal static class MergedVocabulary
{
    /// <summary>Learns merges over the characters of words.</summary>
    public static MergeLearner Learn(MergedVocabularyConfig config, WordCounts words, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        List<string> tokens = [.. config.SpecialTokens];
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        for (int id = 0; id < tokens.Count; id++) ids[tokens[id]] = id;
        foreach (int codePoint in Alphabet(config, words)) IdOf(char.ConvertFromUtf32(codePoint));

        List<(int[], long)> spelled = new(words.Count);
        List<int> spelling = [];
        foreach ((string word, long count) in words.Items)
        {
            cancellation.ThrowIfCancellationRequested();
            spelling.Clear();
            int at = 0;
            foreach (Rune rune in word.EnumerateRunes())
            {
                int start = at;
                at += rune.Utf16SequenceLength;
                string character = rune.ToString();
                // A character that the limit has cut off is left out of the word.
                if (!ids.ContainsKey(character)) continue;
                if (start > 0) character = config.ContinuingPrefix + character;
                if (at == word.Length) character += config.EndOfWordSuffix;
                spelling.Add(IdOf(character));
            }
            spelled.Add((spelling.ToArray(), count));
        }

        MergeLearner learner = new(tokens, config.ContinuingPrefix, config.MaximumTokenLength ?? int.MaxValue);
        foreach ((int[] word, long count) in spelled) learner.AddWord(word, count);
        learner.Learn(config.VocabularySize, config.MinimumFrequency, progress, cancellation);
        return learner;

        int IdOf(string token)
        {
            if (ids.TryGetValue(token, out int id)) return id;
            ids[token] = tokens.Count;
            tokens.Add(token);
            return tokens.Count - 1;
        }
    }

    // The characters by code point; of more than the limit the rarest go, and of equally rare ones those with the higher code point.
    private static IEnumerable<int> Alphabet(MergedVocabularyConfig config, WordCounts words)
    {
        Dictionary<int, long> counts = [];
        foreach ((string word, long count) in words.Items)
            foreach (Rune rune in word.EnumerateRunes())
                counts[rune.Value] = counts.GetValueOrDefault(rune.Value) + count;
        foreach (string initial in config.InitialAlphabet)
            if (Rune.TryGetRuneAt(initial, 0, out Rune rune))
                counts[rune.Value] = long.MaxValue;
        IEnumerable<KeyValuePair<int, long>> kept = counts;
        if (config.AlphabetLimit is int limit) kept = counts.OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key).Take(limit);
        return kept.Select(entry => entry.Key).Order();
    }
}

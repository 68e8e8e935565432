using System.Text;
using Weft.Tensors;

namespace Weft.Training.Data;

/// <summary>Makes altered copies of a text, line by line, so that a small corpus says the same in more ways.</summary>
/// <remarks>
/// Replacement by synonyms, swaps and deletions of words are those of Wei and Zou 2019 ("EDA", arXiv:1901.11196, section 2);
/// back-translation (Sennrich et al. 2016, arXiv:1511.06709) is a hook, since it needs a translator. A copy is a function of
/// the seed, the line's index and the copy's number alone. Words are separated by spaces; other white space stays.
/// </remarks>
public sealed class TextAugmentation
{
    /// <summary>What words may be replaced by; null replaces none.</summary>
    public SynonymDictionary? Synonyms { get; init; }

    /// <summary>The probability that a word with synonyms is replaced by one.</summary>
    public double SynonymRate { get; init; }

    /// <summary>The probability that a word changes places with a word drawn from the same line.</summary>
    public double SwapRate { get; init; }

    /// <summary>The probability that a word is left out; a line keeps at least one.</summary>
    public double DeletionRate { get; init; }

    /// <summary>Translates a line into another language and back, or rewords it otherwise; called first. Null leaves it.</summary>
    public Func<string, string>? BackTranslation { get; init; }

    /// <summary>Decides what is altered.</summary>
    public ulong Seed { get; init; }

    /// <summary>The text and so many altered copies of it, one after the other.</summary>
    public string Extend(string text, int copies)
    {
        StringBuilder result = new(text);
        string[] lines = text.Split('\n');
        for (int copy = 0; copy < copies; copy++)
        {
            if (result.Length > 0 && result[^1] != '\n') result.Append('\n');
            for (int i = 0; i < lines.Length; i++)
            {
                if (i > 0) result.Append('\n');
                result.Append(Alter(lines[i], i, copy));
            }
        }
        return result.ToString();
    }

    /// <summary>One altered copy of a line.</summary>
    /// <param name="line">The line; one of white space alone stays as it is.</param>
    /// <param name="index">Which line.</param>
    /// <param name="copy">Which copy.</param>
    public string Alter(string line, long index, int copy)
    {
        if (string.IsNullOrWhiteSpace(line)) return line;
        if (BackTranslation is not null) line = BackTranslation(line);
        // A line takes at most a few draws a word, and has far fewer than 2^28 words.
        RandomGenerator generator = new(Seed, stream: 5 + (uint)copy) { Position = (ulong)index << 32 };
        List<string> words = [.. line.Split(' ')];
        for (int i = 0; i < words.Count; i++)
            if (Synonyms is not null && Core(words[i]) is { Length: > 0 } core && Synonyms.Of(core) is { Count: > 0 } choices && generator.NextDouble() < SynonymRate)
                words[i] = words[i].Replace(core, InCaseOf(core, choices[generator.NextInt32(choices.Count)]), StringComparison.Ordinal);
        for (int i = 0; i < words.Count && SwapRate > 0; i++)
        {
            if (generator.NextDouble() >= SwapRate) continue;
            int other = generator.NextInt32(words.Count);
            (words[i], words[other]) = (words[other], words[i]);
        }
        for (int i = words.Count - 1; i >= 0 && DeletionRate > 0; i--)
            if (generator.NextDouble() < DeletionRate && words.Count > 1) words.RemoveAt(i);
        return string.Join(' ', words);
    }

    // A word without the marks around it: "cat," is cat.
    private static string Core(string word)
    {
        int start = 0, end = word.Length;
        while (start < end && !char.IsLetterOrDigit(word[start])) start++;
        while (end > start && !char.IsLetterOrDigit(word[end - 1])) end--;
        return word[start..end];
    }

    private static string InCaseOf(string model, string word) => char.IsUpper(model[0]) ? char.ToUpperInvariant(word[0]) + word[1..] : word;
}

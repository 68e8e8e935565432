using Weft.Tensors.Files;

namespace Weft.Training.Data;

/// <summary>Words and what may stand in their place.</summary>
public sealed class SynonymDictionary
{
    private readonly Dictionary<string, string[]> _synonyms;

    /// <summary>Takes words, each with at least one synonym; words are compared without regard to case.</summary>
    public SynonymDictionary(IEnumerable<KeyValuePair<string, string[]>> synonyms) => _synonyms = new(synonyms, StringComparer.OrdinalIgnoreCase);

    /// <summary>The number of words that have synonyms.</summary>
    public int Count => _synonyms.Count;

    /// <summary>The synonyms of a word; none for one that is not known.</summary>
    public IReadOnlyList<string> Of(string word) => _synonyms.GetValueOrDefault(word, []);

    /// <summary>Reads lines of the form <c>word: synonym, synonym</c>; empty lines and those that begin with # are left out.</summary>
    /// <exception cref="WeftFileException">A line has another form, or a word stands twice; the message names the line.</exception>
    public static SynonymDictionary Load(string path)
    {
        Dictionary<string, string[]> synonyms = new(StringComparer.OrdinalIgnoreCase);
        long offset = 0;
        int number = 0;
        foreach (string line in TextFiles.Read(path).Split('\n'))
        {
            number++;
            string text = line.Trim();
            if (text.Length > 0 && text[0] != '#')
            {
                int colon = text.IndexOf(':', StringComparison.Ordinal);
                string[] words = colon < 1 ? [] : text[(colon + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
                if (words.Length == 0) throw new WeftFileException(path, offset, $"line {number} is not of the form 'word: synonym, synonym'.");
                if (!synonyms.TryAdd(text[..colon].Trim(), words)) throw new WeftFileException(path, offset, $"line {number}: '{text[..colon].Trim()}' stands twice.");
            }
            offset += System.Text.Encoding.UTF8.GetByteCount(line) + 1;
        }
        return new SynonymDictionary(synonyms);
    }
}

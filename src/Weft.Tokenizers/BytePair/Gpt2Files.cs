using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Reads the two files in which GPT-2 was published: <c>vocab.json</c> (token to id) and <c>merges.txt</c>.</summary>
internal static class Gpt2Files
{
    private const long LargestMerges = 256L << 20;

    public static BytePairTokenizer Load(string vocabularyPath, string mergesPath)
    {
        using JsonDocument document = JsonFile.Read(vocabularyPath);
        JsonField root = JsonField.Root(vocabularyPath, document);
        Dictionary<string, int> vocabulary = TokenizerJsonParts.ReadVocabulary(root);
        if (vocabulary.Count == 0) throw root.Error("the vocabulary is empty");
        MergeTable merges = ReadMerges(mergesPath, vocabulary);
        // The published files mark no token as special; these two are, wherever they stand in a byte-level vocabulary.
        List<AddedToken> added = [];
        foreach (string special in (string[])["<|endoftext|>", "<|endofprompt|>"])
            if (vocabulary.TryGetValue(special, out int id))
                added.Add(new AddedToken(special, id));
        return new BytePairTokenizer(vocabulary, merges, Gpt2Scanner.Instance, added);
    }

    /// <summary>Reads <c>merges.txt</c>: a line <c>#version</c>, then one merge a line.</summary>
    public static MergeTable ReadMerges(string path, IReadOnlyDictionary<string, int> vocabulary)
    {
        string[] lines = Encoding.UTF8.GetString(PackedFile.ReadAllBytes(path, LargestMerges)).Split('\n');
        MergeTable merges = new(lines.Length);
        int rank = 0;
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd('\r');
            if (line.Length == 0 || (i == 0 && line.StartsWith("#version", StringComparison.Ordinal))) continue;
            string[] pair = line.Split(' ');
            if (pair.Length != 2) throw new TokenizerFormatException(path, $"line {i + 1}: a merge has two tokens, not {pair.Length}.");
            int lineNumber = i + 1;
            merges.Set(Id(pair[0]), Id(pair[1]), rank++, Id(pair[0] + pair[1]));

            int Id(string token) => vocabulary.TryGetValue(token, out int id)
                ? id
                : throw new TokenizerFormatException(path, $"line {lineNumber}: the token '{token}' is not in the vocabulary.");
        }
        return merges;
    }
}

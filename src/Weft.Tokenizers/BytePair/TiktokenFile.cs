using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Reads OpenAI's rank files: a token in base64 and its rank, line by line.</summary>
/// <remarks>The rank is the id and says at once which pair merges first: the one whose joint token has the lowest rank.</remarks>
internal static class TiktokenFile
{
    private const long LargestFile = 64L << 20;

    /// <summary>Reads a file; its name says which pre-tokenizer and which special tokens belong to it.</summary>
    public static BytePairTokenizer Load(string path)
    {
        string name = Path.GetFileName(path).Split('.')[0];
        PreTokenScanner scanner = name switch { "cl100k_base" => PatternScanner.Cl100k, "o200k_base" => PatternScanner.O200k, _ => Gpt2Scanner.Instance };
        AddedToken[] special = name switch
        {
            "gpt2" or "r50k_base" or "p50k_base" => [new("<|endoftext|>", 50256)],
            "p50k_edit" => [new("<|endoftext|>", 50256), new("<|fim_prefix|>", 50281), new("<|fim_middle|>", 50282), new("<|fim_suffix|>", 50283)],
            "cl100k_base" => [new("<|endoftext|>", 100257), new("<|fim_prefix|>", 100258), new("<|fim_middle|>", 100259), new("<|fim_suffix|>", 100260), new("<|endofprompt|>", 100276)],
            "o200k_base" => [new("<|endoftext|>", 199999), new("<|endofprompt|>", 200018)],
            _ => throw new TokenizerFormatException(path, $"a rank file does not say how text is cut, and the name '{name}' is not one of r50k_base, p50k_base, p50k_edit, cl100k_base, o200k_base."),
        };
        Dictionary<string, int> ranks = ReadRanks(path);
        return new BytePairTokenizer(ranks, Merges(ranks), scanner, special);
    }

    private static Dictionary<string, int> ReadRanks(string path)
    {
        Dictionary<string, int> ranks = new(StringComparer.Ordinal);
        HashSet<int> seen = [];
        string[] lines = Encoding.UTF8.GetString(PackedFile.ReadAllBytes(path, LargestFile)).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length == 0) continue;
            string[] fields = lines[i].TrimEnd('\r').Split(' ');
            byte[] bytes = new byte[fields[0].Length];
            if (fields.Length != 2 || !Convert.TryFromBase64String(fields[0], bytes, out int count) || count == 0
                || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out int rank) || rank > 16_000_000)
                throw new TokenizerFormatException(path, $"line {i + 1}: expected a token in base64 and its rank.");
            if (!ranks.TryAdd(ByteAlphabet.Spell(bytes.AsSpan(0, count)), rank) || !seen.Add(rank))
                throw new TokenizerFormatException(path, $"line {i + 1}: the token or the rank {rank} stands there twice.");
        }
        return ranks.Count > 0 ? ranks : throw new TokenizerFormatException(path, "the file holds no token.");
    }

    // Every way to join two tokens into a third.
    private static MergeTable Merges(Dictionary<string, int> ranks)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = ranks.GetAlternateLookup<ReadOnlySpan<char>>();
        List<(int Left, int Right, int Rank)> found = [];
        foreach ((string token, int rank) in ranks)
            for (int cut = 1; cut < token.Length; cut++)
                if (lookup.TryGetValue(token.AsSpan(0, cut), out int left) && lookup.TryGetValue(token.AsSpan(cut), out int right))
                    found.Add((left, right, rank));
        MergeTable merges = new(found.Count);
        foreach ((int left, int right, int rank) in found) merges.Set(left, right, rank, rank);
        return merges;
    }
}

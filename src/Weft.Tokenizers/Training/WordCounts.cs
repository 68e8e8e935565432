using System.Runtime.InteropServices;

namespace Weft.Tokenizers;

/// <summary>How often each piece of a corpus occurs, in the order of first occurrence.</summary>
internal sealed class WordCounts
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public WordCounts() => _lookup = _counts.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The number of different words.</summary>
    public int Count => _counts.Count;

    /// <summary>Counts one occurrence.</summary>
    public void Add(ReadOnlySpan<char> word) => CollectionsMarshal.GetValueRefOrAddDefault(_lookup, word, out _)++;

    /// <summary>The words with their counts.</summary>
    public IEnumerable<KeyValuePair<string, long>> Items => _counts;
}

using System.Numerics;

namespace Weft.Tokenizers;

/// <summary>For two neighbouring tokens: how early they merge, and into which token.</summary>
/// <remarks>Open addressing in two flat arrays: one lookup per pair is the inner loop of encoding.</remarks>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that never merges.</summary>
    public const int Never = int.MaxValue;

    private const ulong Empty = ulong.MaxValue;

    private readonly ulong[] _pairs;
    private readonly (int Rank, int Id)[] _merges;
    private readonly int _shift;

    /// <summary>An empty table with room for <paramref name="capacity"/> pairs.</summary>
    public MergeTable(int capacity)
    {
        // Twice the room keeps the probe sequences short.
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2L));
        _pairs = new ulong[size];
        _merges = new (int, int)[size];
        _shift = 64 - BitOperations.Log2((uint)size);
        Array.Fill(_pairs, Empty);
    }

    /// <summary>The number of pairs.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a pair, or gives a known pair another rank and result.</summary>
    public void Set(int left, int right, int rank, int id)
    {
        ulong pair = Pair(left, right);
        int slot = Slot(pair);
        while (_pairs[slot] != Empty && _pairs[slot] != pair) slot = (slot + 1) & (_pairs.Length - 1);
        if (_pairs[slot] == Empty) Count++;
        _pairs[slot] = pair;
        _merges[slot] = (rank, id);
    }

    /// <summary>The rank at which two tokens merge (lower merges first), or <see cref="Never"/>.</summary>
    public int Rank(int left, int right, out int id)
    {
        ulong pair = Pair(left, right);
        for (int slot = Slot(pair); ; slot = (slot + 1) & (_pairs.Length - 1))
        {
            if (_pairs[slot] == pair)
            {
                (int rank, id) = _merges[slot];
                return rank;
            }
            if (_pairs[slot] == Empty)
            {
                id = -1;
                return Never;
            }
        }
    }

    /// <summary>All merges by ascending rank.</summary>
    public IEnumerable<(int Left, int Right, int Id)> InOrder()
    {
        List<int> slots = new(Count);
        for (int slot = 0; slot < _pairs.Length; slot++)
            if (_pairs[slot] != Empty)
                slots.Add(slot);
        // The pair itself decides between equal ranks, so that the order never depends on the layout of the table.
        slots.Sort((a, b) => (_merges[a].Rank, _pairs[a]).CompareTo((_merges[b].Rank, _pairs[b])));
        foreach (int slot in slots)
            yield return ((int)(_pairs[slot] >> 32), (int)(uint)_pairs[slot], _merges[slot].Id);
    }

    private static ulong Pair(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

    // Fibonacci hashing (Knuth, volume 3, 6.4): the high bits of a product with 2^64 / golden ratio.
    private int Slot(ulong pair) => (int)((pair * 0x9E3779B97F4A7C15) >> _shift);
}

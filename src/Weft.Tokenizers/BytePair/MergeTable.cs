using System.Numerics;
using System.Runtime.InteropServices;

namespace Weft.Tokenizers;

/// <summary>For two neighbouring tokens: how early they merge, and into which token.</summary>
/// <remarks>
/// Open addressing in one flat array, kept small: it is the cache misses that count. Nearly every vocabulary numbers its tokens
/// in the order of their merges, so that the id follows from the rank and need not be stored. Looking up a pair is the inner loop of encoding, and most pairs never merge: a bit per
/// hash value, small enough for the second-level cache, answers nearly all of those without touching the array, and pairs of
/// the first tokens (the bytes) have a square table of their own.
/// </remarks>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that never merges.</summary>
    public const int Never = int.MaxValue;

    private const ulong Empty = ulong.MaxValue;
    private const int SquareBits = 9, SquareSide = 1 << SquareBits; // bytes have ids below 256, or a few more where special tokens come first
    private const int FilterBitsPerSlot = 8; // 10 to 20 per pair: at most one in ten strangers passes

    private readonly Entry[] _entries;
    private readonly ulong[] _filter;
    private readonly int[]? _square; // ranks; null where there are too few merges to be worth its megabyte
    private readonly int _shift, _filterShift;

    private int _idLessRank; // the same for all merges, unless _ids is there
    private int[]? _ids;     // by slot

    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    private struct Entry
    {
        public ulong Pair;
        public int Rank;
    }

    /// <summary>An empty table with room for <paramref name="capacity"/> pairs.</summary>
    public MergeTable(int capacity)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 5L / 4));
        _entries = new Entry[size];
        for (int slot = 0; slot < _entries.Length; slot++) _entries[slot] = new Entry { Pair = Empty, Rank = Never };
        _shift = 64 - BitOperations.Log2((uint)size);
        long bits = Math.Max(64L, (long)size * FilterBitsPerSlot);
        _filter = new ulong[bits / 64];
        _filterShift = 64 - BitOperations.Log2((ulong)bits);
        if (capacity < 1000) return;
        _square = new int[SquareSide * SquareSide];
        for (int i = 0; i < _square.Length; i++) _square[i] = Never;
    }

    /// <summary>The number of pairs.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a pair, or gives a known pair another rank and result.</summary>
    public void Set(int left, int right, int rank, int id)
    {
        ulong pair = Pair(left, right), hash = Hash(pair);
        int slot = Find(pair, hash);
        if (Count == 0) _idLessRank = id - rank;
        if (id - rank != _idLessRank) _ids ??= [.. _entries.Select(e => e.Pair == Empty ? -1 : e.Rank + _idLessRank)];
        if (_ids is not null) _ids[slot] = id;
        if (_entries[slot].Pair == Empty) Count++;
        _entries[slot] = new Entry { Pair = pair, Rank = rank };
        ulong bit = hash >> _filterShift;
        _filter[bit >> 6] |= 1UL << (int)(bit & 63);
        if (_square is not null && (uint)(left | right) < SquareSide) _square[left << SquareBits | right] = rank;
    }

    /// <summary>The rank at which two tokens merge (lower merges first), or <see cref="Never"/>.</summary>
    public int Rank(int left, int right)
    {
        if (_square is { } square && (uint)(left | right) < SquareSide) return square[left << SquareBits | right];
        ulong pair = Pair(left, right), hash = Hash(pair), bit = hash >> _filterShift;
        return (_filter[bit >> 6] >> (int)(bit & 63) & 1) == 0 ? Never : _entries[Find(pair, hash)].Rank;
    }

    /// <summary>The token that two tokens merge into.</summary>
    /// <param name="left">The left token.</param>
    /// <param name="right">The right token.</param>
    /// <param name="rank">The rank at which they do; not <see cref="Never"/>.</param>
    public int Result(int left, int right, int rank) => _ids is null ? rank + _idLessRank : _ids[Find(Pair(left, right), Hash(Pair(left, right)))];

    /// <summary>All merges by ascending rank.</summary>
    public IEnumerable<(int Left, int Right, int Id)> InOrder() =>
        // The pair itself decides between equal ranks, so that the order never depends on the layout of the table.
        from entry in _entries
        where entry.Pair != Empty
        orderby entry.Rank, entry.Pair
        let left = (int)(entry.Pair >> 32)
        let right = (int)(uint)entry.Pair
        select (left, right, Result(left, right, entry.Rank));

    private static ulong Pair(int left, int right) => (ulong)(uint)left << 32 | (uint)right;

    // Fibonacci hashing (Knuth, volume 3, 6.4): the high bits of a product with 2^64 / golden ratio.
    private static ulong Hash(ulong pair) => (pair ^ (pair >> 29)) * 0x9E3779B97F4A7C15;

    // The slot of the pair, or the empty one where it would stand.
    private int Find(ulong pair, ulong hash)
    {
        Entry[] entries = _entries;
        for (int slot = (int)(hash >> _shift); ; slot = (slot + 1) & (entries.Length - 1))
            if (entries[slot].Pair == pair || entries[slot].Pair == Empty)
                return slot;
    }
}

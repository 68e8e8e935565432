using System.Numerics;

namespace Weft.Tokenizers;

/// <summary>Applies merges to the tokens of one piece: always the lowest rank, the leftmost among equals, until none is left.</summary>
internal static class BytePairMerger
{
    // Below this a scan over all pairs beats a heap (eight or sixteen pairs are compared at once, and nothing is allocated);
    // words are nearly always shorter, and so are the runs of languages that write no spaces. Beyond it a scan would be quadratic.
    private const int LongestScan = 512;

    /// <summary>Merges in place.</summary>
    /// <param name="merges">Which pairs merge.</param>
    /// <param name="tokens">The tokens before, and at the front the tokens after.</param>
    /// <param name="spans">Takes for each token after how many tokens before it covers; empty: of no interest.</param>
    /// <returns>The number of tokens that are left.</returns>
    public static int Merge(MergeTable merges, Span<int> tokens, Span<int> spans = default) =>
        tokens.Length <= LongestScan ? MergeByScan(merges, tokens, spans) : MergeByHeap(merges, tokens, spans);

    /// <summary>The plain rule, quadratic in the number of tokens.</summary>
    internal static int MergeByScan(MergeTable merges, Span<int> tokens, Span<int> spans = default)
    {
        int count = tokens.Length;
        spans.Fill(1);
        if (count < 2) return count;
        Span<int> ranks = count <= LongestScan ? stackalloc int[LongestScan] : new int[count]; // ranks[i]: the pair (i, i + 1)
        for (int i = 0; i + 1 < count; i++) ranks[i] = merges.Rank(tokens[i], tokens[i + 1]);

        while (true)
        {
            int best = FirstLowest(ranks[..Math.Max(0, count - 1)]);
            if (best < 0) return count;

            int merged = merges.Result(tokens[best], tokens[best + 1], ranks[best]);
            tokens[best] = merged;
            RemoveAt(tokens, best + 1, count);
            if (!spans.IsEmpty)
            {
                spans[best] += spans[best + 1];
                RemoveAt(spans, best + 1, count);
            }
            if (best + 2 < count) RemoveAt(ranks, best + 1, count - 1);
            count--;
            if (best > 0) ranks[best - 1] = merges.Rank(tokens[best - 1], merged);
            if (best + 1 < count) ranks[best] = merges.Rank(merged, tokens[best + 1]);
        }
    }

    /// <summary>The same result in O(n log n): a linked list of tokens and a heap of the pairs that may merge.</summary>
    internal static int MergeByHeap(MergeTable merges, Span<int> tokens, Span<int> spans = default)
    {
        int count = tokens.Length;
        spans.Fill(1);
        if (count < 2) return count;
        int[] previous = new int[count];
        int[] next = new int[count];
        PriorityQueue<int, long> candidates = new(count); // position of the left token; ordered by rank, then position
        for (int i = 0; i < count; i++)
        {
            previous[i] = i - 1;
            next[i] = i + 1 < count ? i + 1 : -1;
            Offer(merges, tokens, next, candidates, i);
        }

        while (candidates.TryDequeue(out int left, out long priority))
        {
            // An entry is stale when its pair has changed since: the rank that stands there now is another one.
            if (tokens[left] < 0 || next[left] < 0) continue;
            int right = next[left];
            int rank = (int)(priority >> 32);
            if (merges.Rank(tokens[left], tokens[right]) != rank) continue;
            int merged = merges.Result(tokens[left], tokens[right], rank);

            tokens[left] = merged;
            tokens[right] = -1;
            if (!spans.IsEmpty) spans[left] += spans[right];
            next[left] = next[right];
            if (next[right] >= 0) previous[next[right]] = left;
            if (previous[left] >= 0) Offer(merges, tokens, next, candidates, previous[left]);
            Offer(merges, tokens, next, candidates, left);
        }

        int written = 0;
        for (int i = 0; i >= 0; i = next[i])
        {
            if (!spans.IsEmpty) spans[written] = spans[i];
            tokens[written++] = tokens[i];
        }
        return written;
    }

    // The position of the lowest rank, the first among equals; -1 where no pair merges.
    private static int FirstLowest(ReadOnlySpan<int> ranks)
    {
        int lowest = MergeTable.Never, i = 0;
        if (ranks.Length >= Vector<int>.Count)
        {
            Vector<int> lanes = new(ranks);
            for (i = Vector<int>.Count; i <= ranks.Length - Vector<int>.Count; i += Vector<int>.Count) lanes = Vector.Min(lanes, new Vector<int>(ranks[i..]));
            for (int lane = 0; lane < Vector<int>.Count; lane++) lowest = Math.Min(lowest, lanes[lane]);
        }
        for (; i < ranks.Length; i++) lowest = Math.Min(lowest, ranks[i]);
        return lowest == MergeTable.Never ? -1 : ranks.IndexOf(lowest);
    }

    private static void RemoveAt(Span<int> items, int index, int count) => items[(index + 1)..count].CopyTo(items[index..]);

    private static void Offer(MergeTable merges, Span<int> tokens, int[] next, PriorityQueue<int, long> candidates, int left)
    {
        if (next[left] < 0) return;
        int rank = merges.Rank(tokens[left], tokens[next[left]]);
        if (rank != MergeTable.Never) candidates.Enqueue(left, (long)rank << 32 | (uint)left);
    }
}

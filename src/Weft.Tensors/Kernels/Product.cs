using System.Runtime.Intrinsics.X86;

namespace Weft.Tensors.Kernels;

/// <summary>What is done to rows of a product as soon as they are whole: y = f(y), while it is in the cache.</summary>
internal readonly unsafe struct ProductEnd
{
    /// <summary>f: elements, where to put the derivative or null, and how many; null: nothing is done.</summary>
    internal readonly delegate*<float*, float*, int, void> Function;

    /// <summary>Where the derivative of C's first element goes, or is; rows lie as far apart as C's.</summary>
    internal readonly float* Slope;

    /// <summary>The derivative is read: it was written long ago.</summary>
    internal readonly bool Reads;

    internal ProductEnd(delegate*<float*, float*, int, void> function, float* slope, bool reads = false)
    {
        Function = function;
        Slope = slope;
        Reads = reads;
    }

    /// <summary>Calls what the end of some rows reads into the second-level cache: for tiles that do not do that themselves.</summary>
    internal void Call(int rowStride, int firstRow, int rows, int firstColumn, int columns)
    {
        if (!Reads || !Sse.IsSupported) return;
        for (int i = firstRow; i < firstRow + rows; i++)
            for (int j = firstColumn; j < firstColumn + columns; j += 16) Sse.Prefetch1(Slope + (nint)i * rowStride + j);
    }

    internal void Run(float* c, int rowStride, int firstRow, int rows, int firstColumn, int columns)
    {
        if (Function == null) return;
        for (int i = firstRow; i < firstRow + rows; i++)
        {
            nint at = (nint)i * rowStride + firstColumn;
            Function(c + at, Slope is null ? null : Slope + at, columns);
        }
    }

    /// <summary>The same for a C that begins so many elements later.</summary>
    internal ProductEnd From(nint elements) => new(Function, Slope is null ? null : Slope + elements, Reads);
}

/// <summary>A product that is to be computed: c[i, j] (+)= sum over p of a[i, p] b[p, j], plus bias[j] if given (then nothing is accumulated); then what ends it.</summary>
internal unsafe struct Product
{
    internal int M, N, K;
    internal float* A, B, C, Bias;

    /// <summary>Elements from row to row and from column to column; C's columns lie side by side.</summary>
    internal nint Ar, Ac, Br, Bc;

    internal int Cr;
    internal bool Accumulate;

    /// <summary>C is large and not read soon: it is written past the caches, if nothing is accumulated.</summary>
    internal bool PastCaches;
    internal ProductEnd End;

    /// <summary>Whether there is nothing to compute.</summary>
    internal readonly bool IsEmpty => M == 0 || N == 0;

    /// <summary>Decoding: one row, and nothing is read twice, so nothing is packed.</summary>
    internal readonly bool IsDot => M == 1 && Br == 1 && Ac == 1 && Bc != 1;

    /// <summary>Whether every row of C begins at a cache line.</summary>
    internal readonly bool AlignedC => ((nint)C | (nint)Cr * sizeof(float)) % 64 == 0;

    internal readonly long Work => (long)M * N * Math.Max(K, 1);
}

/// <summary>In which order the pieces of a product are taken. Threads begin with equal shares of the list.</summary>
internal static class PieceOrder
{
    /// <summary>Each share has rows of its own, a band; in it, pieces of the same columns follow each other: their part of B stays in the cache.</summary>
    internal static (int Row, int Column) InBands(int piece, int rowPieces, int columnPieces, int bands)
    {
        int band = 0, first = 0, end;
        while (piece >= (end = (int)((long)rowPieces * (band + 1) / bands)) * columnPieces)
        {
            first = end;
            band++;
        }
        (int column, int row) = Math.DivRem(piece - first * columnPieces, end - first);
        return (first + row, column);
    }
}

/// <summary>The pieces of two products as one list, in which each thread's share has its part of both: what they have in common stays in one core's cache.</summary>
internal readonly struct PairOrder(int first, int second, int threads)
{
    internal int Count => first + second;

    /// <summary>The product, 0 or 1, and the piece of it.</summary>
    internal (int Product, int Piece) this[int item]
    {
        get
        {
            int share = (int)((long)item * threads / Count);
            while (Begin(share) > item) share--;
            while (Begin(share + 1) <= item) share++;
            int piece = item - Begin(share), firsts = Of(first, share + 1) - Of(first, share);
            return piece < firsts ? (0, Of(first, share) + piece) : (1, Of(second, share) + piece - firsts);
        }
    }

    private int Begin(int share) => Of(first, share) + Of(second, share);

    private int Of(int count, int share) => (int)((long)count * share / threads);
}

using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Weft.Tensors.Kernels;

/// <summary>What a tile and those beside it call into the second-level cache while they compute: for the first panels what ends their rows, then what the next tile reads of A, then some of what the next block reads of B. And whether C stays in it.</summary>
internal readonly unsafe struct Ahead
{
    /// <summary>Below this depth calling costs more than it saves.</summary>
    internal const int MinimumDepth = 128;

    internal readonly AheadLines End, A, B;

    /// <summary>C is written past the caches, so its lines are not called: nothing is accumulated, and its rows begin at multiples of a vector.</summary>
    internal readonly bool PastCaches;

    /// <summary>C is far: its lines are called before they are needed.</summary>
    internal readonly bool CallsC;

    internal Ahead(in AheadLines end, in AheadLines a, in AheadLines b, bool pastCaches) => (End, A, B, PastCaches, CallsC) = (end, a, b, pastCaches, !pastCaches);

    /// <summary>Of a C that is near.</summary>
    internal Ahead(in AheadLines lines) => A = lines;

    /// <summary>What is called beside a panel, and which of those lines' panels it is.</summary>
    [UnscopedRef]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref readonly AheadLines Of(ref int panel)
    {
        if (panel < End.Panels) return ref End;
        panel -= End.Panels;
        if (panel < A.Panels) return ref A;
        panel -= A.Panels;
        return ref B;
    }
}

/// <summary>An element each step, in rows of so many steps.</summary>
internal readonly unsafe struct AheadLines
{
    /// <summary>For so many panels something is called.</summary>
    internal int Panels { get; init; }

    /// <summary>Elements from one panel's first to the next's.</summary>
    internal nint PanelStep { get; init; }

    /// <summary>The first element.</summary>
    internal float* Start { get; init; }

    /// <summary>Elements from one step to the next: 16 is a cache line.</summary>
    internal nint Step { get; init; }

    /// <summary>Steps in a row, at least 1.</summary>
    internal int Steps { get; init; }

    /// <summary>Elements from a row's start to the next row's.</summary>
    internal nint RowStride { get; init; }
}

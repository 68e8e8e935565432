using System.Runtime.InteropServices;
using Weft.Tensors.Kernels.Generated;

namespace Weft.Tensors.Kernels;

/// <summary>Rounds a block of a factor to bfloat16 and puts it into the order in which the tiles read it: pairs along k, lane beside lane.</summary>
/// <remarks>
/// panel[s, i] holds x[i, 2s] in its lower half and x[i, 2s + 1] in its upper, for lanes i (rows of A or columns of B). An odd depth
/// ends with a zero, and lanes up to the width are zero.
/// </remarks>
internal static unsafe class Bfloat16Packing
{
    // Word 2i of a vector of pairs is word i of the first row, word 2i + 1 of the second, which begins at 16.
    private static readonly ushort* s_order = Order();

    /// <summary>Packs so many lanes of a depth. Nothing is written outside the panel.</summary>
    /// <param name="x">The first element.</param>
    /// <param name="laneStride">Floats from lane to lane.</param>
    /// <param name="depthStride">Floats from one k to the next.</param>
    /// <param name="lanes">Lanes that there are.</param>
    /// <param name="depth">How many k.</param>
    /// <param name="panel">Gets (depth + 1) / 2 times width pairs.</param>
    /// <param name="width">Lanes of the panel: at most 32.</param>
    /// <param name="stride">Pairs from one step of the panel to the next; 0: the width.</param>
    internal static void Pack(float* x, nint laneStride, nint depthStride, int lanes, int depth, uint* panel, int width, int stride = 0)
    {
        int done = 0;
        if (stride == 0) stride = width;
        bool generated = GeneratedTiles.Bfloat16;
        if (laneStride == 1 && generated) done = Across(x, depthStride, lanes, depth, panel, width, stride);
        else if (depthStride == 1 && generated && lanes == width && width is 32 or 16 or 12 or 8) done = Along(x, laneStride, depth, panel, width, stride);
        else if (depthStride == 1 && laneStride != 1 && width >= 4) done = Staged(x, laneStride, lanes, depth, panel, width, stride);
        for (int s = done; s < (depth + 1) / 2; s++)
        {
            for (int i = 0; i < width; i++)
            {
                float* at = x + i * laneStride + 2 * s * depthStride;
                panel[(nint)s * stride + i] = i >= lanes ? 0 : Bfloat16Rounding.Pair(at[0], 2 * s + 1 < depth ? at[depthStride] : 0);
            }
        }
    }

    /// <summary>Packs neighbours of one row: to[s] holds x[2s] and x[2s + 1].</summary>
    internal static void Row(float* x, int depth, uint* to)
    {
        int done = 0;
        if (depth >= 32 && GeneratedTiles.Bfloat16)
        {
            PackCall call = new() { X = x, Count = depth / 32, Panel = to };
            GeneratedTiles.PackRow(ref call);
            done = depth / 32 * 16;
        }
        for (int s = done; s < (depth + 1) / 2; s++) to[s] = Bfloat16Rounding.Pair(x[2 * s], 2 * s + 1 < depth ? x[2 * s + 1] : 0);
    }

    // Lanes lie side by side: two rows become one of pairs. Returns the steps that are done.
    private static int Across(float* x, nint depthStride, int lanes, int depth, uint* panel, int width, int stride)
    {
        PackCall call = new()
        {
            X = x, Stride = depthStride * sizeof(float), Count = depth / 2, Panel = panel, StepStride = stride * sizeof(uint), Order = s_order,
            LoadFirst = Mask(lanes), LoadSecond = Mask(lanes - 16), Store = Mask(width),
        };
        if (depth >= 2) GeneratedTiles.PackAcross(width > 16 ? 2 : 1, ref call);
        return depth / 2;
    }

    /// <summary>Packs four tiles of twelve rows that lie side by side; tileStride pairs lie between the tiles. An odd depth's last k is left out.</summary>
    internal static void PackTiles(float* x, nint depthStride, int depth, uint* tiles, nint tileStride)
    {
        PackCall call = new()
        {
            X = x, Stride = depthStride * sizeof(float), Count = depth / 2, Panel = tiles, StepStride = 12 * sizeof(uint), Order = s_order, LoadFirst = Mask(12), Store = Mask(12), TileStride = tileStride * sizeof(uint),
        };
        if (depth >= 2) GeneratedTiles.PackAcrossTiles(ref call);
    }

    private static long Mask(int lanes) => (1 << Math.Clamp(lanes, 0, 16)) - 1;

    // Lanes lie apart: 32 elements of each at a time. Returns the steps that are done.
    private static int Along(float* x, nint laneStride, int depth, uint* panel, int width, int stride)
    {
        int blocks = depth / 32;
        for (int i = 0; i < width && blocks > 0; i += 16)
        {
            PackCall call = new() { X = x + i * laneStride, Stride = laneStride * sizeof(float), Count = blocks, Panel = panel + i, StepStride = stride * sizeof(uint), Store = Mask(width) };
            GeneratedTiles.PackAlong(Math.Min(16, width), ref call);
        }
        return 16 * blocks;
    }

    // The same for any number of lanes: transposed first, then paired.
    private static int Staged(float* x, nint laneStride, int lanes, int depth, uint* panel, int width, int stride)
    {
        const int Elements = 32;
        float* staged = stackalloc float[Elements * 32];
        int done = depth / Elements * Elements;
        for (int p = 0; p < done; p += Elements)
        {
            MatrixPacking.Panel(x + p, 1, laneStride, Elements, lanes, staged, width);
            Pack(staged, 1, width, width, Elements, panel + (nint)(p / 2) * stride, width, stride);
        }
        return done / 2;
    }

    private static ushort* Order()
    {
        ushort* order = (ushort*)NativeMemory.AlignedAlloc(64, 64);
        for (int i = 0; i < 16; i++) (order[2 * i], order[2 * i + 1]) = ((ushort)i, (ushort)(16 + i));
        return order;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weft.Tensors.Kernels;

/// <summary>Rounds a block of a factor to bfloat16 and puts it into the order in which the tiles read it: pairs along k, lane beside lane.</summary>
/// <remarks>
/// panel[s, i] holds x[i, 2s] in its lower half and x[i, 2s + 1] in its upper, for lanes i (rows of A or columns of B). An odd depth
/// ends with a zero, and lanes up to the width are zero.
/// </remarks>
internal static unsafe class Bfloat16Packing
{
    /// <summary>Packs so many lanes of a depth. Nothing is written outside the panel.</summary>
    /// <param name="x">The first element.</param>
    /// <param name="laneStride">Floats from lane to lane.</param>
    /// <param name="depthStride">Floats from one k to the next.</param>
    /// <param name="lanes">Lanes that there are.</param>
    /// <param name="depth">How many k.</param>
    /// <param name="panel">Gets (depth + 1) / 2 times width pairs.</param>
    /// <param name="width">Lanes of the panel.</param>
    internal static void Pack(float* x, nint laneStride, nint depthStride, int lanes, int depth, uint* panel, int width)
    {
        int done = 0;
        if (depthStride == 1 && width >= 8 && Avx512BW.IsSupported) done = Along(x, laneStride, lanes, depth, panel, width);
        else if (depthStride == 1 && width >= 8 && Vector128.IsHardwareAccelerated) done = AlongStaged(x, laneStride, lanes, depth, panel, width);
        else if (laneStride == 1 && lanes == width) done = Across(x, depthStride, depth, panel, width);
        for (int s = done; s < (depth + 1) / 2; s++)
        {
            for (int i = 0; i < width; i++)
            {
                float* at = x + i * laneStride + 2 * s * depthStride;
                panel[(nint)s * width + i] = i >= lanes ? 0 : Bfloat16Rounding.Pair(at[0], 2 * s + 1 < depth ? at[depthStride] : 0);
            }
        }
    }

    // Lanes lie apart: sixteen of them, 32 elements each, become sixteen steps. Returns the steps that are done.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Along(float* x, nint stride, int lanes, int depth, uint* panel, int width)
    {
        const int Steps = 16;
        int done = depth / (2 * Steps) * Steps;
        for (int s = 0; s < done; s += Steps)
        {
            for (int i = 0; i < width; i += 16) Square(x + i * stride + 2 * s, stride, lanes - i, (float*)panel + (nint)s * width + i, width, Math.Min(16, width - i));
        }
        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(float* x, nint stride, int lanes, float* to, int width, int count)
    {
        Quarters(x, stride, lanes, out Vector512<float> x0, out Vector512<float> x1, out Vector512<float> x2, out Vector512<float> x3);
        Quarters(x + 4 * stride, stride, lanes - 4, out Vector512<float> y0, out Vector512<float> y1, out Vector512<float> y2, out Vector512<float> y3);
        Quarters(x + 8 * stride, stride, lanes - 8, out Vector512<float> z0, out Vector512<float> z1, out Vector512<float> z2, out Vector512<float> z3);
        Quarters(x + 12 * stride, stride, lanes - 12, out Vector512<float> w0, out Vector512<float> w1, out Vector512<float> w2, out Vector512<float> w3);
        Join(x0, y0, z0, w0, to, width, count);
        Join(x1, y1, z1, w1, to + width, width, count);
        Join(x2, y2, z2, w2, to + 2 * width, width, count);
        Join(x3, y3, z3, w3, to + 3 * width, width, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(float* x, nint stride, int lanes, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3) =>
        MatrixPacking.Quarters(
            lanes > 0 ? Bfloat16Rounding.Pairs(x) : default, lanes > 1 ? Bfloat16Rounding.Pairs(x + stride) : default,
            lanes > 2 ? Bfloat16Rounding.Pairs(x + 2 * stride) : default, lanes > 3 ? Bfloat16Rounding.Pairs(x + 3 * stride) : default,
            out r0, out r1, out r2, out r3);

    // Quarter q of the four vectors becomes step 4q.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(Vector512<float> x, Vector512<float> y, Vector512<float> z, Vector512<float> w, float* to, int width, int count)
    {
        Vector512<float> xy = Avx512F.Shuffle4x128(x, y, 0x44), zw = Avx512F.Shuffle4x128(z, w, 0x44);
        Store(Avx512F.Shuffle4x128(xy, zw, 0x88), to, count);
        Store(Avx512F.Shuffle4x128(xy, zw, 0xDD), to + 4 * width, count);
        xy = Avx512F.Shuffle4x128(x, y, 0xEE);
        zw = Avx512F.Shuffle4x128(z, w, 0xEE);
        Store(Avx512F.Shuffle4x128(xy, zw, 0x88), to + 8 * width, count);
        Store(Avx512F.Shuffle4x128(xy, zw, 0xDD), to + 12 * width, count);
    }

    // Sixteen, twelve or eight lanes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> steps, float* to, int count)
    {
        if (count == 16)
        {
            steps.Store(to);
            return;
        }
        steps.GetLower().Store(to);
        if (count == 12) Avx512F.ExtractVector128(steps, 2).Store(to + 8);
    }

    // The same without AVX-512: transposed first, then paired.
    private static int AlongStaged(float* x, nint stride, int lanes, int depth, uint* panel, int width)
    {
        const int Elements = 32;
        float* staged = stackalloc float[Elements * 32];
        int done = depth / Elements * Elements;
        for (int p = 0; p < done; p += Elements)
        {
            MatrixPacking.Panel(x + p, 1, stride, Elements, lanes, staged, width);
            Across(staged, width, Elements, panel + (nint)(p / 2) * width, width);
        }
        return done / 2;
    }

    // Lanes lie side by side: two rows become one of pairs. Returns the steps that are done.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Across(float* x, nint stride, int depth, uint* panel, int width)
    {
        int done = depth / 2;
        for (int s = 0; s < done; s++, x += 2 * stride, panel += width)
        {
            int i = 0;
            for (; i <= width - 16; i += 16) Bfloat16Rounding.Pairs512(x + i, x + stride + i).Store(panel + i);
            for (; i <= width - 8; i += 8) Bfloat16Rounding.Pairs256(x + i, x + stride + i).Store(panel + i);
            for (; i <= width - 4; i += 4) Bfloat16Rounding.Pairs128(x + i, x + stride + i).Store(panel + i);
            for (; i < width; i++) panel[i] = Bfloat16Rounding.Pair(x[i], x[stride + i]);
        }
        return done;
    }
}

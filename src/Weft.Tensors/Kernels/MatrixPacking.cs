using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Weft.Tensors.Kernels;

/// <summary>Copies blocks of the factors of a product into the order in which the tiles read them.</summary>
/// <remarks>
/// A transposed panel is moved in squares of 16 x 16 where vectors have 512 bits, else of 4 x 4, sixteen k at a time: whole cache
/// lines are read, and what is written (2 KiB) stays in the first-level cache. Walking each four columns to the end first took 2.4 ns an element instead of 0.2
/// (Emerald Rapids, November 2026), half the time of a product of 256 rows.
/// </remarks>
internal static unsafe class MatrixPacking
{
    /// <summary>Floats between the rows of a packed tile of A; odd in cache lines, so that rows lie in different sets.</summary>
    internal const int RowStride = MatrixProduct.DepthBlock + 16;

    /// <summary>Rows of a transposed A that are packed at once: four tiles, three cache lines of each of its columns.</summary>
    internal const int GroupRows = 48;

    /// <summary>Whether so many rows that are left begin with four tiles of twelve.</summary>
    internal static bool IsGroup(int left) => left >= GroupRows && left != GroupRows + 4;

    /// <summary>Four tiles of a transposed A, one after the other: tile[t][p 12 + i] = a[12t + i + p ac].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Group(float* a, nint ac, int depth, float* tiles)
    {
        nint tile = 12 * depth;
        for (int p = 0; p < depth; p++, a += ac, tiles += 12)
        {
            Twelve(a, tiles);
            Twelve(a + 12, tiles + tile);
            Twelve(a + 24, tiles + 2 * tile);
            Twelve(a + 36, tiles + 3 * tile);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Twelve(float* from, float* to)
    {
        Vector256<float> x = Vector256.Load(from);
        Vector128<float> y = Vector128.Load(from + 8);
        x.Store(to);
        y.Store(to + 8);
    }

    /// <summary>Rows from (inclusive) to (exclusive) of all panels of a B whose rows are contiguous, sixteen at a time so that each is read once and in order.</summary>
    internal static void StraightPanels(float* b, nint br, int from, int to, int depth, int columns, float* panels, int wide, int edgeWidth)
    {
        for (int p = from; p < to; p += 16)
        {
            int rows = Math.Min(16, to - p);
            for (int j = 0; j < columns; j += wide)
            {
                int width = columns - j >= wide ? wide : edgeWidth;
                CopyRows(b + p * br + j, br, rows, Math.Min(wide, columns - j), panels + (nint)j * depth + (nint)p * width, width);
            }
        }
    }

    /// <summary>panel[p, j] = b[p, j] for j &lt; columns, 0 up to the width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Panel(float* b, nint br, nint bc, int depth, int columns, float* panel, int width)
    {
        if (bc == 1)
        {
            CopyRows(b, br, depth, columns, panel, width);
            return;
        }
        int j = br == 1 && Vector128.IsHardwareAccelerated && KernelTiers.Current != KernelTier.Scalar ? columns / 4 * 4 : 0;
        if (j > 0) Transpose(b, bc, depth, j, panel, width);
        for (; j < width; j++)
        {
            if (j < columns) for (int p = 0; p < depth; p++) panel[(nint)p * width + j] = b[p * br + j * bc];
            else for (int p = 0; p < depth; p++) panel[(nint)p * width + j] = 0;
        }
    }

    /// <summary>A tile of rows: tile[i RowStride + p] = a[i, p] where rows are contiguous, else tile[p rows + i] = a[i, p].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Rows(float* a, nint ar, nint ac, int rows, int depth, float* tile)
    {
        if (ac == 1)
        {
            for (int i = 0; i < rows; i++) new ReadOnlySpan<float>(a + i * ar, depth).CopyTo(new Span<float>(tile + (nint)i * RowStride, depth));
        }
        else if (ar == 1 && rows == 12)
        {
            for (int p = 0; p < depth; p++, a += ac, tile += 12) Twelve(a, tile);
        }
        else if (ar == 1 && rows == 8)
        {
            for (int p = 0; p < depth; p++, a += ac, tile += 8) Vector256.Load(a).Store(tile);
        }
        else
        {
            for (int p = 0; p < depth; p++)
                for (int i = 0; i < rows; i++) tile[(nint)p * rows + i] = a[i * ar + p * ac];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyRows(float* b, nint br, int depth, int columns, float* panel, int width)
    {
        int whole = columns / 4 * 4;
        bool wide = KernelTiers.Current == KernelTier.Bits512;
        for (int p = 0; p < depth; p++, b += br, panel += width)
        {
            int j = 0;
            if (wide) for (; j <= whole - 16; j += 16) Vector512.Load(b + j).Store(panel + j);
            for (; j < whole; j += 4) Vector128.Load(b + j).Store(panel + j);
            for (; j < columns; j++) panel[j] = b[j];
            for (; j < width; j++) panel[j] = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(float* b, nint bc, int depth, int columns, float* panel, int width)
    {
        const int Run = 16;
        int p = 0, squares = KernelTiers.Current == KernelTier.Bits512 && Avx512F.IsSupported ? columns / Run * Run : 0;
        for (; p <= depth - Run; p += Run)
        {
            for (int j = 0; j < squares; j += Run) Square16(b + j * bc + p, bc, panel + (nint)p * width + j, width, p + 4 * Run < depth);
            for (int j = squares; j < columns; j += 4)
            {
                float* b0 = b + j * bc + p, b1 = b0 + bc, b2 = b1 + bc, b3 = b2 + bc, to = panel + (nint)p * width + j;
                Square(b0, b1, b2, b3, to, width);
                Square(b0 + 4, b1 + 4, b2 + 4, b3 + 4, to + 4 * width, width);
                Square(b0 + 8, b1 + 8, b2 + 8, b3 + 8, to + 8 * width, width);
                Square(b0 + 12, b1 + 12, b2 + 12, b3 + 12, to + 12 * width, width);
            }
        }
        for (; p < depth; p++)
            for (int j = 0; j < columns; j++) panel[(nint)p * width + j] = b[j * bc + p];
    }

    // Sixteen elements each of sixteen columns become sixteen rows, while those four squares on are called into the second-level cache.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square16(float* b, nint bc, float* to, int width, bool ahead)
    {
        if (ahead) for (int i = 0; i < 16; i++) Sse.Prefetch1(b + i * bc + 64);
        float* b1 = b + 4 * bc, b2 = b + 8 * bc, b3 = b + 12 * bc;
        Quarters(b, bc, out Vector512<float> x0, out Vector512<float> x1, out Vector512<float> x2, out Vector512<float> x3);
        Quarters(b1, bc, out Vector512<float> y0, out Vector512<float> y1, out Vector512<float> y2, out Vector512<float> y3);
        Quarters(b2, bc, out Vector512<float> z0, out Vector512<float> z1, out Vector512<float> z2, out Vector512<float> z3);
        Quarters(b3, bc, out Vector512<float> w0, out Vector512<float> w1, out Vector512<float> w2, out Vector512<float> w3);
        Join(x0, y0, z0, w0, to, width);
        Join(x1, y1, z1, w1, to + width, width);
        Join(x2, y2, z2, w2, to + 2 * width, width);
        Join(x3, y3, z3, w3, to + 3 * width, width);
    }

    // Of four columns: quarter q of vector r holds row 4q + r.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(float* b, nint bc, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3)
    {
        Vector512<float> a = Vector512.Load(b), c = Vector512.Load(b + bc), d = Vector512.Load(b + 2 * bc), e = Vector512.Load(b + 3 * bc);
        Vector512<double> t0 = Avx512F.UnpackLow(a, c).AsDouble(), t1 = Avx512F.UnpackHigh(a, c).AsDouble(), t2 = Avx512F.UnpackLow(d, e).AsDouble(), t3 = Avx512F.UnpackHigh(d, e).AsDouble();
        r0 = Avx512F.UnpackLow(t0, t2).AsSingle();
        r1 = Avx512F.UnpackHigh(t0, t2).AsSingle();
        r2 = Avx512F.UnpackLow(t1, t3).AsSingle();
        r3 = Avx512F.UnpackHigh(t1, t3).AsSingle();
    }

    // Quarter q of the four vectors becomes row 4q.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(Vector512<float> x, Vector512<float> y, Vector512<float> z, Vector512<float> w, float* to, int width)
    {
        Vector512<float> xy = Avx512F.Shuffle4x128(x, y, 0x44), zw = Avx512F.Shuffle4x128(z, w, 0x44);
        Avx512F.Shuffle4x128(xy, zw, 0x88).Store(to);
        Avx512F.Shuffle4x128(xy, zw, 0xDD).Store(to + 4 * width);
        xy = Avx512F.Shuffle4x128(x, y, 0xEE);
        zw = Avx512F.Shuffle4x128(z, w, 0xEE);
        Avx512F.Shuffle4x128(xy, zw, 0x88).Store(to + 8 * width);
        Avx512F.Shuffle4x128(xy, zw, 0xDD).Store(to + 12 * width);
    }

    // Four elements each of four columns become four rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(float* b0, float* b1, float* b2, float* b3, float* to, int width)
    {
        Vector128<float> r0 = Vector128.Load(b0), r1 = Vector128.Load(b1), r2 = Vector128.Load(b2), r3 = Vector128.Load(b3);
        Vector128<float> t0 = Low(r0, r1), t1 = High(r0, r1), t2 = Low(r2, r3), t3 = High(r2, r3);
        LowPairs(t0, t2).Store(to);
        HighPairs(t0, t2).Store(to + width);
        LowPairs(t1, t3).Store(to + 2 * width);
        HighPairs(t1, t3).Store(to + 3 * width);
    }

    // a0 b0 a1 b1, and a2 b2 a3 b3.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    // a0 a1 b0 b1, and a2 a3 b2 b3. GetLower and GetUpper would go through memory on x64: nine times slower.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LowPairs(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveLowToHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector128.Create(a[0], a[1], b[0], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> HighPairs(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveHighToLow(b, a)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a.AsDouble(), b.AsDouble()).AsSingle()
        : Vector128.Create(a[2], a[3], b[2], b[3]);
}

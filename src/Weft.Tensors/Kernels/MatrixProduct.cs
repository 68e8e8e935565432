using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>C (+)= A B in float32, for any strides of A and B.</summary>
/// <remarks>
/// <para>C is cut into panels of two vectors' width; a panel runs over all rows in tiles of 12 (512 bits) or 6, with k in blocks of
/// 512 so that the panel of B stays in the cache. B is read where it lies if its rows are contiguous; otherwise (y = x Wᵀ) each
/// panel is transposed into a scratch block first. The last, narrower panel is always copied, padded with zeros.</para>
/// <para>Threads take (panel, rows) pieces. Pieces are cut by the shape alone, and an element is always the same chain of fused
/// multiply-adds over k, so results do not depend on the number of threads, nor a row's on the other rows. The exception is one
/// row times a transposed matrix (decoding), which is a dot product per column with lanes summed at the end.</para>
/// </remarks>
internal static unsafe class MatrixProduct
{
    private const int DepthBlock = 512;

    // Below this many multiply-adds a fork costs more than it saves.
    private const long SerialWork = 1 << 15;

    [ThreadStatic] private static Scratch? t_scratch;

    /// <summary>c[i, j] (+)= sum over p of a[i, p] b[p, j], plus bias[j] if given (then accumulate must be false).</summary>
    internal static void Run(int m, int n, int k, ReadOnlySpan<float> a, int aRowStride, int aColumnStride, ReadOnlySpan<float> b, int bRowStride, int bColumnStride,
        Span<float> c, int cRowStride, bool accumulate, ReadOnlySpan<float> bias = default)
    {
        if (m == 0 || n == 0) return;
        fixed (float* pa = a, pb = b, pc = c, pbias = bias)
        {
            ProductJob job = new(m, n, k, pa, aRowStride, aColumnStride, pb, bRowStride, bColumnStride, pc, cRowStride, bias.IsEmpty ? null : pbias, accumulate);
            if ((long)m * n * Math.Max(k, 1) < SerialWork) job.Run(0, job.PieceCount);
            else ForkJoin.Run(job.PieceCount, 1, ref job);
        }
    }

    /// <summary>The same on the calling thread alone, for kernels that split their own work.</summary>
    internal static void RunSerial(int m, int n, int k, float* a, int aRowStride, int aColumnStride, float* b, int bRowStride, int bColumnStride, float* c, int cRowStride, bool accumulate)
    {
        if (m == 0 || n == 0) return;
        ProductJob job = new(m, n, k, a, aRowStride, aColumnStride, b, bRowStride, bColumnStride, c, cRowStride, null, accumulate);
        job.Run(0, job.PieceCount);
    }

    private readonly struct ProductJob : IRangeJob
    {
        private readonly int _m, _n, _k, _cr, _panelWidth, _panels, _rowsPerPiece;
        private readonly nint _ar, _ac, _br, _bc;
        private readonly float* _a, _b, _c, _bias;
        private readonly bool _accumulate, _dot;

        internal ProductJob(int m, int n, int k, float* a, nint ar, nint ac, float* b, nint br, nint bc, float* c, int cr, float* bias, bool accumulate)
        {
            (_m, _n, _k, _cr, _ar, _ac, _br, _bc) = (m, n, k, cr, ar, ac, br, bc);
            _a = a;
            _b = b;
            _c = c;
            _bias = bias;
            _accumulate = accumulate;
            _dot = m == 1 && br == 1 && ac == 1 && bc != 1;
            _panelWidth = _dot ? 64 : 2 * Math.Max(4, (int)KernelTiers.Current / 32);
            _panels = (n + _panelWidth - 1) / _panelWidth;
            // About 16 pieces let two to eight threads finish together; a piece keeps at least 96 rows so that copying B pays.
            int rowPieces = Math.Clamp(16 / _panels, 1, Math.Max(1, m / 96));
            _rowsPerPiece = ((m + rowPieces - 1) / rowPieces + 11) / 12 * 12;
            PieceCount = _panels * ((m + _rowsPerPiece - 1) / _rowsPerPiece);
        }

        internal int PieceCount { get; }

        public void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                case KernelTier.Bits128: Run<Vector128<float>>(start, end); break;
                default: RunScalar(start, end); break;
            }
        }

        private void Run<TV>(int start, int end) where TV : struct
        {
            for (int piece = start; piece < end; piece++)
            {
                (int rowPiece, int panel) = Math.DivRem(piece, _panels);
                int firstRow = rowPiece * _rowsPerPiece, rows = Math.Min(_rowsPerPiece, _m - firstRow);
                int firstColumn = panel * _panelWidth, columns = Math.Min(_panelWidth, _n - firstColumn);
                if (_dot) Dots<TV>(firstColumn, columns);
                else Panel<TV>(firstRow, rows, firstColumn, columns);
            }
        }

        private void Panel<TV>(int firstRow, int rows, int firstColumn, int columns) where TV : struct
        {
            int lanes = Simd.Count<TV>(), width = columns > lanes ? 2 * lanes : lanes;
            bool whole = columns == width;
            Scratch scratch = t_scratch ??= new Scratch();
            float* edge = scratch.Edge;
            for (int p0 = 0; p0 == 0 || p0 < _k; p0 += DepthBlock)
            {
                int depth = Math.Min(DepthBlock, _k - p0);
                float* b = _b + p0 * _br + firstColumn * _bc;
                nint br = _br;
                if (!whole || _bc != 1)
                {
                    Pack(b, _br, _bc, depth, columns, scratch.Panel, width);
                    b = scratch.Panel;
                    br = width;
                }
                float* bias = p0 == 0 && _bias is not null ? _bias + firstColumn : null;
                if (bias is not null && !whole)
                {
                    new Span<float>(bias, columns).CopyTo(new Span<float>(scratch.Bias, width));
                    bias = scratch.Bias;
                }
                bool accumulate = _accumulate || p0 > 0;
                for (int i = 0; i < rows;)
                {
                    int left = rows - i, r = lanes == 16 && left >= 12 ? 12 : left >= 6 ? 6 : left >= 3 ? 3 : 1;
                    float* a = _a + (firstRow + i) * _ar + p0 * _ac, c = _c + (nint)(firstRow + i) * _cr + firstColumn;
                    if (whole)
                    {
                        Tile<TV>(r, width == lanes, depth, a, b, br, c, _cr, bias, accumulate);
                    }
                    else
                    {
                        Tile<TV>(r, width == lanes, depth, a, b, br, edge, width, bias, accumulate: false);
                        for (int ii = 0; ii < r; ii++)
                        {
                            float* to = c + (nint)ii * _cr, from = edge + ii * width;
                            if (accumulate) for (int j = 0; j < columns; j++) to[j] += from[j];
                            else for (int j = 0; j < columns; j++) to[j] = from[j];
                        }
                    }
                    i += r;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Tile<TV>(int rows, bool narrow, int depth, float* a, float* b, nint br, float* c, nint cr, float* bias, bool accumulate) where TV : struct
        {
            switch (rows)
            {
                case 12 when narrow: MatrixTiles.Tile12x1<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate); break;
                case 12: MatrixTiles.Tile12x2<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate); break;
                case 6 when narrow: MatrixTiles.Tile6x1<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate); break;
                case 6: MatrixTiles.Tile6x2<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate); break;
                case 3 when narrow: MatrixTiles.Tile3x1<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate); break;
                case 3: MatrixTiles.Tile3x2<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate); break;
                default:
                    if (narrow) MatrixTiles.Tile1x1<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate);
                    else MatrixTiles.Tile1x2<TV>(depth, a, _ar, _ac, b, br, c, cr, bias, accumulate);
                    break;
            }
        }

        // One row: four columns at a time, each a sum of products in lanes, so that memory is read in order and x once per four.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Dots<TV>(int firstColumn, int columns) where TV : struct
        {
            int lanes = Simd.Count<TV>(), k = _k;
            float* x = _a;
            for (int j = 0; j < columns; j += 4)
            {
                int count = Math.Min(4, columns - j);
                float* w0 = _b + (firstColumn + j) * _bc;
                float* w1 = count > 1 ? w0 + _bc : w0, w2 = count > 2 ? w0 + 2 * _bc : w0, w3 = count > 3 ? w0 + 3 * _bc : w0;
                TV s0 = default, s1 = default, s2 = default, s3 = default;
                int p = 0;
                for (; p <= k - lanes; p += lanes)
                {
                    TV xp = Simd.Load<TV>(x + p);
                    s0 = Simd.MultiplyAdd(xp, Simd.Load<TV>(w0 + p), s0);
                    s1 = Simd.MultiplyAdd(xp, Simd.Load<TV>(w1 + p), s1);
                    s2 = Simd.MultiplyAdd(xp, Simd.Load<TV>(w2 + p), s2);
                    s3 = Simd.MultiplyAdd(xp, Simd.Load<TV>(w3 + p), s3);
                }
                float r0 = Simd.Sum(s0), r1 = Simd.Sum(s1), r2 = Simd.Sum(s2), r3 = Simd.Sum(s3);
                for (; p < k; p++)
                {
                    r0 = MathF.FusedMultiplyAdd(x[p], w0[p], r0);
                    r1 = MathF.FusedMultiplyAdd(x[p], w1[p], r1);
                    r2 = MathF.FusedMultiplyAdd(x[p], w2[p], r2);
                    r3 = MathF.FusedMultiplyAdd(x[p], w3[p], r3);
                }
                Put(firstColumn + j, r0);
                if (count > 1) Put(firstColumn + j + 1, r1);
                if (count > 2) Put(firstColumn + j + 2, r2);
                if (count > 3) Put(firstColumn + j + 3, r3);
            }
        }

        private void Put(int column, float value)
        {
            if (_bias is not null) value += _bias[column];
            _c[column] = _accumulate ? _c[column] + value : value;
        }

        // The tier below every instruction set: the oracle's loops on this piece.
        private void RunScalar(int start, int end)
        {
            for (int piece = start; piece < end; piece++)
            {
                (int rowPiece, int panel) = Math.DivRem(piece, _panels);
                for (int i = rowPiece * _rowsPerPiece; i < Math.Min(_m, (rowPiece + 1) * _rowsPerPiece); i++)
                {
                    for (int j = panel * _panelWidth; j < Math.Min(_n, (panel + 1) * _panelWidth); j++)
                    {
                        float sum = _bias is null ? 0 : _bias[j];
                        for (int p = 0; p < _k; p++) sum = MathF.FusedMultiplyAdd(_a[i * _ar + p * _ac], _b[p * _br + j * _bc], sum);
                        float* c = _c + (nint)i * _cr + j;
                        *c = _accumulate ? *c + sum : sum;
                    }
                }
            }
        }

        // panel[p, j] = b[p, j] for j < columns, 0 up to the width.
        private static void Pack(float* b, nint br, nint bc, int depth, int columns, float* panel, int width)
        {
            if (bc == 1)
            {
                for (int p = 0; p < depth; p++)
                {
                    Span<float> row = new(panel + (nint)p * width, width);
                    new ReadOnlySpan<float>(b + p * br, columns).CopyTo(row);
                    row[columns..].Clear();
                }
                return;
            }
            int j = 0;
            if (br == 1 && Vector128.IsHardwareAccelerated && KernelTiers.Current != KernelTier.Scalar)
                for (; j <= columns - 4; j += 4) Transpose4(b + j * bc, bc, depth, panel + j, width);
            for (; j < width; j++)
            {
                if (j < columns) for (int p = 0; p < depth; p++) panel[(nint)p * width + j] = b[p * br + j * bc];
                else for (int p = 0; p < depth; p++) panel[(nint)p * width + j] = 0;
            }
        }

        // Four columns of the panel from four contiguous rows of memory, four by four.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Transpose4(float* b, nint bc, int depth, float* panel, int width)
        {
            float* b1 = b + bc, b2 = b + 2 * bc, b3 = b + 3 * bc;
            int p = 0;
            for (; p <= depth - 4; p += 4)
            {
                Vector128<float> r0 = Vector128.Load(b + p), r1 = Vector128.Load(b1 + p), r2 = Vector128.Load(b2 + p), r3 = Vector128.Load(b3 + p);
                Vector128<float> t0 = Low(r0, r1), t1 = High(r0, r1), t2 = Low(r2, r3), t3 = High(r2, r3);
                float* to = panel + (nint)p * width;
                Join(t0.GetLower(), t2.GetLower()).Store(to);
                Join(t0.GetUpper(), t2.GetUpper()).Store(to + width);
                Join(t1.GetLower(), t3.GetLower()).Store(to + 2 * width);
                Join(t1.GetUpper(), t3.GetUpper()).Store(to + 3 * width);
            }
            for (; p < depth; p++)
            {
                float* to = panel + (nint)p * width;
                (to[0], to[1], to[2], to[3]) = (b[p], b1[p], b2[p], b3[p]);
            }
        }

        // a0 b0 a1 b1, and a2 b2 a3 b3.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
            System.Runtime.Intrinsics.X86.Sse.IsSupported ? System.Runtime.Intrinsics.X86.Sse.UnpackLow(a, b)
            : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported ? System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipLow(a, b)
            : Vector128.Create(a[0], b[0], a[1], b[1]);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
            System.Runtime.Intrinsics.X86.Sse.IsSupported ? System.Runtime.Intrinsics.X86.Sse.UnpackHigh(a, b)
            : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported ? System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipHigh(a, b)
            : Vector128.Create(a[2], b[2], a[3], b[3]);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<float> Join(Vector64<float> low, Vector64<float> high) => Vector128.Create(low, high);
    }

    /// <summary>Blocks that a thread reuses: a panel of B, the tile at the edge of C, and the bias of the last panel.</summary>
    private sealed class Scratch
    {
        private readonly float[] _memory = GC.AllocateUninitializedArray<float>(DepthBlock * 32 + 12 * 32 + 32 + 32, pinned: true);

        internal Scratch()
        {
            nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
            Panel = (float*)((address + 63) & ~63);
            Edge = Panel + DepthBlock * 32;
            Bias = Edge + 12 * 32;
            new Span<float>(Bias, 32).Clear();
        }

        internal float* Panel { get; }

        internal float* Edge { get; }

        internal float* Bias { get; }
    }
}

/// <summary>The oracle: the definition, one element after the other. Also how float64 is computed.</summary>
internal static class MatrixProductReference
{
    internal static void Run<T>(int m, int n, int k, ReadOnlySpan<T> a, int aRowStride, int aColumnStride, ReadOnlySpan<T> b, int bRowStride, int bColumnStride,
        Span<T> c, int cRowStride, bool accumulate, ReadOnlySpan<T> bias = default) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                T sum = bias.IsEmpty ? T.Zero : bias[j];
                for (int p = 0; p < k; p++) sum += a[i * aRowStride + p * aColumnStride] * b[p * bRowStride + j * bColumnStride];
                ref T element = ref c[i * cRowStride + j];
                element = accumulate ? element + sum : sum;
            }
        }
    }
}

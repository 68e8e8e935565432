using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weft.Tensors.Quantization;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>y = x Wᵀ + b for a matrix that stays as it is stored: whole numbers times whole numbers.</summary>
/// <remarks>
/// <para>y[m, n] = sum over groups g of scale[n, g] d[m, g] (sum of w[n, i] q[m, i]) + offset[n, g] s[m, g], plus b[n]. Rows of x are rounded by
/// <see cref="ActivationRounding"/>; rows of W are spread by <see cref="BlockUnpacking"/> sixteen at a time into scratch that stays in the
/// cache, and meet four rows of x at once. Where the processor can, few rows of x take <see cref="StoredDots"/> and many <see cref="StoredTileProduct"/>. Types that cannot be spread are dequantized, and x is not rounded for them.</para>
/// <para>Threads take pieces of 16 rows of W. Every element is computed alone and in one order, so it is the same bits for any number of
/// threads and whatever else is asked for, as long as it is few rows of x, or many, both times.</para>
/// </remarks>
internal static unsafe class StoredProduct
{
    private const int RowsPerPiece = 16, TokensAtOnce = 4, Group = 32, GroupPadding = 16;

    [ThreadStatic] private static KernelScratch? t_scratch;
    [ThreadStatic] private static KernelScratch? t_rounded;

    /// <summary>x [M, K], y [M, N], bias [N] or empty.</summary>
    internal static void Run(StoredMatrix matrix, int m, ReadOnlySpan<float> x, Span<float> y, ReadOnlySpan<float> bias)
    {
        int k = matrix.ColumnCount, groups = Padded(k / Group);
        fixed (float* px = x, py = y, pb = bias)
        {
            bool few = StoredDots.Suit(matrix, m), many = !few && StoredTileProduct.Suits(matrix, m);
            if (few) StoredDots.Run(matrix, m, px, py, bias.IsEmpty ? null : pb);
            if (many) StoredTileProduct.Run(matrix, m, px, py, bias.IsEmpty ? null : pb);
            if (few || many)
            {
                GC.KeepAlive(matrix);
                return;
            }
            Rounded small = new(), large = new();
            long bytes = Rounded.Bytes(m, k, groups);
            byte* memory = (t_rounded ??= new KernelScratch()).Take((matrix.RoundsSmall ? bytes : 0) + (matrix.RoundsLarge ? bytes : 0));
            if (matrix.RoundsSmall)
            {
                small = new Rounded(memory, m, k, groups);
                for (int t = 0; t < m; t++) ActivationRounding.Small(px + (long)t * k, k, small.Q + (long)t * k, small.D + t * groups, small.S + t * groups);
                memory += bytes;
            }
            if (matrix.RoundsLarge)
            {
                large = new Rounded(memory, m, k, groups);
                for (int t = 0; t < m; t++) ActivationRounding.Large(px + (long)t * k, k, large.Q + (long)t * k, large.D + t * groups, large.S + t * groups);
            }
            Job job = new(matrix, m, px, small, large, groups, py, bias.IsEmpty ? null : pb);
            int pieces = (matrix.RowCount + RowsPerPiece - 1) / RowsPerPiece;
            if ((long)m * k * matrix.RowCount < 1 << 15) job.Run(0, pieces);
            else ForkJoin.Run(pieces, 1, ref job);
        }
        GC.KeepAlive(matrix);
    }

    /// <summary>All rows, dequantized: [N, K].</summary>
    internal static void ReadAll(StoredMatrix matrix, Span<float> values)
    {
        fixed (float* pv = values)
        {
            ReadJob job = new(matrix, pv);
            ForkJoin.Run(matrix.RowCount, Math.Max(1, (1 << 15) / Math.Max(1, matrix.ColumnCount)), ref job);
        }
    }

    private static int Padded(int groups) => (groups + GroupPadding - 1) / GroupPadding * GroupPadding;

    // Rows of x as whole numbers; what pads the groups is zero.
    private readonly struct Rounded
    {
        internal readonly short* Q;
        internal readonly float* D, S;

        internal Rounded(byte* memory, int m, int k, int groups)
        {
            D = (float*)memory;
            S = D + (long)m * groups;
            Q = (short*)(S + (long)m * groups);
            new Span<float>(D, checked(2 * m * groups)).Clear();
        }

        // A multiple of 64, so that a second one is aligned too.
        internal static long Bytes(int m, int k, int groups) => (sizeof(short) * (long)m * k + 2 * sizeof(float) * (long)m * groups + 63) / 64 * 64;
    }

    private readonly struct ReadJob(StoredMatrix matrix, float* values) : IRangeJob
    {
        public void Run(int start, int end)
        {
            int k = matrix.ColumnCount;
            for (int row = start; row < end; row++) matrix.ReadRow(row, new Span<float>(values + (long)row * k, k));
        }
    }

    private readonly struct Job(StoredMatrix matrix, int m, float* x, Rounded small, Rounded large, int groups, float* y, float* bias) : IRangeJob
    {
        public void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                case KernelTier.Bits128: Run<Vector128<float>>(start, end); break;
                default: Run<float>(start, end); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Run<TV>(int start, int end) where TV : struct
        {
            int k = matrix.ColumnCount, n = matrix.RowCount;
            KernelScratch scratch = t_scratch ??= new KernelScratch();
            byte* memory = scratch.Take(RowsPerPiece * (sizeof(short) * (long)k + 2 * sizeof(float) * groups) + sizeof(float) * ((long)TokensAtOnce * groups + k));
            float* scales = (float*)memory, offsets = scales + RowsPerPiece * groups, products = offsets + RowsPerPiece * groups, plain = products + TokensAtOnce * groups;
            short* w = (short*)(plain + k);
            float* results = stackalloc float[TokensAtOnce];
            for (int piece = start; piece < end; piece++)
            {
                int first = piece * RowsPerPiece, rows = Math.Min(RowsPerPiece, n - first), spread = 0, inLarge = 0;
                for (int r = 0; r < rows; r++)
                {
                    byte* data = matrix.Row(first + r, out GgufType type);
                    if (!BlockUnpacking.Supports(type))
                    {
                        Plain(data, type, first + r, plain);
                        continue;
                    }
                    float* scale = scales + r * groups, offset = offsets + r * groups;
                    new Span<float>(offset, groups).Clear();
                    BlockUnpacking.Run(type, data, k, w + (long)r * k, scale, offset);
                    spread |= 1 << r;
                    if (BlockUnpacking.RoundsLarge(type)) inLarge |= 1 << r;
                }
                for (int t = 0; t < m && spread != 0; t += TokensAtOnce)
                {
                    int tokens = Math.Min(TokensAtOnce, m - t);
                    for (int r = 0; r < rows; r++)
                    {
                        if ((spread >> r & 1) == 0) continue;
                        Rounded own = (inLarge >> r & 1) != 0 ? large : small;
                        Dots<TV>(tokens, k / Group, w + (long)r * k, scales + r * groups, offsets + r * groups, groups, own.Q + (long)t * k, k, own.D + t * groups, own.S + t * groups, products, results);
                        for (int i = 0; i < tokens; i++) y[(long)(t + i) * n + first + r] = results[i] + (bias == null ? 0 : bias[first + r]);
                    }
                }
            }
        }

        private void Plain(byte* data, GgufType type, int row, float* values)
        {
            int k = matrix.ColumnCount, n = matrix.RowCount;
            Dequantizer.Run(type, new ReadOnlySpan<byte>(data, (int)type.ByteLength(k)), new Span<float>(values, k));
            ReadOnlySpan<float> weights = new(values, k);
            for (int t = 0; t < m; t++) y[(long)t * n + row] = TensorPrimitives.Dot(weights, new ReadOnlySpan<float>(x + (long)t * k, k)) + (bias == null ? 0 : bias[row]);
        }
    }

    /// <summary>One row of W times one row of x, as a plain loop: the oracle.</summary>
    internal static float Reference(int count, short* w, float* scale, float* offset, short* q, float* d, float* s)
    {
        float sum = 0;
        for (int g = 0; g < count; g++)
        {
            int product = 0;
            for (int i = g * Group; i < (g + 1) * Group; i++) product += w[i] * q[i];
            sum += scale[g] * d[g] * product + offset[g] * s[g];
        }
        return sum;
    }

    // Some rows of x at once; TV is a vector, or float for the plain loop. Products of two scales are made a vector at a time, so that
    // each is spread over the lanes by the load of a multiplication, not by an instruction of its own.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<TV>(int tokens, int count, short* w, float* scale, float* offset, int groups, short* q, int k, float* d, float* s, float* products, float* results) where TV : struct
    {
        if (typeof(TV) == typeof(float))
        {
            for (int t = 0; t < tokens; t++) results[t] = Reference(count, w, scale, offset, q + (long)t * k, d + t * groups, s + t * groups);
            return;
        }
        if (tokens < TokensAtOnce)
        {
            for (int t = 0; t < tokens; t++)
            {
                TV one = Offsets<TV>(offset, s + t * groups, groups);
                short* qt = q + (long)t * k;
                float* dt = d + t * groups;
                for (int g = 0; g < count; g += Simd.Count<TV>()) Simd.Store(products + g, Simd.Multiply(Simd.Load<TV>(scale + g), Simd.Load<TV>(dt + g)));
                for (int g = 0; g < count; g++) one = Simd.MultiplyAdd(PairSums<TV>(w + g * Group, qt + g * Group), Simd.Create<TV>(products[g]), one);
                results[t] = Simd.Sum(one);
            }
            return;
        }
        short* q0 = q, q1 = q0 + k, q2 = q1 + k, q3 = q2 + k;
        float* d0 = d, d1 = d0 + groups, d2 = d1 + groups, d3 = d2 + groups;
        float* p0 = products, p1 = p0 + groups, p2 = p1 + groups, p3 = p2 + groups;
        TV a0 = Offsets<TV>(offset, s, groups), a1 = Offsets<TV>(offset, s + groups, groups), a2 = Offsets<TV>(offset, s + 2 * groups, groups), a3 = Offsets<TV>(offset, s + 3 * groups, groups);
        for (int g = 0; g < count; g += Simd.Count<TV>())
        {
            TV own = Simd.Load<TV>(scale + g);
            Simd.Store(p0 + g, Simd.Multiply(own, Simd.Load<TV>(d0 + g)));
            Simd.Store(p1 + g, Simd.Multiply(own, Simd.Load<TV>(d1 + g)));
            Simd.Store(p2 + g, Simd.Multiply(own, Simd.Load<TV>(d2 + g)));
            Simd.Store(p3 + g, Simd.Multiply(own, Simd.Load<TV>(d3 + g)));
        }
        for (int g = 0; g < count; g++)
        {
            int at = g * Group;
            a0 = Simd.MultiplyAdd(PairSums<TV>(w + at, q0 + at), Simd.Create<TV>(p0[g]), a0);
            a1 = Simd.MultiplyAdd(PairSums<TV>(w + at, q1 + at), Simd.Create<TV>(p1[g]), a1);
            a2 = Simd.MultiplyAdd(PairSums<TV>(w + at, q2 + at), Simd.Create<TV>(p2[g]), a2);
            a3 = Simd.MultiplyAdd(PairSums<TV>(w + at, q3 + at), Simd.Create<TV>(p3[g]), a3);
        }
        (results[0], results[1], results[2], results[3]) = (Simd.Sum(a0), Simd.Sum(a1), Simd.Sum(a2), Simd.Sum(a3));
    }

    // Lanes whose total is the sum over groups of offset · s.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Offsets<TV>(float* offset, float* s, int groups) where TV : struct
    {
        TV sum = default;
        for (int g = 0; g < groups; g += Simd.Count<TV>()) sum = Simd.MultiplyAdd(Simd.Load<TV>(offset + g), Simd.Load<TV>(s + g), sum);
        return sum;
    }

    // Lanes whose total is the sum of 32 products.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV PairSums<TV>(short* a, short* b) where TV : struct
    {
        if (typeof(TV) == typeof(Vector512<float>) && Avx512BW.IsSupported)
            return Unsafe.BitCast<Vector512<float>, TV>(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(Vector512.Load(a), Vector512.Load(b))));
        if (typeof(TV) == typeof(Vector256<float>) && Avx2.IsSupported)
        {
            Vector256<int> sum = Avx2.MultiplyAddAdjacent(Vector256.Load(a), Vector256.Load(b)) + Avx2.MultiplyAddAdjacent(Vector256.Load(a + 16), Vector256.Load(b + 16));
            return Unsafe.BitCast<Vector256<float>, TV>(Vector256.ConvertToSingle(sum));
        }
        Vector128<int> total = Pairs(a, b) + Pairs(a + 8, b + 8) + Pairs(a + 16, b + 16) + Pairs(a + 24, b + 24);
        Vector128<float> floats = Vector128.ConvertToSingle(total);
        return typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.Create(Vector256.Create(floats, Vector128<float>.Zero), Vector256<float>.Zero))
            : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.Create(floats, Vector128<float>.Zero))
            : Unsafe.BitCast<Vector128<float>, TV>(floats);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Pairs(short* a, short* b)
    {
        Vector128<short> x = Vector128.Load(a), y = Vector128.Load(b);
        if (Sse2.IsSupported) return Sse2.MultiplyAddAdjacent(x, y);
        (Vector128<int> x0, Vector128<int> x1) = Vector128.Widen(x);
        (Vector128<int> y0, Vector128<int> y1) = Vector128.Widen(y);
        return x0 * y0 + x1 * y1;
    }
}

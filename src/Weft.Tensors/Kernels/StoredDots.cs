using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weft.Tensors.Quantization;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary><see cref="StoredProduct"/> for few tokens: a stored row times a token's rounded row, block by block, and nothing of the row is written anywhere.</summary>
/// <remarks>
/// <para>sum over groups g of scale[g] d[g] (sum of w[g, i] q[g, i]) + offset[g] s[g], as <see cref="StoredProduct"/> says. Bytes are multiplied in
/// pairs (VPMADDUBSW, unsigned times signed; signed numbers give their sign to q first) and pairs of pairs are added: exact, since no pair exceeds
/// 2 · 128 · 127. In blocks of 256 the small whole scales are multiplied in before the sum becomes a float.</para>
/// </remarks>
internal static unsafe class StoredDots
{
    private const int Group = 32, Super = 256;

    // More tokens repay spreading a row.
    private const int MostTokens = 8;

    // Bytes: rows lie behind one another, and the processor alone does not look far enough.
    private const int Ahead = 1024;

    [ThreadStatic] private static KernelScratch? t_rounded;

    internal static bool Suit(StoredMatrix matrix, int m) => m <= MostTokens && matrix.MultipliesAsStored && Avx2.IsSupported && Fma.IsSupported && KernelTiers.Current >= KernelTier.Bits256;

    /// <summary>x [M, K], y [M, N], bias [N] or null.</summary>
    internal static void Run(StoredMatrix matrix, int m, float* x, float* y, float* bias)
    {
        int k = matrix.ColumnCount;
        long bytes = Rounded.Bytes(m, k);
        byte* memory = (t_rounded ??= new KernelScratch()).Take((matrix.RoundsSmall ? bytes : 0) + (matrix.RoundsLarge ? bytes : 0) + sizeof(short) * (long)k + 2 * sizeof(float) * (k / Group));
        short* q = (short*)memory;
        float* d = (float*)(q + k), s = d + k / Group;
        memory = (byte*)(s + k / Group);
        Rounded small = new(memory, m, k), large = new(memory + (matrix.RoundsSmall ? bytes : 0), m, k);
        for (int t = 0; t < m; t++)
        {
            if (matrix.RoundsSmall) ActivationRounding.Small(x + (long)t * k, k, q, d, s);
            if (matrix.RoundsSmall) Put(small);
            if (matrix.RoundsLarge) ActivationRounding.Large(x + (long)t * k, k, q, d, s);
            if (matrix.RoundsLarge) Put(large);

            void Put(Rounded to)
            {
                for (int g = 0; g < k / Group; g++)
                {
                    Vector256.Store(Vector256.Narrow(Vector256.Load(q + g * Group), Vector256.Load(q + g * Group + 16)), to.Q + (long)t * k + g * Group);
                    (to.Scales[2 * ((long)t * k / Group + g)], to.Scales[2 * ((long)t * k / Group + g) + 1]) = (d[g], s[g]);
                }
            }
        }
        Job job = new(matrix, m, small, large, y, bias);
        int least = Math.Max(1, (1 << 14) / (m * k));
        if (matrix.RowCount <= least) job.Run(0, matrix.RowCount);
        else ForkJoin.Run(matrix.RowCount, least, ref job);
    }

    // Tokens as whole numbers [M, K], and for each 32 a scale and, beside it, a scaled sum.
    private readonly struct Rounded(byte* memory, int m, int k)
    {
        internal readonly float* Scales = (float*)memory;
        internal readonly sbyte* Q = (sbyte*)memory + 2 * sizeof(float) * (long)m * k / Group;

        internal static long Bytes(int m, int k) => (2 * sizeof(float) * (long)m * k / Group + (long)m * k + 63) / 64 * 64;
    }

    private readonly struct Job(StoredMatrix matrix, int m, Rounded small, Rounded large, float* y, float* bias) : IRangeJob
    {
        public void Run(int start, int end)
        {
            int k = matrix.ColumnCount, n = matrix.RowCount;
            for (int row = start; row < end; row++)
            {
                byte* data = matrix.Row(row, out GgufType type);
                Rounded own = BlockUnpacking.RoundsLarge(type) ? large : small;
                for (int t = 0; t < m; t++)
                    y[(long)t * n + row] = Dot(type, data, k, own.Q + (long)t * k, own.Scales + 2 * ((long)t * k / Group)) + (bias == null ? 0 : bias[row]);
            }
        }
    }

    internal static bool Supports(GgufType type) => type is GgufType.Q4_0 or GgufType.Q4_1 or GgufType.Q5_0 or GgufType.Q5_1 or GgufType.Q8_0 or GgufType.IQ4_NL or GgufType.MXFP4
        or GgufType.Q4_K or GgufType.Q5_K or GgufType.Q6_K;

    /// <summary>One element of y.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="row">The stored row.</param>
    /// <param name="count">K, a multiple of the type's block.</param>
    /// <param name="q">The token's whole numbers.</param>
    /// <param name="scales">For each 32 of them their scale and their scaled sum.</param>
    private static float Dot(GgufType type, byte* row, int count, sbyte* q, float* scales) => type switch
    {
        GgufType.Q4_0 => Small<Q4_0>(row, count, q, scales),
        GgufType.Q4_1 => Small<Q4_1>(row, count, q, scales),
        GgufType.Q5_0 => Small<Q5_0>(row, count, q, scales),
        GgufType.Q5_1 => Small<Q5_1>(row, count, q, scales),
        GgufType.Q8_0 => Small<Q8_0>(row, count, q, scales),
        GgufType.IQ4_NL => Small<IQ4_NL>(row, count, q, scales),
        GgufType.MXFP4 => Small<MXFP4>(row, count, q, scales),
        GgufType.Q4_K => WithOffsets(row, count, 4, q, scales),
        GgufType.Q5_K => WithOffsets(row, count, 5, q, scales),
        _ => Q6_K(row, count, q, scales),
    };

    // ---- Blocks of 32 ---------------------------------------------------------------------------------------------------

    private interface IBlock
    {
        static abstract int Bytes { get; }

        // Whether numbers are signed; unsigned ones are below 128.
        static abstract bool Signed { get; }

        // Whether a second number, after the scale, is added to each element.
        static abstract bool HasOffset { get; }

        // The scale and, beside it, the offset.
        static abstract Vector128<float> Scales(byte* block);

        static abstract Vector256<byte> Numbers(byte* block);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Small<TBlock>(byte* row, int count, sbyte* q, float* scales) where TBlock : struct, IBlock
    {
        Vector256<float> sum = Vector256<float>.Zero;
        Vector128<float> offsets = Vector128<float>.Zero;
        for (; count > 0; count -= Group, row += TBlock.Bytes, q += Group, scales += 2)
        {
            Sse.Prefetch0(row + Ahead);
            Vector256<int> whole = Pairs(TBlock.Signed, TBlock.Numbers(row), Vector256.Load(q), Vector256<short>.One);
            Vector128<float> factors = TBlock.Scales(row) * Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<double>(scales)).AsSingle();
            sum = Fma.MultiplyAdd(Vector256.ConvertToSingle(whole), Avx2.BroadcastScalarToVector256(factors), sum);
            if (TBlock.HasOffset) offsets += factors;
        }
        return Vector256.Sum(sum) + offsets[1];
    }

    // The first float16 of a block and the one after it, where there is one. A block has more than the eight bytes that are read.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Halves(byte* at)
    {
        // The exponent moves by 127 - 15, which is wrong for infinity and NaN alone.
        Vector128<int> bits = Avx2.ConvertToVector128Int32((short*)at) << 13, exponent = Vector128.Create(0x1F << 23);
        Vector128<int> top = Vector128.Equals(bits & exponent, exponent) & Vector128.Create(0x7F800000);
        Vector128<float> moved = (bits & Vector128.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector128.Create(5.192296858534828e33f); // 2^112
        return (moved.AsInt32() | top).AsSingle();
    }

    // Eight sums of four products, each pair of them times a factor.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pairs(bool signed, Vector256<byte> w, Vector256<sbyte> q, Vector256<short> factors)
    {
        Vector256<short> pairs = signed ? Avx2.MultiplyAddAdjacent(Avx2.Abs(w.AsSByte()), Avx2.Sign(q, w.AsSByte())) : Avx2.MultiplyAddAdjacent(w, q);
        return Avx2.MultiplyAddAdjacent(pairs, factors);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Nibbles(byte* at)
    {
        Vector128<byte> both = Vector128.Load(at);
        return Vector256.Create(both, Vector128.ShiftRightLogical(both.AsUInt16(), 4).AsByte()) & Vector256.Create((byte)15);
    }

    // 16 where bit i of 32 is set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> FifthBits(byte* at)
    {
        Vector256<byte> spread = Avx2.Shuffle(Vector256.Create(Unsafe.ReadUnaligned<uint>(at)).AsByte(),
            Vector256.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
        Vector256<byte> bit = Vector256.Create(0x8040201008040201).AsByte();
        return Vector256.Equals(spread & bit, bit) & Vector256.Create((byte)16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Steps(byte* at, ReadOnlySpan<sbyte> steps)
    {
        Vector128<sbyte> table = Vector128.Create(steps);
        return Avx2.Shuffle(Vector256.Create(table, table).AsByte(), Nibbles(at));
    }

    private readonly struct Q4_0 : IBlock
    {
        public static int Bytes => 18;
        public static bool Signed => true;
        public static bool HasOffset => false;
        public static Vector128<float> Scales(byte* block) => Halves(block);
        public static Vector256<byte> Numbers(byte* block) => Nibbles(block + 2) - Vector256.Create((byte)8);
    }

    private readonly struct Q4_1 : IBlock
    {
        public static int Bytes => 20;
        public static bool Signed => false;
        public static bool HasOffset => true;
        public static Vector128<float> Scales(byte* block) => Halves(block);
        public static Vector256<byte> Numbers(byte* block) => Nibbles(block + 4);
    }

    private readonly struct Q5_0 : IBlock
    {
        public static int Bytes => 22;
        public static bool Signed => true;
        public static bool HasOffset => false;
        public static Vector128<float> Scales(byte* block) => Halves(block);
        public static Vector256<byte> Numbers(byte* block) => (Nibbles(block + 6) | FifthBits(block + 2)) - Vector256.Create((byte)16);
    }

    private readonly struct Q5_1 : IBlock
    {
        public static int Bytes => 24;
        public static bool Signed => false;
        public static bool HasOffset => true;
        public static Vector128<float> Scales(byte* block) => Halves(block);
        public static Vector256<byte> Numbers(byte* block) => Nibbles(block + 8) | FifthBits(block + 4);
    }

    private readonly struct Q8_0 : IBlock
    {
        public static int Bytes => 34;
        public static bool Signed => true;
        public static bool HasOffset => false;
        public static Vector128<float> Scales(byte* block) => Halves(block);
        public static Vector256<byte> Numbers(byte* block) => Vector256.Load(block + 2);
    }

    private readonly struct IQ4_NL : IBlock
    {
        public static int Bytes => 18;
        public static bool Signed => true;
        public static bool HasOffset => false;
        public static Vector128<float> Scales(byte* block) => Halves(block);
        public static Vector256<byte> Numbers(byte* block) => Steps(block + 2, SmallBlocks.UnevenSteps);
    }

    private readonly struct MXFP4 : IBlock
    {
        public static int Bytes => 17;
        public static bool Signed => true;
        public static bool HasOffset => false;
        public static Vector128<float> Scales(byte* block) => Vector128.CreateScalar(SmallBlocks.HalfPowerOfTwo(block[0]));
        public static Vector256<byte> Numbers(byte* block) => Steps(block + 1, SmallBlocks.DoubledFloat4);
    }

    // ---- Blocks of 256 --------------------------------------------------------------------------------------------------

    // Q4_K, Q5_K: d, min, 12 bytes of 6-bit scales and offsets, for Q5_K 32 bytes of fifth bits, 128 bytes of nibbles.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float WithOffsets(byte* row, int count, int bits, sbyte* q, float* scales)
    {
        Vector256<float> sum = Vector256<float>.Zero, offsets = Vector256<float>.Zero;
        Vector256<byte> low = Vector256.Create((byte)15);
        int bytes = bits == 4 ? 144 : 176;
        for (; count > 0; count -= Super, row += bytes, scales += 2 * Super / Group)
        {
            for (int line = 0; line < bytes; line += 64) Sse.Prefetch0(row + Ahead + line);
            // Four of each in plain 6 bits; of the other four the upper 2 bits stand above those.
            uint a = Unsafe.ReadUnaligned<uint>(row + 4), b = Unsafe.ReadUnaligned<uint>(row + 8), c = Unsafe.ReadUnaligned<uint>(row + 12);
            ulong factors = a & 0x3F3F3F3Fu | (ulong)(c & 0x0F0F0F0Fu | (a >> 6 & 0x03030303u) << 4) << 32;
            ulong mins = b & 0x3F3F3F3Fu | (ulong)(c >> 4 & 0x0F0F0F0Fu | (b >> 6 & 0x03030303u) << 4) << 32;
            Vector256<byte> fifth = bits == 5 ? Vector256.Load(row + 16) : default;
            byte* nibbles = row + bytes - 128;
            Vector256<int> whole = Vector256<int>.Zero;
            for (int part = 0; part < 8; part += 2, nibbles += Group, q += 2 * Group)
            {
                Vector256<byte> both = Vector256.Load(nibbles), first = both & low, second = (both.AsUInt16() >>> 4).AsByte() & low;
                if (bits == 5)
                {
                    first |= (((fifth.AsUInt16() >>> part).AsByte() & Vector256<byte>.One).AsUInt16() << 4).AsByte();
                    second |= (((fifth.AsUInt16() >>> (part + 1)).AsByte() & Vector256<byte>.One).AsUInt16() << 4).AsByte();
                }
                whole += Pairs(false, first, Vector256.Load(q), Vector256.Create((short)(factors >> 8 * part & 63)))
                    + Pairs(false, second, Vector256.Load(q + Group), Vector256.Create((short)(factors >> 8 * part + 8 & 63)));
            }
            Vector128<float> halves = Halves(row);
            sum = Fma.MultiplyAdd(Vector256.ConvertToSingle(whole), Vector256.Create(halves[0] * scales[0]), sum);
            Vector256<float> eight = Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(mins).AsByte()));
            Vector256<float> sums = Avx.Shuffle(Vector256.Load(scales), Vector256.Load(scales + 8), 0b11_01_11_01); // 0 1 4 5 2 3 6 7: every second
            offsets = Fma.MultiplyAdd(eight * Vector256.Create(halves[1]), Avx2.Permute4x64(sums.AsDouble(), 0b11_01_10_00).AsSingle(), offsets);
        }
        return Vector256.Sum(sum - offsets);
    }

    // 128 bytes of low nibbles, 64 of upper pairs of bits, 16 scales, d.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Q6_K(byte* row, int count, sbyte* q, float* scales)
    {
        Vector256<float> sum = Vector256<float>.Zero;
        Vector256<byte> low = Vector256.Create((byte)15), two = Vector256.Create((byte)0x30), less = Vector256.Create((byte)32);
        for (; count > 0; count -= Super, row += 210, scales += 2 * Super / Group)
        {
            for (int line = 0; line < 210; line += 64) Sse.Prefetch0(row + Ahead + line);
            sbyte* factors = (sbyte*)row + 192;
            Vector256<int> whole = Vector256<int>.Zero;
            for (int half = 0; half < 2; half++, factors += 8, q += 4 * Group)
            {
                Vector256<ushort> first = Vector256.Load(row + half * 64).AsUInt16(), second = Vector256.Load(row + half * 64 + 32).AsUInt16(), high = Vector256.Load(row + 128 + half * 32).AsUInt16();
                Vector256<byte> w0 = first.AsByte() & low | (high << 4).AsByte() & two, w1 = second.AsByte() & low | (high << 2).AsByte() & two;
                Vector256<byte> w2 = (first >>> 4).AsByte() & low | high.AsByte() & two, w3 = (second >>> 4).AsByte() & low | (high >>> 2).AsByte() & two;
                whole += Pairs(true, w0 - less, Vector256.Load(q), Two(factors)) + Pairs(true, w1 - less, Vector256.Load(q + Group), Two(factors + 2))
                    + Pairs(true, w2 - less, Vector256.Load(q + 2 * Group), Two(factors + 4)) + Pairs(true, w3 - less, Vector256.Load(q + 3 * Group), Two(factors + 6));
            }
            sum = Fma.MultiplyAdd(Vector256.ConvertToSingle(whole), Vector256.Create(BlockUnpacking.Half(row + 208) * scales[0]), sum);
        }
        return Vector256.Sum(sum);
    }

    // A scale for each 16 of 32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Two(sbyte* factors) => Vector256.Create(Vector128.Create((short)factors[0]), Vector128.Create((short)factors[1]));
}

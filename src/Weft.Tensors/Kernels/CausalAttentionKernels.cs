using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Where the heads of a tensor [B, T, H, D] lie; D is contiguous.</summary>
internal unsafe struct HeadView
{
    internal float* Start;
    internal int Batch, Token, Head;

    internal readonly float* At(int b, int t, int h) => Start + (nint)b * Batch + (nint)t * Token + (nint)h * Head;
}

/// <summary>Causal attention whose memory grows with the context, not with its square.</summary>
/// <remarks>
/// <para>Per query i of a head, with s_j = scale q_i · k_j for j ≤ i + S - T: p = softmax(s), o_i = sum p_j v_j; only
/// lse_i = ln sum e^s_j is kept. Backward recomputes p from it (Dao et al. 2022, arXiv:2205.14135, section 3.1 and appendix B):
/// ds = p (dp - o · do), dp_j = do · v_j; dq = scale ds k, dk = scale dsᵀ q, dv = pᵀ do.</para>
/// <para>Queries go in blocks of 48 (four tiles) against blocks of at most 512 keys: two or five small matrix products, on a scratch that stays in
/// the second-level cache. Forward carries each row's maximum and sum from block to block and scales what it has (arXiv:2205.14135,
/// algorithm 1); backward goes through the queries once per block of keys (arXiv:2307.08691, section 3.1). Forward is split over
/// (batch, head, query block); backward over (batch, key-value head), whose gradients it sums in order, so that results do not
/// depend on the number of threads.</para>
/// </remarks>
internal static unsafe class CausalAttentionKernels
{
    private const int Block = 48, KeyBlock = 512;

    [ThreadStatic] private static float[]? t_scratch;

    internal static void Forward(in Heads heads)
    {
        ForwardJob job = new() { Heads = heads };
        ForkJoin.Run(heads.B * heads.H * ((heads.T + Block - 1) / Block), 1, ref job);
    }

    internal static void Backward(in Heads heads)
    {
        BackwardJob job = new() { Heads = heads };
        ForkJoin.Run(heads.B * heads.G, 1, ref job);
    }

    /// <summary>Sizes and places. Gradients are overwritten.</summary>
    internal struct Heads
    {
        internal int B, T, S, H, G, D;
        internal float Scale;

        /// <summary>Of the products; softmax is in float32.</summary>
        internal Precision Precision;

        internal HeadView Q, K, V, O;

        /// <summary>lse per query: [B, H, T].</summary>
        internal float* LogSumExp;

        internal HeadView DO, DQ, DK, DV;
    }

    // Two arrays of a block of queries by a block of keys.
    private static float* Scratch()
    {
        t_scratch ??= GC.AllocateUninitializedArray<float>(2 * Block * RowStride(KeyBlock) + 16, pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(t_scratch));
        return (float*)((address + 63) & ~63);
    }

    // Odd in cache lines: the columns of a block, which transposed products walk, then lie in different sets.
    private static int RowStride(int keys) => (keys + 31) / 32 * 32 + 16;

    private struct ForwardJob : IRangeJob
    {
        internal Heads Heads;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            Heads s = Heads;
            int blocks = (s.T + Block - 1) / Block;
            float* p = Scratch(), max = stackalloc float[Block], sum = stackalloc float[Block];
            for (int piece = start; piece < end; piece++)
            {
                (int bh, int block) = Math.DivRem(piece, blocks);
                (int b, int h) = Math.DivRem(bh, s.H);
                int g = h / (s.H / s.G), first = block * Block, rows = Math.Min(Block, s.T - first), seen = s.S - s.T + first + rows;
                for (int i = 0; i < rows; i++) (max[i], sum[i]) = (float.NegativeInfinity, 0);
                for (int key = 0; key < seen; key += KeyBlock)
                {
                    int keys = Math.Min(KeyBlock, seen - key), stride = RowStride(keys);
                    MatrixProduct.RunSerial(rows, keys, s.D, s.Q.At(b, first, h), s.Q.Token, 1, s.K.At(b, key, g), 1, s.K.Token, p, stride, accumulate: false, s.Precision);
                    for (int i = 0; i < rows; i++)
                    {
                        float* row = p + (nint)i * stride;
                        int count = Math.Clamp(s.S - s.T + first + i + 1 - key, 0, keys);
                        new Span<float>(row + count, keys - count).Clear();
                        if (count == 0) continue;
                        float before = max[i];
                        max[i] = Math.Max(before, RowKernels.Max<TV>(row, count) * s.Scale); // scale is positive
                        float total = ExpRow<TV>(row, count, s.Scale, max[i]), kept = key == 0 ? 0 : MathF.Exp(before - max[i]);
                        sum[i] = sum[i] * kept + total;
                        if (key > 0 && kept != 1) ScaleRow<TV>(s.O.At(b, first + i, h), s.D, kept);
                    }
                    MatrixProduct.RunSerial(rows, s.D, keys, p, stride, 1, s.V.At(b, key, g), s.V.Token, 1, s.O.At(b, first, h), s.O.Token, accumulate: key > 0, s.Precision);
                }
                float* lse = s.LogSumExp + ((nint)b * s.H + h) * s.T + first;
                for (int i = 0; i < rows; i++)
                {
                    ScaleRow<TV>(s.O.At(b, first + i, h), s.D, 1 / sum[i]);
                    lse[i] = max[i] + MathF.Log(sum[i]);
                }
            }
        }
    }

    private struct BackwardJob : IRangeJob
    {
        internal Heads Heads;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            Heads s = Heads;
            int D = s.D, group = s.H / s.G;
            float* p = Scratch(), ds = p + Block * RowStride(KeyBlock);
            for (int piece = start; piece < end; piece++)
            {
                (int b, int g) = Math.DivRem(piece, s.G);
                for (int key = 0; key < s.S; key += KeyBlock)
                {
                    float* k = s.K.At(b, key, g), v = s.V.At(b, key, g), dK = s.DK.At(b, key, g), dV = s.DV.At(b, key, g);
                    bool begun = false;
                    for (int h = g * group; h < (g + 1) * group; h++)
                    {
                        // Last block first: it sees every key, so it is the one that overwrites dk and dv; the first keys overwrite dq.
                        for (int first = (s.T - 1) / Block * Block; first >= 0; first -= Block)
                        {
                            int rows = Math.Min(Block, s.T - first), keys = Math.Min(KeyBlock, s.S - s.T + first + rows - key), stride = RowStride(keys);
                            if (keys <= 0) break;
                            float* q = s.Q.At(b, first, h), dO = s.DO.At(b, first, h), o = s.O.At(b, first, h);
                            float* lse = s.LogSumExp + ((nint)b * s.H + h) * s.T + first;
                            MatrixProduct.RunSerial(rows, keys, D, q, s.Q.Token, 1, k, 1, s.K.Token, p, stride, accumulate: false, s.Precision);
                            MatrixProduct.RunSerial(rows, keys, D, dO, s.DO.Token, 1, v, 1, s.V.Token, ds, stride, accumulate: false, s.Precision);
                            for (int i = 0; i < rows; i++)
                            {
                                float* pRow = p + (nint)i * stride, dsRow = ds + (nint)i * stride;
                                int count = Math.Clamp(s.S - s.T + first + i + 1 - key, 0, keys);
                                float delta = RowKernels.Dot<TV>(o + (nint)i * s.O.Token, dO + (nint)i * s.DO.Token, D);
                                GradientRow<TV>(pRow, dsRow, count, s.Scale, lse[i], delta);
                                new Span<float>(pRow + count, keys - count).Clear();
                                new Span<float>(dsRow + count, keys - count).Clear();
                            }
                            MatrixProduct.RunSerial(rows, D, keys, ds, stride, 1, k, s.K.Token, 1, s.DQ.At(b, first, h), s.DQ.Token, accumulate: key > 0, s.Precision);
                            MatrixProduct.RunSerial(keys, D, rows, ds, 1, stride, q, s.Q.Token, 1, dK, s.DK.Token, accumulate: begun, s.Precision);
                            MatrixProduct.RunSerial(keys, D, rows, p, 1, stride, dO, s.DO.Token, 1, dV, s.DV.Token, accumulate: begun, s.Precision);
                            begun = true;
                        }
                    }
                }
            }
        }
    }

    // x = e^(x scale - max) in place; returns the sum.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float ExpRow<TV>(float* x, int count, float scale, float max) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        TV m = Simd.Create<TV>(-max), s = Simd.Create<TV>(scale), sum = default;
        for (; j <= count - lanes; j += lanes)
        {
            TV e = VectorMath.Exp(Simd.MultiplyAdd(Simd.Load<TV>(x + j), s, m));
            Simd.Store(x + j, e);
            sum = Simd.Add(sum, e);
        }
        float total = Simd.Sum(sum);
        for (; j < count; j++)
        {
            x[j] = MathF.Exp(MathF.FusedMultiplyAdd(x[j], scale, -max));
            total += x[j];
        }
        return total;
    }

    private static void ScaleRow<TV>(float* x, int count, float factor) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        TV f = Simd.Create<TV>(factor);
        for (; j <= count - lanes; j += lanes) Simd.Store(x + j, Simd.Multiply(Simd.Load<TV>(x + j), f));
        for (; j < count; j++) x[j] *= factor;
    }

    // p = e^(p scale - lse);  ds = p (ds - delta) scale.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientRow<TV>(float* p, float* ds, int count, float scale, float lse, float delta) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        TV l = Simd.Create<TV>(-lse), s = Simd.Create<TV>(scale), d = Simd.Create<TV>(delta);
        for (; j <= count - lanes; j += lanes)
        {
            TV e = VectorMath.Exp(Simd.MultiplyAdd(Simd.Load<TV>(p + j), s, l));
            Simd.Store(p + j, e);
            Simd.Store(ds + j, Simd.Multiply(Simd.Multiply(e, Simd.Subtract(Simd.Load<TV>(ds + j), d)), s));
        }
        for (; j < count; j++)
        {
            p[j] = MathF.Exp(MathF.FusedMultiplyAdd(p[j], scale, -lse));
            ds[j] = p[j] * (ds[j] - delta) * scale;
        }
    }
}

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
/// <para>Queries go in blocks of 64 against all keys that they see: three or five small matrix products a block, on a scratch of
/// 64 x S per thread. Forward is split over (batch, head, block); backward over (batch, key-value head), whose gradients it
/// sums in order, so that results do not depend on the number of threads.</para>
/// </remarks>
internal static unsafe class CausalAttentionKernels
{
    private const int Block = 64;

    // Enough for one query against 65,000 keys, so that decoding never asks for more.
    private const int FirstScratch = 1 << 16;

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
        internal HeadView Q, K, V, O;

        /// <summary>lse per query: [B, H, T].</summary>
        internal float* LogSumExp;

        internal HeadView DO, DQ, DK, DV;
    }

    private static float* Scratch(int count)
    {
        if (t_scratch is null || t_scratch.Length < count + 16) t_scratch = GC.AllocateUninitializedArray<float>(Math.Max(FirstScratch, count + 16 + count / 2), pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(t_scratch));
        return (float*)((address + 63) & ~63);
    }

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
            for (int piece = start; piece < end; piece++)
            {
                (int bh, int block) = Math.DivRem(piece, blocks);
                (int b, int h) = Math.DivRem(bh, s.H);
                int g = h / (s.H / s.G), first = block * Block, rows = Math.Min(Block, s.T - first), seen = s.S - s.T + first + rows;
                float* p = Scratch(rows * seen);
                MatrixProduct.RunSerial(rows, seen, s.D, s.Q.At(b, first, h), s.Q.Token, 1, s.K.At(b, 0, g), 1, s.K.Token, p, seen, accumulate: false);
                float* lse = s.LogSumExp + ((nint)b * s.H + h) * s.T + first;
                for (int i = 0; i < rows; i++)
                {
                    float* row = p + (nint)i * seen;
                    int count = s.S - s.T + first + i + 1;
                    lse[i] = SoftmaxRow<TV>(row, count, s.Scale);
                    new Span<float>(row + count, seen - count).Clear();
                }
                MatrixProduct.RunSerial(rows, s.D, seen, p, seen, 1, s.V.At(b, 0, g), s.V.Token, 1, s.O.At(b, first, h), s.O.Token, accumulate: false);
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
            int D = s.D, group = s.H / s.G, rowsMax = Math.Min(Block, s.T);
            for (int piece = start; piece < end; piece++)
            {
                (int b, int g) = Math.DivRem(piece, s.G);
                float* p = Scratch(2 * rowsMax * s.S + 16), ds = p + (nint)rowsMax * s.S;
                bool begun = false;
                for (int h = g * group; h < (g + 1) * group; h++)
                {
                    // Last block first: it sees every key, so it is the one that overwrites dk and dv.
                    for (int first = (s.T - 1) / Block * Block; first >= 0; first -= Block)
                    {
                        int rows = Math.Min(Block, s.T - first), seen = s.S - s.T + first + rows;
                        float* q = s.Q.At(b, first, h), dO = s.DO.At(b, first, h), o = s.O.At(b, first, h), k = s.K.At(b, 0, g), v = s.V.At(b, 0, g);
                        float* lse = s.LogSumExp + ((nint)b * s.H + h) * s.T + first;
                        MatrixProduct.RunSerial(rows, seen, D, q, s.Q.Token, 1, k, 1, s.K.Token, p, seen, accumulate: false);
                        MatrixProduct.RunSerial(rows, seen, D, dO, s.DO.Token, 1, v, 1, s.V.Token, ds, seen, accumulate: false);
                        for (int i = 0; i < rows; i++)
                        {
                            int count = s.S - s.T + first + i + 1;
                            float delta = RowKernels.Dot<TV>(o + (nint)i * s.O.Token, dO + (nint)i * s.DO.Token, D);
                            GradientRow<TV>(p + (nint)i * seen, ds + (nint)i * seen, count, s.Scale, lse[i], delta);
                            new Span<float>(p + (nint)i * seen + count, seen - count).Clear();
                            new Span<float>(ds + (nint)i * seen + count, seen - count).Clear();
                        }
                        MatrixProduct.RunSerial(rows, D, seen, ds, seen, 1, k, s.K.Token, 1, s.DQ.At(b, first, h), s.DQ.Token, accumulate: false);
                        MatrixProduct.RunSerial(seen, D, rows, ds, 1, seen, q, s.Q.Token, 1, s.DK.At(b, 0, g), s.DK.Token, accumulate: begun);
                        MatrixProduct.RunSerial(seen, D, rows, p, 1, seen, dO, s.DO.Token, 1, s.DV.At(b, 0, g), s.DV.Token, accumulate: begun);
                        begun = true;
                    }
                }
            }
        }
    }

    // x = softmax(x scale) in place; returns ln sum e^(x scale).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SoftmaxRow<TV>(float* x, int count, float scale) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        float max = RowKernels.Max<TV>(x, count) * scale; // scale is positive
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
        TV inverse = Simd.Create<TV>(1 / total);
        for (j = 0; j <= count - lanes; j += lanes) Simd.Store(x + j, Simd.Multiply(Simd.Load<TV>(x + j), inverse));
        for (; j < count; j++) x[j] *= 1 / total;
        return max + MathF.Log(total);
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

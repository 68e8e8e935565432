using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <content>Decoding: a few queries would leave the lanes of a transposed block empty.</content>
internal static unsafe partial class CausalAttentionKernels
{
    // Less than a block of queries: they are rows, against blocks of keys that lie where they are.
    private struct FewQueriesJob : IRangeJob
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

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            const int Stride = FewKeyBlock + 16;
            Heads s = Heads;
            float* p = new Scratch(FewQueries * Stride).Take(0), max = stackalloc float[FewQueries], sum = stackalloc float[FewQueries];
            for (int piece = start; piece < end; piece++)
            {
                (int b, int h) = Math.DivRem(piece, s.H);
                int g = h / (s.H / s.G);
                for (int i = 0; i < s.T; i++) (max[i], sum[i]) = (float.NegativeInfinity, 0);
                for (int key = 0; key < s.S; key += FewKeyBlock)
                {
                    int keys = Math.Min(FewKeyBlock, s.S - key);
                    MatrixProduct.RunSerial(s.T, keys, s.D, s.Q.At(b, 0, h), s.Q.Token, 1, s.K.At(b, key, g), 1, s.K.Token, p, Stride, accumulate: false, s.Precision);
                    for (int i = 0; i < s.T; i++)
                    {
                        float* row = p + (nint)i * Stride;
                        int count = Math.Clamp(s.Seen + i - key, 0, keys);
                        new Span<float>(row + count, keys - count).Clear();
                        if (count == 0) continue;
                        float before = max[i];
                        max[i] = Math.Max(before, RowKernels.Max<TV>(row, count) * s.Scale); // scale is positive
                        float total = ExpRow<TV>(row, count, s.Scale, max[i]), kept = key == 0 ? 0 : MathF.Exp(before - max[i]);
                        sum[i] = sum[i] * kept + total;
                        if (key > 0 && kept != 1) ScaleRow<TV>(s.O.At(b, i, h), s.O.At(b, i, h), s.D, kept);
                    }
                    MatrixProduct.RunSerial(s.T, s.D, keys, p, Stride, 1, s.V.At(b, key, g), s.V.Token, 1, s.O.At(b, 0, h), s.O.Token, accumulate: key > 0, s.Precision);
                }
                for (int i = 0; i < s.T; i++)
                {
                    ScaleRow<TV>(s.O.At(b, i, h), s.O.At(b, i, h), s.D, 1 / sum[i]);
                    *s.Lse(b, h, i) = max[i] + MathF.Log(sum[i]);
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
}

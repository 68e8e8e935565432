using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Rotary positions: pairs of elements i and i + D/2 are turned by the angles of a table.</summary>
/// <remarks>
/// y[i] = x[i] cos - x[i + D/2] sin, y[i + D/2] = x[i + D/2] cos + x[i] sin; the inverse turn has -sin. Layout: x [B, T, H, D]
/// with D contiguous, y contiguous; tables of D/2 per (batch, token), or per token alone. A lane is a pair; the pairs past the last
/// whole vector are turned one by one. Split over (batch, token).
/// </remarks>
internal static unsafe class RotaryKernels
{
    internal static void Run(float* x, int batchStride, int tokenStride, int headStride, float* cos, float* sin, int tableBatchStride, int tableTokenStride, float* y, int batch, int tokens, int heads, int size, bool inverse)
    {
        Job job = new() { X = x, Cos = cos, Sin = sin, Y = y, BatchStride = batchStride, TokenStride = tokenStride, HeadStride = headStride, TableBatch = tableBatchStride, TableToken = tableTokenStride, Tokens = tokens, Heads = heads, Half = size / 2, Inverse = inverse };
        ForkJoin.Run(batch * tokens, Math.Max(1, (1 << 13) / Math.Max(1, heads * size)), ref job);
    }

    private struct Job : IRangeJob
    {
        internal float* X, Cos, Sin, Y;
        internal int BatchStride, TokenStride, HeadStride, TableBatch, TableToken, Tokens, Heads, Half;
        internal bool Inverse;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                case KernelTier.Bits128: Run<Vector128<float>>(start, end); break;
                default: RunScalar(start, end); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            int lanes = Simd.Count<TV>(), half = Half;
            for (int row = start; row < end; row++)
            {
                (int b, int t) = Math.DivRem(row, Tokens);
                float* cos = Cos + (nint)b * TableBatch + (nint)t * TableToken, sin = Sin + (nint)b * TableBatch + (nint)t * TableToken;
                for (int h = 0; h < Heads; h++)
                {
                    float* x = X + (nint)b * BatchStride + (nint)t * TokenStride + (nint)h * HeadStride, y = Y + ((nint)row * Heads + h) * 2 * half;
                    int i = 0;
                    for (; i <= half - lanes; i += lanes)
                    {
                        TV c = Simd.Load<TV>(cos + i), s = Simd.Load<TV>(sin + i), a = Simd.Load<TV>(x + i), z = Simd.Load<TV>(x + half + i);
                        if (Inverse) s = Simd.Subtract(default, s);
                        Simd.Store(y + i, Simd.Subtract(Simd.Multiply(a, c), Simd.Multiply(z, s)));
                        Simd.Store(y + half + i, Simd.Add(Simd.Multiply(z, c), Simd.Multiply(a, s)));
                    }
                    Pairs(x, cos, sin, y, i);
                }
            }
        }

        private readonly void RunScalar(int start, int end)
        {
            for (int row = start; row < end; row++)
            {
                (int b, int t) = Math.DivRem(row, Tokens);
                for (int h = 0; h < Heads; h++)
                    Pairs(X + (nint)b * BatchStride + (nint)t * TokenStride + (nint)h * HeadStride, Cos + (nint)b * TableBatch + (nint)t * TableToken, Sin + (nint)b * TableBatch + (nint)t * TableToken, Y + ((nint)row * Heads + h) * 2 * Half, 0);
            }
        }

        // The plain twin, from pair i on.
        private readonly void Pairs(float* x, float* cos, float* sin, float* y, int i)
        {
            for (; i < Half; i++)
            {
                float s = Inverse ? -sin[i] : sin[i], a = x[i], z = x[Half + i];
                y[i] = a * cos[i] - z * s;
                y[Half + i] = z * cos[i] + a * s;
            }
        }
    }
}

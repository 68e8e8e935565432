using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>The gate of SwiGLU: y[i, j] = silu(x[i, j]) x[i, F + j].</summary>
/// <remarks>Layout: rows of 2 F floats in, F out; a lane is a column. Split over rows. Backward: dx[i, j] = silu'(a) b dy, dx[i, F + j] = silu(a) dy.</remarks>
internal static unsafe class GateKernels
{
    internal static void Forward(ReadOnlySpan<float> x, Span<float> y, int width)
    {
        if (y.IsEmpty) return;
        fixed (float* px = x, py = y)
        {
            Job job = new() { X = px, Y = py, Width = width };
            ForkJoin.Run(y.Length / width, Math.Max(1, (1 << 14) / width), ref job);
        }
    }

    internal static void Backward(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dx, bool accumulate, int width)
    {
        if (dy.IsEmpty) return;
        fixed (float* px = x, pdy = dy, pdx = dx)
        {
            Job job = new() { X = px, Dy = pdy, Dx = pdx, Width = width, Accumulate = accumulate };
            ForkJoin.Run(dy.Length / width, Math.Max(1, (1 << 14) / width), ref job);
        }
    }

    private struct Job : IRangeJob
    {
        internal float* X, Y, Dy, Dx;
        internal int Width;
        internal bool Accumulate;

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
            int F = Width, lanes = Simd.Count<TV>();
            float* edge = stackalloc float[5 * lanes];
            for (int i = start; i < end; i++)
            {
                float* x = X + (nint)i * 2 * F;
                int j = 0;
                if (Dy is null)
                {
                    float* y = Y + (nint)i * F;
                    for (; j <= F - lanes; j += lanes) Simd.Store(y + j, Simd.Multiply(ActivationKernels.Silu.Forward(Simd.Load<TV>(x + j)), Simd.Load<TV>(x + F + j)));
                    if (j == F) continue;
                    Fill(edge, x + j, F - j, lanes);
                    Fill(edge + lanes, x + F + j, F - j, lanes);
                    Simd.Store(edge, Simd.Multiply(ActivationKernels.Silu.Forward(Simd.Load<TV>(edge)), Simd.Load<TV>(edge + lanes)));
                    for (int l = 0; l < F - j; l++) y[j + l] = edge[l];
                    continue;
                }
                float* dy = Dy + (nint)i * F, dx = Dx + (nint)i * 2 * F;
                for (; j <= F - lanes; j += lanes)
                {
                    (TV da, TV db) = Gradient(Simd.Load<TV>(x + j), Simd.Load<TV>(x + F + j), Simd.Load<TV>(dy + j));
                    Simd.Store(dx + j, Accumulate ? Simd.Add(da, Simd.Load<TV>(dx + j)) : da);
                    Simd.Store(dx + F + j, Accumulate ? Simd.Add(db, Simd.Load<TV>(dx + F + j)) : db);
                }
                if (j == F) continue;
                Fill(edge, x + j, F - j, lanes);
                Fill(edge + lanes, x + F + j, F - j, lanes);
                Fill(edge + 2 * lanes, dy + j, F - j, lanes);
                (TV a, TV b) = Gradient(Simd.Load<TV>(edge), Simd.Load<TV>(edge + lanes), Simd.Load<TV>(edge + 2 * lanes));
                Simd.Store(edge + 3 * lanes, a);
                Simd.Store(edge + 4 * lanes, b);
                for (int l = 0; l < F - j; l++)
                {
                    dx[j + l] = Accumulate ? dx[j + l] + edge[3 * lanes + l] : edge[3 * lanes + l];
                    dx[F + j + l] = Accumulate ? dx[F + j + l] + edge[4 * lanes + l] : edge[4 * lanes + l];
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (TV A, TV B) Gradient<TV>(TV a, TV b, TV dy) where TV : struct =>
            (ActivationKernels.Silu.Backward(a, Simd.Multiply(dy, b)), Simd.Multiply(ActivationKernels.Silu.Forward(a), dy));

        private static void Fill(float* edge, float* from, int count, int lanes)
        {
            for (int l = 0; l < lanes; l++) edge[l] = l < count ? from[l] : 0;
        }
    }
}

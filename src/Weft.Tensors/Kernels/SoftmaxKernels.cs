using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Softmax and its logarithm over rows.</summary>
/// <remarks>
/// <para>y[i, j] = e^(x[i, j] - max) / Σ e^(x[i, ·] - max), or x[i, j] - max - ln Σ. A row of -infinity gives NaN. Backward:
/// dx = y (dy - Σ y dy), or dy - e^y Σ dy.</para>
/// <para>Layout: rows of C floats, a lane is a column; columns past the last whole vector are done one by one. Split over rows.</para>
/// </remarks>
internal static unsafe class SoftmaxKernels
{
    // About the work that pays for a fork.
    private const int Grain = 1 << 13;

    internal static void Forward(ReadOnlySpan<float> x, Span<float> y, int columns, bool logarithm)
    {
        fixed (float* px = x, py = y)
        {
            Job job = new() { X = px, Y = py, Columns = columns, Logarithm = logarithm };
            ForkJoin.Run(x.Length / columns, Math.Max(1, Grain / columns), ref job);
        }
    }

    internal static void Backward(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx, bool accumulate, int columns, bool logarithm)
    {
        fixed (float* py = y, pdy = dy, pdx = dx)
        {
            Job job = new() { Y = py, Dy = pdy, Dx = pdx, Columns = columns, Logarithm = logarithm, Accumulate = accumulate };
            ForkJoin.Run(y.Length / columns, Math.Max(1, Grain / columns), ref job);
        }
    }

    private struct Job : IRangeJob
    {
        internal float* X, Y, Dy, Dx;
        internal int Columns;
        internal bool Logarithm, Accumulate;

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
            for (int i = start; i < end; i++)
            {
                nint at = (nint)i * Columns;
                if (Dy is null) Forward<TV>(X + at, Y + at);
                else Backward<TV>(Y + at, Dy + at, Dx + at);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Forward<TV>(float* x, float* y) where TV : struct
        {
            int C = Columns, lanes = Simd.Count<TV>(), j = 0;
            float max = RowKernels.Max<TV>(x, C), total;
            TV m = Simd.Create<TV>(max), sum = default;
            for (; j <= C - lanes; j += lanes)
            {
                TV e = VectorMath.Exp(Simd.Subtract(Simd.Load<TV>(x + j), m));
                if (!Logarithm) Simd.Store(y + j, e);
                sum = Simd.Add(sum, e);
            }
            total = Simd.Sum(sum);
            for (; j < C; j++)
            {
                float e = MathF.Exp(x[j] - max);
                if (!Logarithm) y[j] = e;
                total += e;
            }
            float log = MathF.Log(total), inverse = 1 / total;
            TV shift = Simd.Create<TV>(log), factor = Simd.Create<TV>(inverse);
            j = 0;
            for (; j <= C - lanes; j += lanes)
                Simd.Store(y + j, Logarithm ? Simd.Subtract(Simd.Subtract(Simd.Load<TV>(x + j), m), shift) : Simd.Multiply(Simd.Load<TV>(y + j), factor));
            for (; j < C; j++) y[j] = Logarithm ? x[j] - max - log : y[j] * inverse;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Backward<TV>(float* y, float* dy, float* dx) where TV : struct
        {
            int C = Columns, lanes = Simd.Count<TV>(), j = 0;
            TV sum = default;
            for (; j <= C - lanes; j += lanes) sum = Logarithm ? Simd.Add(sum, Simd.Load<TV>(dy + j)) : Simd.MultiplyAdd(Simd.Load<TV>(y + j), Simd.Load<TV>(dy + j), sum);
            float total = Simd.Sum(sum);
            for (; j < C; j++) total += Logarithm ? dy[j] : y[j] * dy[j];
            TV all = Simd.Create<TV>(total);
            j = 0;
            for (; j <= C - lanes; j += lanes)
            {
                TV value = Simd.Load<TV>(y + j), d = Simd.Load<TV>(dy + j);
                TV g = Logarithm ? Simd.Subtract(d, Simd.Multiply(VectorMath.Exp(value), all)) : Simd.Multiply(value, Simd.Subtract(d, all));
                Simd.Store(dx + j, Accumulate ? Simd.Add(g, Simd.Load<TV>(dx + j)) : g);
            }
            for (; j < C; j++)
            {
                float g = Logarithm ? dy[j] - MathF.Exp(y[j]) * total : y[j] * (dy[j] - total);
                dx[j] = Accumulate ? dx[j] + g : g;
            }
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Layer and root-mean-square normalisation of rows.</summary>
/// <remarks>
/// <para>Forward: y = (x - mean) rstd g + b, with mean 0 for RMS; mean and rstd are kept per row. Layout: rows of C floats, a lane is
/// a column; columns past the last whole vector are done one by one.</para>
/// <para>Backward: with h = g dy and x̂ = (x - mean) rstd:  dx = rstd (h - mean(h) - x̂ mean(h x̂)), without mean(h) for RMS;
/// dg = sum over rows of dy x̂, db = sum of dy. Rows are summed in blocks of 64 whose sums are added in order, so that the result
/// is the same for any number of threads. Forward and dx are split over rows.</para>
/// </remarks>
internal static unsafe class NormalizationKernels
{
    internal const int RowsPerBlock = 64;

    internal static void Forward(ReadOnlySpan<float> x, ReadOnlySpan<float> gain, ReadOnlySpan<float> offset, Span<float> y, Span<float> mean, Span<float> rstd, int columns, float epsilon, bool centered)
    {
        fixed (float* px = x, pg = gain, pb = offset, py = y, pm = mean, pr = rstd)
        {
            ForwardJob job = new() { X = px, Gain = pg, Offset = offset.IsEmpty ? null : pb, Y = py, Mean = pm, Rstd = pr, Columns = columns, Epsilon = epsilon, Centered = centered };
            ForkJoin.Run(rstd.Length, Math.Max(1, (1 << 14) / columns), ref job);
        }
    }

    /// <summary>dx = before + …, with before empty or perhaps dx itself, and the partial sums of dg and db per block of rows: [blocks, 2, C].</summary>
    internal static void Backward(ReadOnlySpan<float> x, ReadOnlySpan<float> gain, ReadOnlySpan<float> dy, ReadOnlySpan<float> mean, ReadOnlySpan<float> rstd,
        Span<float> dx, ReadOnlySpan<float> before, Span<float> partial, int columns, bool centered)
    {
        fixed (float* px = x, pg = gain, pdy = dy, pdx = dx, pb = before, pm = mean, pr = rstd, pp = partial)
        {
            BackwardJob job = new() { X = px, Gain = pg, Dy = pdy, Dx = dx.IsEmpty ? null : pdx, Before = before.IsEmpty ? null : pb, Mean = pm, Rstd = pr, Partial = pp, Columns = columns, Rows = rstd.Length, Centered = centered };
            ForkJoin.Run((rstd.Length + RowsPerBlock - 1) / RowsPerBlock, 1, ref job);
        }
    }

    /// <summary>target (+)= the sum over blocks of partial[block, part, :].</summary>
    internal static void SumBlocks(ReadOnlySpan<float> partial, int part, int columns, Span<float> target, bool accumulate)
    {
        int blocks = partial.Length / (2 * columns);
        if (!accumulate) target.Clear();
        for (int b = 0; b < blocks; b++)
        {
            ReadOnlySpan<float> row = partial.Slice((2 * b + part) * columns, columns);
            System.Numerics.Tensors.TensorPrimitives.Add(row, target, target);
        }
    }

    private struct ForwardJob : IRangeJob
    {
        internal float* X, Gain, Offset, Y, Mean, Rstd;
        internal int Columns;
        internal float Epsilon;
        internal bool Centered;

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
            int C = Columns, lanes = Simd.Count<TV>(), whole = C / lanes * lanes;
            for (int i = start; i < end; i++)
            {
                float* x = X + (nint)i * C, y = Y + (nint)i * C;
                float mean = 0;
                if (Centered)
                {
                    TV sum = default;
                    int j = 0;
                    for (; j < whole; j += lanes) sum = Simd.Add(sum, Simd.Load<TV>(x + j));
                    mean = Simd.Sum(sum);
                    for (; j < C; j++) mean += x[j];
                    mean /= C;
                }
                TV m = Simd.Create<TV>(mean), squares = default;
                int k = 0;
                for (; k < whole; k += lanes)
                {
                    TV d = Simd.Subtract(Simd.Load<TV>(x + k), m);
                    squares = Simd.MultiplyAdd(d, d, squares);
                }
                float variance = Simd.Sum(squares);
                for (; k < C; k++) variance += (x[k] - mean) * (x[k] - mean);
                float rstd = 1 / MathF.Sqrt(variance / C + Epsilon);
                Mean[i] = mean;
                Rstd[i] = rstd;
                TV r = Simd.Create<TV>(rstd);
                int o = 0;
                for (; o < whole; o += lanes)
                {
                    TV scaled = Simd.Multiply(Simd.Multiply(Simd.Subtract(Simd.Load<TV>(x + o), m), r), Simd.Load<TV>(Gain + o));
                    Simd.Store(y + o, Offset is null ? scaled : Simd.Add(scaled, Simd.Load<TV>(Offset + o)));
                }
                for (; o < C; o++) y[o] = (x[o] - mean) * rstd * Gain[o] + (Offset is null ? 0 : Offset[o]);
            }
        }
    }

    private struct BackwardJob : IRangeJob
    {
        internal float* X, Gain, Dy, Dx, Before, Mean, Rstd, Partial;
        internal int Columns, Rows;
        internal bool Centered;

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
            int C = Columns, lanes = Simd.Count<TV>(), whole = C / lanes * lanes;
            for (int block = start; block < end; block++)
            {
                float* dg = Partial + (nint)block * 2 * C, db = dg + C;
                new Span<float>(dg, 2 * C).Clear();
                for (int i = block * RowsPerBlock; i < Math.Min(Rows, (block + 1) * RowsPerBlock); i++)
                {
                    float* x = X + (nint)i * C, dy = Dy + (nint)i * C;
                    float mean = Mean[i], rstd = Rstd[i];
                    TV m = Simd.Create<TV>(mean), r = Simd.Create<TV>(rstd), sumH = default, sumHx = default;
                    int j = 0;
                    for (; j < whole; j += lanes)
                    {
                        TV xh = Simd.Multiply(Simd.Subtract(Simd.Load<TV>(x + j), m), r), d = Simd.Load<TV>(dy + j), h = Simd.Multiply(d, Simd.Load<TV>(Gain + j));
                        sumH = Simd.Add(sumH, h);
                        sumHx = Simd.MultiplyAdd(h, xh, sumHx);
                        Simd.Store(dg + j, Simd.MultiplyAdd(d, xh, Simd.Load<TV>(dg + j)));
                        Simd.Store(db + j, Simd.Add(d, Simd.Load<TV>(db + j)));
                    }
                    float meanH = Simd.Sum(sumH), meanHx = Simd.Sum(sumHx);
                    for (; j < C; j++)
                    {
                        float xh = (x[j] - mean) * rstd, h = dy[j] * Gain[j];
                        meanH += h;
                        meanHx += h * xh;
                        dg[j] += dy[j] * xh;
                        db[j] += dy[j];
                    }
                    if (Dx is null) continue;
                    meanH = Centered ? meanH / C : 0;
                    meanHx /= C;
                    float* dx = Dx + (nint)i * C, before = Before + (nint)i * C;
                    TV a = Simd.Create<TV>(meanH), b = Simd.Create<TV>(meanHx);
                    int k = 0;
                    for (; k < whole; k += lanes)
                    {
                        TV xh = Simd.Multiply(Simd.Subtract(Simd.Load<TV>(x + k), m), r), h = Simd.Multiply(Simd.Load<TV>(dy + k), Simd.Load<TV>(Gain + k));
                        TV d = Simd.Multiply(Simd.Subtract(Simd.Subtract(h, a), Simd.Multiply(xh, b)), r);
                        Simd.Store(dx + k, Before is null ? d : Simd.Add(d, Simd.Load<TV>(before + k)));
                    }
                    for (; k < C; k++)
                    {
                        float xh = (x[k] - mean) * rstd, d = (dy[k] * Gain[k] - meanH - xh * meanHx) * rstd;
                        dx[k] = Before is null ? d : before[k] + d;
                    }
                }
            }
        }
    }
}

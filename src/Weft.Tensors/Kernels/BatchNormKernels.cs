using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Batch normalisation: y = (x - mean) rstd g + b with the mean and variance of each channel over batch and space.</summary>
/// <remarks>
/// <para>Backward: with x̂ = (x - mean) rstd and M values per channel, db = Σ dy, dg = Σ dy x̂, dx = g rstd (dy - db / M - x̂ dg / M).</para>
/// <para>Layout: x [N, C, P]. Where there is space, a lane holds one of P neighbours and each image's sum is added in double precision;
/// for plain rows [N, C] a lane is a channel, and rows are summed in blocks of 64. Split over channels: the same bits for any
/// number of threads.</para>
/// </remarks>
internal static unsafe class BatchNormKernels
{
    private const int RowsPerBlock = 64;

    /// <summary>Writes y, and in training mean and variance (biased) first; otherwise those are given.</summary>
    internal static void Forward(ReadOnlySpan<float> x, ReadOnlySpan<float> gain, ReadOnlySpan<float> offset, Span<float> y, Span<float> mean, Span<float> variance, int images, int positions, float epsilon, bool training)
    {
        fixed (float* px = x, pg = gain, pb = offset, py = y, pm = mean, pv = variance)
        {
            Job job = new() { X = px, Gain = gain.IsEmpty ? null : pg, Offset = offset.IsEmpty ? null : pb, Y = py, Mean = pm, Variance = pv, Images = images, Channels = mean.Length, Positions = positions, Epsilon = epsilon, Training = training };
            job.Fork();
        }
    }

    /// <summary>dx (+)= …, and the sums dg and db. dx may be empty: then only the sums are made.</summary>
    internal static void Backward(ReadOnlySpan<float> x, ReadOnlySpan<float> gain, ReadOnlySpan<float> dy, ReadOnlySpan<float> mean, ReadOnlySpan<float> variance, Span<float> dx, bool accumulate, Span<float> dg, Span<float> db, int images, int positions, float epsilon)
    {
        fixed (float* px = x, pg = gain, pdy = dy, pdx = dx, pm = mean, pv = variance, pdg = dg, pdb = db)
        {
            Job job = new()
            {
                X = px, Gain = gain.IsEmpty ? null : pg, Dy = pdy, Y = dx.IsEmpty ? null : pdx, Mean = pm, Variance = pv, Dg = pdg, Db = pdb, Images = images, Channels = mean.Length, Positions = positions, Epsilon = epsilon, Accumulate = accumulate,
            };
            job.Fork();
        }
    }

    private struct Job : IRangeJob
    {
        internal float* X, Gain, Offset, Y, Mean, Variance, Dy, Dg, Db;
        internal int Images, Channels, Positions;
        internal float Epsilon;
        internal bool Training, Accumulate;

        // A piece is a channel, or for rows as many as the widest vector holds.
        private const int ColumnsPerPiece = 16;

        internal void Fork()
        {
            int perPiece = Positions > 1 ? 1 : ColumnsPerPiece, work = Math.Max(1, Images * Positions * perPiece);
            ForkJoin.Run((Channels + perPiece - 1) / perPiece, Math.Max(1, (1 << 13) / work), ref this);
        }

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
            if (Positions > 1)
            {
                for (int c = start; c < end; c++)
                {
                    if (Dy is null) Channel<TV>(c);
                    else ChannelBack<TV>(c);
                }
                return;
            }
            int last = Math.Min(Channels, end * ColumnsPerPiece);
            for (int c = start * ColumnsPerPiece; c < last; c += Simd.Count<TV>())
            {
                if (Dy is null) Columns<TV>(c, last - c);
                else ColumnsBack<TV>(c, last - c);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Channel<TV>(int c) where TV : struct
        {
            int P = Positions, lanes = Simd.Count<TV>(), whole = P / lanes * lanes;
            nint step = (nint)Channels * P;
            float* first = X + (nint)c * P;
            if (Training)
            {
                double total = 0, squares = 0;
                float* x = first;
                for (int n = 0; n < Images; n++, x += step)
                {
                    TV sum = default;
                    int p = 0;
                    for (; p < whole; p += lanes) sum = Simd.Add(sum, Simd.Load<TV>(x + p));
                    float rest = Simd.Sum(sum);
                    for (; p < P; p++) rest += x[p];
                    total += rest;
                }
                float average = (float)(total / ((double)Images * P));
                TV a = Simd.Create<TV>(average);
                x = first;
                for (int n = 0; n < Images; n++, x += step)
                {
                    TV sum = default;
                    int p = 0;
                    for (; p < whole; p += lanes)
                    {
                        TV d = Simd.Subtract(Simd.Load<TV>(x + p), a);
                        sum = Simd.MultiplyAdd(d, d, sum);
                    }
                    float rest = Simd.Sum(sum);
                    for (; p < P; p++) rest += (x[p] - average) * (x[p] - average);
                    squares += rest;
                }
                (Mean[c], Variance[c]) = (average, (float)(squares / ((double)Images * P)));
            }
            float mean = Mean[c], scale = (Gain is null ? 1 : Gain[c]) / MathF.Sqrt(Variance[c] + Epsilon), offset = Offset is null ? 0 : Offset[c];
            TV m = Simd.Create<TV>(mean), s = Simd.Create<TV>(scale), o = Simd.Create<TV>(offset);
            float* from = first, to = Y + (nint)c * P;
            for (int n = 0; n < Images; n++, from += step, to += step)
            {
                int p = 0;
                for (; p < whole; p += lanes) Simd.Store(to + p, Simd.MultiplyAdd(Simd.Subtract(Simd.Load<TV>(from + p), m), s, o));
                for (; p < P; p++) to[p] = MathF.FusedMultiplyAdd(from[p] - mean, scale, offset);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void ChannelBack<TV>(int c) where TV : struct
        {
            int P = Positions, lanes = Simd.Count<TV>(), whole = P / lanes * lanes;
            nint step = (nint)Channels * P;
            float mean = Mean[c], rstd = 1 / MathF.Sqrt(Variance[c] + Epsilon), scale = Gain is null ? rstd : rstd * Gain[c];
            TV m = Simd.Create<TV>(mean), r = Simd.Create<TV>(rstd);
            double totalDy = 0, totalDyX = 0;
            float* x = X + (nint)c * P, dy = Dy + (nint)c * P;
            for (int n = 0; n < Images; n++, x += step, dy += step)
            {
                TV sum = default, products = default;
                int p = 0;
                for (; p < whole; p += lanes)
                {
                    TV d = Simd.Load<TV>(dy + p);
                    sum = Simd.Add(sum, d);
                    products = Simd.MultiplyAdd(d, Simd.Multiply(Simd.Subtract(Simd.Load<TV>(x + p), m), r), products);
                }
                float rest = Simd.Sum(sum), restX = Simd.Sum(products);
                for (; p < P; p++)
                {
                    rest += dy[p];
                    restX += dy[p] * ((x[p] - mean) * rstd);
                }
                totalDy += rest;
                totalDyX += restX;
            }
            (Db[c], Dg[c]) = ((float)totalDy, (float)totalDyX);
            if (Y is null) return;
            double count = (double)Images * P;
            float meanDy = (float)(totalDy / count), slope = (float)(totalDyX / count) * rstd;
            TV a = Simd.Create<TV>(meanDy), b = Simd.Create<TV>(-slope), s = Simd.Create<TV>(scale);
            x = X + (nint)c * P;
            dy = Dy + (nint)c * P;
            float* dx = Y + (nint)c * P;
            for (int n = 0; n < Images; n++, x += step, dy += step, dx += step)
            {
                int p = 0;
                for (; p < whole; p += lanes)
                {
                    TV d = Simd.Multiply(Simd.MultiplyAdd(Simd.Subtract(Simd.Load<TV>(x + p), m), b, Simd.Subtract(Simd.Load<TV>(dy + p), a)), s);
                    Simd.Store(dx + p, Accumulate ? Simd.Add(d, Simd.Load<TV>(dx + p)) : d);
                }
                for (; p < P; p++)
                {
                    float d = MathF.FusedMultiplyAdd(x[p] - mean, -slope, dy[p] - meanDy) * scale;
                    dx[p] = Accumulate ? dx[p] + d : d;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Columns<TV>(int c, int left) where TV : struct
        {
            TV count = Simd.Create<TV>(Images);
            if (Training)
            {
                TV mean = default;
                for (int block = 0; block < Images; block += RowsPerBlock)
                {
                    TV part = default;
                    for (int n = block; n < Math.Min(Images, block + RowsPerBlock); n++) part = Simd.Add(part, Simd.LoadPart<TV>(X + (nint)n * Channels + c, left));
                    mean = Simd.Add(mean, part);
                }
                mean = Simd.Divide(mean, count);
                TV squares = default;
                for (int block = 0; block < Images; block += RowsPerBlock)
                {
                    TV part = default;
                    for (int n = block; n < Math.Min(Images, block + RowsPerBlock); n++)
                    {
                        TV d = Simd.Subtract(Simd.LoadPart<TV>(X + (nint)n * Channels + c, left), mean);
                        part = Simd.MultiplyAdd(d, d, part);
                    }
                    squares = Simd.Add(squares, part);
                }
                Simd.StorePart(Mean + c, mean, left);
                Simd.StorePart(Variance + c, Simd.Divide(squares, count), left);
            }
            TV m = Simd.LoadPart<TV>(Mean + c, left), s = Simd.Multiply(Rstd<TV>(c, left), GainOf<TV>(c, left)), o = Offset is null ? default : Simd.LoadPart<TV>(Offset + c, left);
            for (int n = 0; n < Images; n++)
            {
                nint at = (nint)n * Channels + c;
                Simd.StorePart(Y + at, Simd.MultiplyAdd(Simd.Subtract(Simd.LoadPart<TV>(X + at, left), m), s, o), left);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void ColumnsBack<TV>(int c, int left) where TV : struct
        {
            TV m = Simd.LoadPart<TV>(Mean + c, left), r = Rstd<TV>(c, left), sum = default, products = default;
            for (int block = 0; block < Images; block += RowsPerBlock)
            {
                TV part = default, partX = default;
                for (int n = block; n < Math.Min(Images, block + RowsPerBlock); n++)
                {
                    nint at = (nint)n * Channels + c;
                    TV d = Simd.LoadPart<TV>(Dy + at, left);
                    part = Simd.Add(part, d);
                    partX = Simd.MultiplyAdd(d, Simd.Multiply(Simd.Subtract(Simd.LoadPart<TV>(X + at, left), m), r), partX);
                }
                sum = Simd.Add(sum, part);
                products = Simd.Add(products, partX);
            }
            Simd.StorePart(Db + c, sum, left);
            Simd.StorePart(Dg + c, products, left);
            if (Y is null) return;
            TV count = Simd.Create<TV>(Images), a = Simd.Divide(sum, count), b = Simd.Subtract(default, Simd.Multiply(Simd.Divide(products, count), r)), s = Simd.Multiply(r, GainOf<TV>(c, left));
            for (int n = 0; n < Images; n++)
            {
                nint at = (nint)n * Channels + c;
                TV d = Simd.Multiply(Simd.MultiplyAdd(Simd.Subtract(Simd.LoadPart<TV>(X + at, left), m), b, Simd.Subtract(Simd.LoadPart<TV>(Dy + at, left), a)), s);
                Simd.StorePart(Y + at, Accumulate ? Simd.Add(d, Simd.LoadPart<TV>(Y + at, left)) : d, left);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly TV Rstd<TV>(int c, int left) where TV : struct =>
            Simd.Divide(Simd.Create<TV>(1f), Simd.Sqrt(Simd.Add(Simd.LoadPart<TV>(Variance + c, left), Simd.Create<TV>(Epsilon))));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly TV GainOf<TV>(int c, int left) where TV : struct => Gain is null ? Simd.Create<TV>(1f) : Simd.LoadPart<TV>(Gain + c, left);
    }
}

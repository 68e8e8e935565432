using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Sums over the rows of a matrix: the gradient of a bias.</summary>
/// <remarks>
/// y[j] (+)= sum over i of x[i, j]. Layout: rows of C floats; a lane is a column. Rows are summed in blocks of 64 whose sums are
/// added in order, which keeps rounding small; a column is one thread's, so results do not depend on the number of threads.
/// Split over groups of 64 columns.
/// </remarks>
internal static unsafe class ColumnSumKernels
{
    internal const int RowsPerBlock = 64;
    private const int ColumnsPerPiece = 64;

    internal static void Run(ReadOnlySpan<float> x, int rows, int columns, Span<float> y, bool accumulate)
    {
        fixed (float* px = x, py = y)
        {
            Job job = new() { X = px, Y = py, Rows = rows, Columns = columns, Accumulate = accumulate };
            int pieces = (columns + ColumnsPerPiece - 1) / ColumnsPerPiece;
            // A fork pays from about 2^15 additions on.
            ForkJoin.Run(pieces, Math.Max(1, (1 << 14) / (ColumnsPerPiece * Math.Max(1, rows))), ref job);
        }
    }

    private struct Job : IRangeJob
    {
        internal float* X, Y;
        internal int Rows, Columns;
        internal bool Accumulate;

        public readonly void Run(int start, int end)
        {
            int first = start * ColumnsPerPiece, last = Math.Min(Columns, end * ColumnsPerPiece);
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(first, last); break;
                case KernelTier.Bits256: Run<Vector256<float>>(first, last); break;
                case KernelTier.Bits128: Run<Vector128<float>>(first, last); break;
                default: for (int j = first; j < last; j++) Column(j); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Run<TV>(int first, int last) where TV : struct
        {
            int lanes = Simd.Count<TV>(), j = first;
            for (; j <= last - 2 * lanes; j += 2 * lanes)
            {
                TV sum0 = default, sum1 = default;
                for (int block = 0; block < Rows; block += RowsPerBlock)
                {
                    TV part0 = default, part1 = default;
                    float* x = X + (nint)block * Columns + j;
                    for (int i = Math.Min(RowsPerBlock, Rows - block); i > 0; i--, x += Columns)
                    {
                        part0 = Simd.Add(part0, Simd.Load<TV>(x));
                        part1 = Simd.Add(part1, Simd.Load<TV>(x + lanes));
                    }
                    sum0 = Simd.Add(sum0, part0);
                    sum1 = Simd.Add(sum1, part1);
                }
                Simd.Store(Y + j, Accumulate ? Simd.Add(sum0, Simd.Load<TV>(Y + j)) : sum0);
                Simd.Store(Y + j + lanes, Accumulate ? Simd.Add(sum1, Simd.Load<TV>(Y + j + lanes)) : sum1);
            }
            for (; j < last; j++) Column(j);
        }

        private readonly void Column(int j)
        {
            float sum = 0;
            for (int block = 0; block < Rows; block += RowsPerBlock)
            {
                float part = 0;
                for (int i = block; i < Math.Min(Rows, block + RowsPerBlock); i++) part += X[(nint)i * Columns + j];
                sum += part;
            }
            Y[j] = Accumulate ? sum + Y[j] : sum;
        }
    }
}

/// <summary>The oracle: the definition, one column after the other.</summary>
internal static class ColumnSumReference
{
    internal static void Run<T>(ReadOnlySpan<T> x, int rows, int columns, Span<T> y, bool accumulate) where T : unmanaged, System.Numerics.INumber<T>
    {
        for (int j = 0; j < columns; j++)
        {
            T sum = T.Zero;
            for (int i = 0; i < rows; i++) sum += x[i * columns + j];
            y[j] = accumulate ? y[j] + sum : sum;
        }
    }
}

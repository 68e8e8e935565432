using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>What this machine's arithmetic and memory can do, measured: the yardstick that kernels are held against.</summary>
public static unsafe class MachineProbe
{
    /// <summary>The width of the vectors that the kernels use, in bits; 0 for plain loops.</summary>
    public static int VectorBits => (int)KernelTiers.Current;

    /// <summary>Which kernels are machine code made at run time, or why none are.</summary>
    public static string GeneratedKernels => Generated.GeneratedTiles.Description;

    /// <summary>The most multiply-adds that vectors of that width can do, in 10⁹ operations per second (two per multiply-add).</summary>
    /// <param name="threads">On how many threads at once.</param>
    /// <param name="seconds">How long to measure.</param>
    public static double PeakGigaflops(int threads, double seconds = 0.3)
    {
        double best = 0;
        long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < end)
        {
            (double operations, double time) = RunPeak(threads);
            best = Math.Max(best, operations / time / 1e9);
        }
        return best;
    }

    /// <summary>Keeps the multiply-add units of so many threads busy for about a millisecond: for comparisons in turns, where a best time would flatter.</summary>
    /// <returns>How many operations that were (two per multiply-add), and the seconds that they took.</returns>
    public static (double Operations, double Seconds) RunPeak(int threads)
    {
        PeakJob job = new() { Repeats = 200_000 };
        double seconds = Time(threads, ref job);
        return (threads * (double)job.Repeats * PeakJob.Chains * Math.Max(4, VectorBits / 32) * 2, seconds);
    }

    /// <summary>The rate of a linear map y = x Wᵀ, in 10⁹ operations per second (two per multiply-add).</summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="columns">Rows of W.</param>
    /// <param name="depth">Columns of both.</param>
    /// <param name="seconds">How long to measure.</param>
    /// <param name="precision">In which precision.</param>
    public static double ProductGigaflops(int rows = 1024, int columns = 1024, int depth = 1024, double seconds = 0.5, Precision precision = Precision.Float32)
    {
        float[] a = new float[rows * depth], b = new float[columns * depth], c = new float[rows * columns];
        a.AsSpan().Fill(1);
        b.AsSpan().Fill(0.5f);
        double best = double.PositiveInfinity;
        long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        do
        {
            long start = Stopwatch.GetTimestamp();
            MatrixProduct.Run(rows, columns, depth, a, depth, 1, b, 1, depth, c, columns, accumulate: false, precision: precision);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (Stopwatch.GetTimestamp() < end);
        return 2.0 * rows * columns * depth / best / 1e9;
    }

    /// <summary>How fast an array too large for the caches is read, in 10⁹ bytes per second.</summary>
    /// <param name="threads">On how many threads at once.</param>
    /// <param name="bytes">The array's size.</param>
    public static double ReadGigabytesPerSecond(int threads, int bytes = 1 << 28)
    {
        float[] data = GC.AllocateArray<float>(bytes / 4, pinned: true);
        data.AsSpan().Fill(1); // untouched pages would not be read from memory
        double best = double.PositiveInfinity;
        fixed (float* p = data)
        {
            for (int repeat = 0; repeat < 4; repeat++)
            {
                ReadJob job = new() { Data = p, Slice = bytes / 4 / threads };
                best = Math.Min(best, Time(threads, ref job));
            }
        }
        return bytes / best / 1e9;
    }

    private static double Time<TJob>(int threads, ref TJob job) where TJob : struct, IRangeJob
    {
        int before = ForkJoin.ThreadCount;
        ForkJoin.ThreadCount = threads;
        try
        {
            long start = Stopwatch.GetTimestamp();
            ForkJoin.Run(threads, 1, ref job);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }

    private struct PeakJob : IRangeJob
    {
        internal const int Chains = 12;
        internal int Repeats;

        public readonly void Run(int start, int end)
        {
            for (int i = start; i < end; i++)
            {
                float sum = KernelTiers.Current switch
                {
                    KernelTier.Bits512 => Chain<Vector512<float>>(Repeats),
                    KernelTier.Bits256 => Chain<Vector256<float>>(Repeats),
                    _ => Chain<Vector128<float>>(Repeats),
                };
                if (sum == 42) throw new InvalidOperationException(); // the sum is used, so it is computed
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Chain<TV>(int repeats) where TV : struct
        {
            TV x = Simd.Create<TV>(0.999f), y = Simd.Create<TV>(0.001f);
            TV a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
            for (int n = 0; n < repeats; n++)
            {
                a = Simd.MultiplyAdd(a, x, y);
                b = Simd.MultiplyAdd(b, x, y);
                c = Simd.MultiplyAdd(c, x, y);
                d = Simd.MultiplyAdd(d, x, y);
                e = Simd.MultiplyAdd(e, x, y);
                f = Simd.MultiplyAdd(f, x, y);
                g = Simd.MultiplyAdd(g, x, y);
                h = Simd.MultiplyAdd(h, x, y);
                i = Simd.MultiplyAdd(i, x, y);
                j = Simd.MultiplyAdd(j, x, y);
                k = Simd.MultiplyAdd(k, x, y);
                l = Simd.MultiplyAdd(l, x, y);
            }
            TV sum = Simd.Add(Simd.Add(Simd.Add(a, b), Simd.Add(c, d)), Simd.Add(Simd.Add(e, f), Simd.Add(g, h)));
            return Simd.Sum(Simd.Add(sum, Simd.Add(Simd.Add(i, j), Simd.Add(k, l))));
        }
    }

    private struct ReadJob : IRangeJob
    {
        internal float* Data;
        internal int Slice;

        public readonly void Run(int start, int end)
        {
            for (int i = start; i < end; i++)
                if (Sum(Data + (nint)i * Slice, Slice) == 42) throw new InvalidOperationException();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Sum(float* p, int count)
        {
            Vector256<float> a = default, b = default, c = default, d = default;
            for (int i = 0; i <= count - 32; i += 32)
            {
                a += Vector256.Load(p + i);
                b += Vector256.Load(p + i + 8);
                c += Vector256.Load(p + i + 16);
                d += Vector256.Load(p + i + 24);
            }
            return Vector256.Sum(a + b + c + d);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Weft.Tensors.Threading;

/// <summary>Work that can be cut into ranges. A local structure; its fields may be pointers.</summary>
public interface IRangeJob
{
    /// <summary>Does the items from start (inclusive) to end (exclusive). What it computes must not depend on where the cuts are.</summary>
    void Run(int start, int end);
}

/// <summary>Splits loops over the process's own worker threads.</summary>
/// <remarks>
/// <para>Kernels fork some hundred times a step, so a fork must cost about a microsecond and no memory. Workers spin for some
/// ten microseconds after a job, then yield, then sleep. A worker that the system has not scheduled in time simply does not
/// take part: the caller waits only for those that entered, so an oversubscribed machine slows down in proportion and no more.</para>
/// <para>Each participant begins with a range of its own and, when that is done, takes what is left of the others'. A core keeps what
/// neighbouring pieces share in its own cache, and what one loop wrote is mostly read by the same core in the next.</para>
/// <para>Work is split over outputs, never over a sum: results are the same bits for any number of threads.</para>
/// </remarks>
public static unsafe class ForkJoin
{
    private const int SpinsBeforeYield = 1500, YieldsBeforeSleep = 8;
    private const long Open = 1L << 15, EnteredMask = Open - 1;

    private static readonly Lock s_settings = new();
    private static readonly List<Worker> s_workers = [];
    private static int s_threadCount = DefaultThreadCount();
    private static int s_busy;

    // The job being run. s_gate = epoch << 16 | open bit | number of workers inside.
    private static long s_gate;
    private static delegate*<void*, int, int, void> s_invoke;
    private static void* s_job;
    private static int s_count, s_grain, s_parts;

    // The next item of each participant's range, on cache lines of their own.
    private const int NextStride = 32;
    private static int[] s_next = new int[NextStride];
    private static ExceptionDispatchInfo? s_failure;

    [ThreadStatic] private static bool t_inside;

    /// <summary>How many threads work on a loop, the caller included. Default: WEFT_THREADS, else the number of processors.</summary>
    public static int ThreadCount
    {
        get => s_threadCount;
        set
        {
            if (value is < 1 or > 1024) throw new ArgumentOutOfRangeException(nameof(value), $"threads {value} must be between 1 and 1024.");
            s_threadCount = value;
        }
    }

    /// <summary>Runs a job over the items 0 to count, in pieces of at least <paramref name="grain"/> items.</summary>
    /// <exception cref="Exception">What the job threw, on whichever thread.</exception>
    public static void Run<TJob>(int count, int grain, ref TJob job) where TJob : struct, IRangeJob
    {
        if (count <= 0) return;
        grain = Math.Max(1, grain);
        if (count <= grain || s_threadCount == 1 || t_inside || !CanThread || Interlocked.CompareExchange(ref s_busy, 1, 0) != 0)
        {
            job.Run(0, count);
            return;
        }
        TJob copy = job; // on this stack for the whole call, so its address holds
        ExceptionDispatchInfo? failure = null;
        try
        {
            Fork(&Invoke<TJob>, Unsafe.AsPointer(ref copy), count, grain);
            failure = s_failure; // before another caller may begin and clear it
        }
        finally
        {
            s_failure = null;
            Volatile.Write(ref s_busy, 0);
        }
        failure?.Throw();
    }

    private static bool CanThread => !OperatingSystem.IsBrowser();

    private static void Invoke<TJob>(void* job, int start, int end) where TJob : struct, IRangeJob => Unsafe.AsRef<TJob>(job).Run(start, end);

    private static void Fork(delegate*<void*, int, int, void> invoke, void* job, int count, int grain)
    {
        int helpers = Math.Min(s_threadCount - 1, (count - 1) / grain);
        EnsureWorkers(helpers);
        s_invoke = invoke;
        s_job = job;
        (s_count, s_grain, s_parts, s_failure) = (count, grain, helpers + 1, null);
        for (int part = 0; part <= helpers; part++) s_next[part * NextStride] = (int)First(part);
        Volatile.Write(ref s_gate, ((s_gate >> 16) + 1 << 16) | Open);
        Interlocked.MemoryBarrier();
        for (int i = 0; i < helpers; i++) s_workers[i].Wake();

        Work(0);

        Interlocked.And(ref s_gate, ~Open); // nobody enters any more
        int spins = 0;
        while ((Volatile.Read(ref s_gate) & EnteredMask) != 0)
        {
            if (++spins < SpinsBeforeYield) Thread.SpinWait(8);
            else Thread.Yield();
        }
    }

    // Where a participant's range begins: the pieces are shared out evenly.
    private static long First(int part) => ((long)s_count + s_grain - 1) / s_grain * part / s_parts * s_grain;

    private static void Work(int self)
    {
        t_inside = true;
        try
        {
            for (int turn = 0; turn < s_parts; turn++)
            {
                int part = (self + turn) % s_parts, end = (int)Math.Min(s_count, First(part + 1));
                ref int next = ref s_next[part * NextStride];
                while (Volatile.Read(ref next) < end)
                {
                    int start = Interlocked.Add(ref next, s_grain) - s_grain;
                    if (start >= end || start < 0) break;
                    s_invoke(s_job, start, (int)Math.Min((long)start + s_grain, end));
                }
            }
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref s_failure, ExceptionDispatchInfo.Capture(exception), null);
            for (int part = 0; part < s_parts; part++) Volatile.Write(ref s_next[part * NextStride], int.MaxValue / 2); // the others stop at their next piece
        }
        finally
        {
            t_inside = false;
        }
    }

    private static void EnsureWorkers(int count)
    {
        if (s_workers.Count >= count) return;
        lock (s_settings)
        {
            while (s_workers.Count < count) s_workers.Add(new Worker(s_workers.Count));
            s_next = new int[(count + 1) * NextStride];
        }
    }

    private static int DefaultThreadCount() =>
        int.TryParse(Environment.GetEnvironmentVariable("WEFT_THREADS"), out int threads) && threads is >= 1 and <= 1024 ? threads : Environment.ProcessorCount;

    private sealed class Worker
    {
        private readonly AutoResetEvent _wake = new(false);
        private readonly int _index;
        private int _asleep;

        internal Worker(int index)
        {
            _index = index;
            new Thread(Loop, 256 * 1024) { IsBackground = true, Name = $"Weft worker {index + 1}" }.Start();
        }

        internal void Wake()
        {
            if (Volatile.Read(ref _asleep) != 0) _wake.Set();
        }

        private void Loop()
        {
            long seen = 0;
            int spins = 0, yields = 0;
            while (true)
            {
                long gate = Volatile.Read(ref s_gate);
                if ((gate & Open) != 0 && gate >> 16 != seen && _index < s_threadCount - 1)
                {
                    if (Interlocked.CompareExchange(ref s_gate, gate + 1, gate) != gate) continue;
                    seen = gate >> 16;
                    Work(_index + 1);
                    Interlocked.Decrement(ref s_gate);
                    (spins, yields) = (0, 0);
                    continue;
                }
                if (++spins < SpinsBeforeYield)
                {
                    Thread.SpinWait(8);
                }
                else if (++yields < YieldsBeforeSleep)
                {
                    Thread.Yield();
                }
                else
                {
                    Volatile.Write(ref _asleep, 1);
                    Interlocked.MemoryBarrier();
                    gate = Volatile.Read(ref s_gate);
                    if ((gate & Open) == 0 || gate >> 16 == seen || _index >= s_threadCount - 1) _wake.WaitOne();
                    Volatile.Write(ref _asleep, 0);
                    (spins, yields) = (0, 0);
                }
            }
        }
    }
}

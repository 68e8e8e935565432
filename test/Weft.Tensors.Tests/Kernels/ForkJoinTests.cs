using System.Diagnostics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Tests.Kernels;

public sealed class ForkJoinTests
{
    private unsafe struct CountJob : IRangeJob
    {
        internal int* Counts;
        internal int FailsAt;

        public readonly void Run(int start, int end)
        {
            for (int i = start; i < end; i++)
            {
                if (i == FailsAt) throw new InvalidDataException($"item {i}");
                Interlocked.Increment(ref Counts[i]);
            }
        }
    }

    private struct NestedJob : IRangeJob
    {
        public readonly void Run(int start, int end)
        {
            for (int i = start; i < end; i++) CountAll(50, 3);
        }
    }

    private static unsafe void CountAll(int count, int grain)
    {
        int[] counts = new int[count];
        fixed (int* p = counts)
        {
            CountJob job = new() { Counts = p, FailsAt = -1 };
            ForkJoin.Run(count, grain, ref job);
        }
        Assert.All(counts, static c => Assert.Equal(1, c));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(1000, 1)]
    [InlineData(1000, 7)]
    [InlineData(1000, 2000)]
    [InlineData(3, 2)]
    [InlineData(17, 8)]
    public void Run_VisitsEveryItemOnce(int count, int grain) => CountAll(count, grain);

    [Fact]
    public unsafe void Run_WhenAnItemThrows_PassesTheExceptionOn_AndWorksAgain()
    {
        int[] counts = new int[500];
        fixed (int* p = counts)
        {
            CountJob job = new() { Counts = p, FailsAt = 123 };
            InvalidDataException? caught = null;
            try
            {
                ForkJoin.Run(500, 1, ref job);
            }
            catch (InvalidDataException exception)
            {
                caught = exception;
            }
            Assert.Equal("item 123", caught?.Message);
        }
        CountAll(500, 1);
    }

    [Fact]
    public void Run_InsideARun_VisitsEveryItemOnce()
    {
        NestedJob job = default;
        ForkJoin.Run(20, 1, ref job);
    }

    // The first item takes until all others are done, by whichever thread.
    private unsafe struct WaitingJob : IRangeJob
    {
        internal const int Count = 40;
        internal int* Done;
        internal bool* Forked;

        public readonly void Run(int start, int end)
        {
            *Forked = end - start == 1;
            if (start == 0 && *Forked) SpinWait.SpinUntil(Others, TimeSpan.FromSeconds(20));
            Interlocked.Add(ref *Done, end - start);
        }

        private readonly bool Others() => Volatile.Read(ref *Done) == Count - 1;
    }

    [Fact]
    public unsafe void Run_WhenOnePieceTakesLong_OthersTakeTheRestOfItsRange()
    {
        int before = ForkJoin.ThreadCount, done = 0;
        bool forked = false;
        try
        {
            ForkJoin.ThreadCount = 2;
            for (int tries = 0; tries < 1000 && !forked; tries++) // while another test's loop runs, this one runs on its own thread
            {
                done = 0;
                WaitingJob job = new() { Done = &done, Forked = &forked };
                long start = Stopwatch.GetTimestamp();
                ForkJoin.Run(WaitingJob.Count, 1, ref job);
                Assert.Equal(WaitingJob.Count, done);
                if (forked) Assert.True(Stopwatch.GetElapsedTime(start).TotalSeconds < 20, "the first thread's range was left to it.");
                else Thread.Sleep(1);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
        Assert.True(forked);
    }

    [Fact]
    public void Run_FromManyThreadsAtOnce_VisitsEveryItemOnce()
    {
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, 6).Select(_ => new Thread(() =>
        {
            try
            {
                for (int i = 0; i < 300; i++) CountAll(100 + i % 7, 1 + i % 3);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Null(failure);
    }

    [Fact]
    public void Run_WithChangingNumbersOfThreads_VisitsEveryItemOnce()
    {
        int before = ForkJoin.ThreadCount;
        try
        {
            for (int i = 0; i < 400; i++)
            {
                ForkJoin.ThreadCount = 1 + i % 9; // up to several times the processors
                CountAll(64, 1);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }
}

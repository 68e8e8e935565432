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

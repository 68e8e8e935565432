using System.Text;
using Weft.Tensors.Files;
using Weft.Training.Runs;

namespace Weft.Training.Tests.Runs;

public sealed class MetricsLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-metrics-").FullName;

    private string LogPath => Path.Combine(_folder, "metrics.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Append_AllMeasures_WritesOneReadableLine()
    {
        using (MetricsLog log = MetricsLog.Create(LogPath))
        {
            log.Append(new MetricPoint { Step = 1, Tokens = 2048, Loss = 4.25, LearningRate = 3e-4, GradientNorm = 1.5, TokensPerSecond = 1000, Seconds = 2.5 }, [new("reward_margin", 0.5)]);
            log.Append(new MetricPoint { Step = 2, ValidationLoss = 4 });
        }
        Assert.Equal(
            """
            {"step":1,"tokens":2048,"loss":4.25,"learning_rate":0.0003,"gradient_norm":1.5,"tokens_per_second":1000,"seconds":2.5,"reward_margin":0.5}
            {"step":2,"validation_loss":4}

            """.ReplaceLineEndings("\n"), File.ReadAllText(LogPath));
    }

    [Fact]
    public void Read_WhatWasAppended_IsTheSameBits()
    {
        MetricPoint[] points =
        [
            new() { Step = 1, Loss = 0.1 + 0.2, LearningRate = double.Epsilon, Tokens = long.MaxValue },
            new() { Step = 2, Loss = double.NaN, GradientNorm = double.PositiveInfinity, ValidationLoss = double.NegativeInfinity },
            new() { Step = 3 },
            new() { Step = 4, Tokens = 1, Loss = 1, ValidationLoss = 2, LearningRate = 3, GradientNorm = 4, TokensPerSecond = 5, Seconds = 6 },
        ];
        using (MetricsLog log = MetricsLog.Create(LogPath))
            foreach (MetricPoint point in points) log.Append(point, [new("kl", point.Step * 0.5)]);

        MetricHistory history = MetricsLog.Read(LogPath);
        Assert.Equal(points, history.Points);
        Assert.Equal([(1, 0.5), (2, 1), (3, 1.5), (4, 2)], history.Other["kl"]);
    }

    [Fact]
    public void Read_WhileTheLogIsOpen_SeesEveryLine()
    {
        using MetricsLog log = MetricsLog.Create(LogPath);
        for (int step = 1; step <= 3; step++)
        {
            log.Append(new MetricPoint { Step = step });
            Assert.Equal(step, MetricsLog.Read(LogPath).Points.Count);
        }
    }

    [Fact]
    public void Resume_AfterACheckpoint_KeepsItsStepAndDropsLaterOnes()
    {
        using (MetricsLog log = MetricsLog.Create(LogPath))
            for (int step = 1; step <= 10; step++) log.Append(new MetricPoint { Step = step, Loss = step });

        using (MetricsLog log = MetricsLog.Resume(LogPath, step: 6))
            log.Append(new MetricPoint { Step = 7, Loss = 70 });

        Assert.Equal([1, 2, 3, 4, 5, 6, 70], MetricsLog.Read(LogPath).Points.Select(p => p.Loss!.Value));
    }

    [Fact]
    public void Resume_LogCutAtEveryByte_KeepsTheWholeLines()
    {
        using (MetricsLog log = MetricsLog.Create(LogPath))
            for (int step = 1; step <= 4; step++) log.Append(new MetricPoint { Step = step, Loss = 1.0 / step });
        byte[] whole = File.ReadAllBytes(LogPath);

        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(LogPath, whole[..length]);
            int lines = whole.AsSpan(0, length).Count((byte)'\n');
            Assert.Equal(lines, MetricsLog.Read(LogPath).Points.Count);
            using (MetricsLog log = MetricsLog.Resume(LogPath, step: 100)) log.Append(new MetricPoint { Step = 101 });
            Assert.Equal([.. Enumerable.Range(1, lines), 101], MetricsLog.Read(LogPath).Points.Select(p => (int)p.Step));
        }
    }

    [Fact]
    public void Resume_TornLineOfZeros_IsDropped()
    {
        // What a machine's failure can leave behind: the file's length was written, its last block was not.
        File.WriteAllBytes(LogPath, [.. "{\"step\":1}\n"u8, .. new byte[100]]);
        using (MetricsLog log = MetricsLog.Resume(LogPath, step: 1)) log.Append(new MetricPoint { Step = 2 });
        Assert.Equal("{\"step\":1}\n{\"step\":2}\n", File.ReadAllText(LogPath));
    }

    [Fact]
    public void Resume_NoLog_StartsOne()
    {
        using (MetricsLog log = MetricsLog.Resume(LogPath, step: 5)) log.Append(new MetricPoint { Step = 6 });
        Assert.Single(MetricsLog.Read(LogPath).Points);
    }

    [Theory]
    [InlineData("hello\n", 0)]
    [InlineData("{\"step\":1}\n{\"step\":}\n", 11)]
    [InlineData("{\"step\":1}\n\n", 11)]
    [InlineData("{\"loss\":1}\n", 0)]
    [InlineData("{\"step\":1.5}\n", 0)]
    [InlineData("{\"step\":\"1\"}\n", 0)]
    [InlineData("{\"step\":1}{\"step\":2}\n", 0)]
    [InlineData("[1]\n", 0)]
    public void Read_CompleteLineThatIsNotOne_NamesTheByte(string text, long offset)
    {
        File.WriteAllText(LogPath, text);
        WeftFileException exception = Assert.Throws<WeftFileException>(() => MetricsLog.Read(LogPath));
        Assert.Equal(offset, exception.ByteOffset);
        Assert.Throws<WeftFileException>(() => MetricsLog.Resume(LogPath, step: 100));
        Assert.Equal(text, File.ReadAllText(LogPath)); // Nothing was cut from a file that is not understood.
    }

    [Fact]
    public void Read_LongLog_CrossesTheReadersBuffer()
    {
        // About 10,000 * 60 bytes are several buffers of 64 KiB.
        using (MetricsLog log = MetricsLog.Create(LogPath))
            for (int step = 1; step <= 10_000; step++) log.Append(new MetricPoint { Step = step, Loss = Math.Sin(step), Tokens = step * 512L });
        MetricHistory history = MetricsLog.Read(LogPath);
        Assert.Equal(10_000, history.Points.Count);
        for (int i = 0; i < 10_000; i++) Assert.Equal(Math.Sin(i + 1), history.Points[i].Loss);
    }

    [Fact]
    public void Read_LineWithoutEnd_IsBounded()
    {
        File.WriteAllBytes(LogPath, Encoding.ASCII.GetBytes(new string('x', 3 << 20)));
        Assert.Throws<WeftFileException>(() => MetricsLog.Read(LogPath));
    }

    [Fact]
    public void Append_SteadyState_AllocatesNothing()
    {
        using MetricsLog log = MetricsLog.Create(LogPath);
        NamedValue[] other = [new("kl", 0.25)];
        void Steps(int first, int count)
        {
            for (int step = first; step < first + count; step++)
                log.Append(new MetricPoint { Step = step, Tokens = step * 512L, Loss = Math.Sin(step), ValidationLoss = double.NaN, LearningRate = 3e-4, GradientNorm = 1.0 / step, TokensPerSecond = 12345.678, Seconds = step * 0.1 }, other);
        }
        Steps(1, 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Steps(101, 1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}

using System.Diagnostics;
using Weft.Tensors.Files;
using Weft.Training.Runs;

namespace Weft.Cli.Tests;

/// <summary>A run that was killed, interrupted or computed on other numbers of threads ends with the same bits.</summary>
public sealed class ResumeTests
{
    private const int Steps = 240;

    // Everything that carries state from step to step: dropout, accumulation, moments, measurements.
    private static readonly string[] s_settings =
    [
        "--set", "tokenizer=character", "--set", "hiddenSize=24", "--set", "blockCount=2", "--set", "headCount=2", "--set", "contextLength=24", "--set", "batchSize=3",
        "--set", "dropout=0.1", "--set", "accumulationSteps=2", "--set", "evaluationInterval=30", "--set", "evaluationRows=8", "--set", "checkpointInterval=7", "--set", "sampleInterval=50",
        "--set", "sampleTokens=20", "--set", "logInterval=1", "--set", "learningRate=0.01", "--set", "minimumLearningRate=0.001",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Run_KilledAtRandomSteps_EndsAsTheUninterruptedOne(int threads)
    {
        using TemporaryFolder folder = new();
        WriteText(folder["text.txt"]);
        string[] common = ["--steps", $"{Steps}", "--threads", $"{threads}"];
        Assert.Equal(0, WeftProcess.Run(folder.Path, ["train", "text.txt", "--out", "whole", .. common, .. s_settings]).ExitCode);

        Random random = new(threads);
        int kills = 0;
        WeftProcess process = WeftProcess.Start(folder.Path, ["train", "text.txt", "--out", "killed", .. common, .. s_settings]);
        while (kills < 4)
        {
            WaitForSteps(folder["killed", "metrics.jsonl"], process, Steps * (kills + 1) / 6 + random.Next(Steps / 8));
            if (process.HasExited) break;
            process.Kill();
            kills++;
            process.Dispose();
            process = WeftProcess.Start(folder.Path, "train", "--resume", "--out", "killed", "--threads", $"{threads}");
        }
        (int exitCode, _, string errors) = process.Wait();
        process.Dispose();
        Assert.Equal("", errors);
        Assert.Equal(0, exitCode);
        Assert.True(kills > 0, "The run was over before it could be killed.");
        AssertSame(folder["whole"], folder["killed"]);
    }

    [Fact]
    public void Run_OnOtherNumbersOfThreads_EndsWithTheSameBits()
    {
        using TemporaryFolder folder = new();
        WriteText(folder["text.txt"]);
        foreach (int threads in (int[])[1, 2, 4])
            Assert.Equal(0, WeftProcess.Run(folder.Path, ["train", "text.txt", "--out", $"t{threads}", "--steps", "60", "--threads", $"{threads}", .. s_settings]).ExitCode);
        AssertSame(folder["t1"], folder["t2"]);
        AssertSame(folder["t1"], folder["t4"]);
    }

    [Fact]
    public void Run_Interrupted_SavesSaysHowToGoOnAndEndsAsTheUninterruptedOne()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Needs POSIX signals.");
        using TemporaryFolder folder = new();
        WriteText(folder["text.txt"]);
        string[] common = ["--steps", $"{Steps}", "--threads", "2"];
        Assert.Equal(0, WeftProcess.Run(folder.Path, ["train", "text.txt", "--out", "whole", .. common, .. s_settings]).ExitCode);
        using WeftProcess process = WeftProcess.Start(folder.Path, ["train", "text.txt", "--out", "stopped", .. common, .. s_settings]);
        WaitForSteps(folder["stopped", "metrics.jsonl"], process, 20);
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) kill.WaitForExit();
        (int exitCode, string output, string errors) = process.Wait();
        Assert.Equal("", errors);
        Assert.Equal(130, exitCode);
        Assert.Contains("--resume --out stopped", output, StringComparison.Ordinal);
        Assert.Equal(0, WeftProcess.Run(folder.Path, "train", "--resume", "--out", "stopped").ExitCode);
        AssertSame(folder["whole"], folder["stopped"]);
    }

    private static void WaitForSteps(string metrics, WeftProcess process, long steps)
    {
        while (!process.HasExited)
        {
            if (File.Exists(metrics) && MetricsLog.Read(metrics).Points.Any(p => p.Step >= steps)) return;
            Thread.Sleep(5);
        }
    }

    // Weights and both moments bit for bit, and the same losses in the log.
    private static void AssertSame(string expected, string actual)
    {
        using SafetensorsFile a = SafetensorsFile.Open(Path.Combine(expected, "checkpoint.safetensors")), b = SafetensorsFile.Open(Path.Combine(actual, "checkpoint.safetensors"));
        Assert.Equal(a.Entries.Keys, b.Entries.Keys);
        foreach ((string name, SafetensorsEntry entry) in a.Entries)
        {
            byte[] x = new byte[entry.ByteLength], y = new byte[entry.ByteLength];
            a.Read(entry, x);
            b.Read(b.Entries[name], y);
            Assert.True(x.AsSpan().SequenceEqual(y), $"{name} differs.");
        }
        foreach (string key in (string[])["step", "optimizer_step", "dropout_position", "best_loss", "best_step"]) Assert.Equal(a.Metadata[key], b.Metadata[key]);
        Assert.Equal(Losses(expected), Losses(actual));
    }

    private static (long, double?, double?)[] Losses(string run) => [.. MetricsLog.Read(Path.Combine(run, "metrics.jsonl")).Points.Select(static p => (p.Step, p.Loss, p.ValidationLoss))];

    private static void WriteText(string path)
    {
        Random random = new(5);
        File.WriteAllText(path, string.Concat(Enumerable.Range(0, 4000).Select(_ => "the cat sat on a mat, and so did I. ".Split(' ')[random.Next(10)] + " ")));
    }
}

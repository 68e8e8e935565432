using System.Text;

namespace Weft.Cli.Tests;

/// <summary>A wrong word or a broken file gives one clear line and the right exit code, and loses nothing.</summary>
public sealed class BadInputTests : IDisposable
{
    private static readonly string[] s_small =
    [
        "--set", "tokenizer=character", "--set", "hiddenSize=8", "--set", "blockCount=1", "--set", "headCount=1", "--set", "contextLength=8", "--set", "batchSize=1",
        "--set", "evaluationRows=2", "--set", "sampleInterval=0", "--steps", "6", "--threads", "1",
    ];

    private readonly TemporaryFolder _folder = new();

    public BadInputTests()
    {
        File.WriteAllText(_folder["ok.txt"], string.Concat(Enumerable.Repeat("the cat sat on the mat. ", 60)));
        File.WriteAllText(_folder["empty.txt"], "");
        File.WriteAllText(_folder["short.txt"], "hello");
        File.WriteAllBytes(_folder["binary.bin"], [1, 2, 0, 3]);
        File.WriteAllBytes(_folder["latin.txt"], [.. Encoding.ASCII.GetBytes("abc"), 0xFF, 0xFE]);
        File.WriteAllText(_folder["unknown.json"], """{ "hiddenSiz": 8 }""");
        File.WriteAllText(_folder["wrong.json"], """{ "hiddenSize": "wide" }""");
        File.WriteAllText(_folder["broken.json"], "{");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, "there is no such file", "train", "missing.txt")]
    [InlineData(1, "is empty", "train", "empty.txt")]
    [InlineData(1, "binary", "train", "binary.bin")]
    [InlineData(1, "not UTF-8", "train", "latin.txt")]
    [InlineData(1, "contextLength", "train", "short.txt", "--set", "tokenizer=character")]
    [InlineData(1, "no file matches", "train", "none/*.txt")]
    [InlineData(1, "'hiddenSize'?", "train", "ok.txt", "--config", "unknown.json")]
    [InlineData(1, "must be a whole number", "train", "ok.txt", "--config", "wrong.json")]
    [InlineData(1, "not valid JSON", "train", "ok.txt", "--config", "broken.json")]
    [InlineData(2, "'hiddenSize'?", "train", "ok.txt", "--set", "hidenSize=8")]
    [InlineData(2, "key=value", "train", "ok.txt", "--set", "hiddenSize")]
    [InlineData(2, "must divide", "train", "ok.txt", "--set", "headCount=7")]
    [InlineData(2, "there are stories", "train", "ok.txt", "--preset", "tales")]
    [InlineData(2, "needs a text", "train", "--preset", "nanogpt-shakespeare-cpu")]
    [InlineData(2, "steps 0", "train", "ok.txt", "--steps", "0")]
    [InlineData(2, "--steps", "train", "ok.txt", "--steps", "many")]
    [InlineData(2, "exclude", "train", "ok.txt", "--steps", "5", "--minutes", "1")]
    [InlineData(2, "'--steps'?", "train", "--stpes", "3")]
    [InlineData(2, "'--steps'?", "train", "--stpes")]
    [InlineData(2, "threads 0", "train", "ok.txt", "--threads", "0")]
    [InlineData(1, "is a file", "train", "ok.txt", "--out", "short.txt/run")]
    [InlineData(1, "holds no run", "train", "--resume", "--out", "nothing")]
    [InlineData(2, "did you mean 'train'", "trian")]
    [InlineData(1, "there is no such file or folder", "generate", "nothing")]
    [InlineData(2, "There is no run", "generate")]
    [InlineData(2, "top-p", "generate", "--top-p", "2")]
    [InlineData(2, "no experiment", "reproduce", "perpetual-motion")]
    [InlineData(2, "does not name a model", "pull", "gpt2")]
    [InlineData(2, "'first-step'", "bench", "--only", "nothing")]
    public void Command_WithBadInput_SaysSoInOneLine(int exitCode, string says, params string[] arguments)
    {
        (int code, _, string errors) = WeftProcess.Run(_folder.Path, arguments);
        Assert.Equal(exitCode, code);
        AssertOneLine(errors, says);
        Assert.False(Directory.Exists(_folder["runs"]), "A run that never began left a folder behind.");
    }

    [Fact]
    public void Resume_WithChangedSettingsOrText_IsRefusedAndLosesNothing()
    {
        Assert.Equal(0, WeftProcess.Run(_folder.Path, ["train", "ok.txt", "--out", "run", .. s_small]).ExitCode);
        byte[] before = File.ReadAllBytes(_folder["run", "checkpoint.safetensors"]);
        File.WriteAllText(_folder["other.txt"], string.Concat(Enumerable.Repeat("the mat sat on the cat. ", 60)));
        foreach ((int exitCode, string says, string[] arguments) in ((int, string, string[])[])
        [
            (2, "hiddenSize was 8", ["train", "--resume", "--out", "run", "--set", "hiddenSize=16"]),
            (2, "seed was 1337", ["train", "--resume", "--out", "run", "--seed", "2"]),
            (1, "another text", ["train", "other.txt", "--resume", "--out", "run", "--steps", "9"]),
            (2, "already holds a run", ["train", "ok.txt", "--out", "run"]),
            (2, "--preset belongs", ["train", "--resume", "--out", "run", "--preset", "text"]),
        ])
        {
            (int code, _, string errors) = WeftProcess.Run(_folder.Path, arguments);
            Assert.Equal(exitCode, code);
            AssertOneLine(errors, says);
            Assert.Equal(before, File.ReadAllBytes(_folder["run", "checkpoint.safetensors"]));
        }
    }

    [Fact]
    public void Files_CutOffOrDamaged_AreRefusedByName()
    {
        Assert.Equal(0, WeftProcess.Run(_folder.Path, ["train", "ok.txt", "--out", "run", .. s_small]).ExitCode);
        foreach ((string file, string[] command) in ((string, string[])[])
        [
            ("checkpoint.safetensors", ["train", "--resume", "--out", "run", "--steps", "9"]),
            ("training.json", ["train", "--resume", "--out", "run", "--steps", "9"]),
            ("source.json", ["train", "--resume", "--out", "run", "--steps", "9"]),
            (Path.Combine("model", "model.safetensors"), ["generate", "run"]),
            (Path.Combine("model", "config.json"), ["generate", "run"]),
            (Path.Combine("model", "tokenizer.json"), ["generate", "run"]),
        ])
        {
            string path = _folder["run", file];
            byte[] whole = File.ReadAllBytes(path);
            foreach (int length in (int[])[0, 5, whole.Length / 2, whole.Length - 2])
            {
                File.WriteAllBytes(path, whole[..length]);
                (int code, _, string errors) = WeftProcess.Run(_folder.Path, command);
                Assert.Equal(1, code);
                AssertOneLine(errors, Path.GetFileName(file));
                Assert.Equal(length, new FileInfo(path).Length);
            }
            File.WriteAllBytes(path, whole);
        }
    }

    [Fact]
    public void Disk_ThatIsFull_StopsTheRunAndKeepsTheLastCheckpoint()
    {
        // A limit on the size of files stands for a full disk: writes fail in the same place.
        if (OperatingSystem.IsWindows()) Assert.Skip("Needs a shell's file size limit.");
        Assert.Equal(0, WeftProcess.Run(_folder.Path, ["train", "ok.txt", "--out", "run", .. s_small]).ExitCode);
        byte[] before = File.ReadAllBytes(_folder["run", "checkpoint.safetensors"]);
        string dll = Path.Combine(AppContext.BaseDirectory, "weft.dll");
        System.Diagnostics.ProcessStartInfo start = new("bash") { WorkingDirectory = _folder.Path, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string argument in (string[])["-c", $"trap '' XFSZ; ulimit -f 2; exec env DOTNET_EnableWriteXorExecute=0 dotnet '{dll}' train --resume --out run --steps 12"]) start.ArgumentList.Add(argument);
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        AssertOneLine(errors, "run");
        Assert.Equal(before, File.ReadAllBytes(_folder["run", "checkpoint.safetensors"]));
        Assert.Empty(Directory.EnumerateFiles(_folder["run"], "*.tmp", SearchOption.AllDirectories));
        _ = output.Result;
        Assert.Equal(0, WeftProcess.Run(_folder.Path, "train", "--resume", "--out", "run", "--steps", "12").ExitCode);
    }

    private static void AssertOneLine(string errors, string says)
    {
        string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("weft: ", line, StringComparison.Ordinal);
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_Keys_ListsTheOptionsOfTheOptimizerThatIsSet()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string errors) = WeftProcess.Run(folder.Path, "train", "--keys", "--set", "optimizer=lion");
        Assert.True(code == 0, errors);
        Assert.Contains("Options of lion (--set optimizerOptions=name=value,name=value): beta1=0.9, beta2=0.99", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_FromAFileOfAFolder_NamesTheFolder()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["pytorch_model.bin"], "PK");
        (int code, _, string errors) = WeftProcess.Run(folder.Path, "generate", "pytorch_model.bin");
        Assert.Equal(2, code);
        Assert.StartsWith("weft: pytorch_model.bin is a part of a model's folder, which is read as a whole: name the folder, ", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }
}

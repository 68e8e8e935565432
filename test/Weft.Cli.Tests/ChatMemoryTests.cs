using System.Diagnostics;

namespace Weft.Cli.Tests;

/// <summary>A chat holds its weights once: in the mapped file where they are used as they are stored, else in the type that it computes in.</summary>
public sealed class ChatMemoryTests
{
    // What a chat needs whatever the format: the runtime and its compiled code, 49,152 tokens with their merges, scratch of products. Measured: 112 MB.
    private const long Apart = 125_000_000;

    private static string Model => SharedFolder.Require("models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");

    [Theory]
    [InlineData("int8")]
    [InlineData("float32")]
    public void Chat_AfterItsFirstAnswer_HoldsATenthMoreThanTheWeightsAtMost(string path)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Reads /proc.");
        const long Parameters = 134_515_008; // as weft info counts them
        long weights = path == "int8" ? new FileInfo(Model).Length : Parameters * sizeof(float);
        long peak = Peak(path == "int8" ? ["chat", Model, "--max-tokens", "2"] : ["chat", Model, "--max-tokens", "2", "--exact"]);
        TestContext.Current.TestOutputHelper?.WriteLine($"{path}: peak {peak / 1e6:F0} MB for {weights / 1e6:F0} MB of weights");
        Assert.InRange(peak, weights, weights * 11 / 10 + Apart);
    }

    // The most memory that a chat had, file pages included, when its first answer was there.
    private static long Peak(string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "weft.dll"), .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })!;
        process.StandardInput.WriteLine("Hello");
        process.StandardInput.Flush();
        Assert.NotEqual("", process.StandardOutput.ReadLine());
        string line = File.ReadLines($"/proc/{process.Id}/status").Single(static l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        process.StandardInput.Close();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }
}

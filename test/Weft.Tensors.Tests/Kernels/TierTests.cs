using System.Diagnostics;

namespace Weft.Tensors.Tests.Kernels;

/// <summary>Runs the kernel tests again in processes that may use only other instructions.</summary>
public sealed class TierTests
{
    private const string Marker = "WEFT_TIER_TEST";

    [Theory]
    [InlineData("WEFT_KERNELS", "256")]
    [InlineData("WEFT_KERNELS", "128")]
    [InlineData("WEFT_KERNELS", "scalar")]
    [InlineData("WEFT_GENERATED", "1")]
    [InlineData("WEFT_GENERATED", "0")]
    [InlineData("DOTNET_EnableAVX512", "0")]
    [InlineData("DOTNET_EnableAVX2", "0")]
    [InlineData("DOTNET_EnableHWIntrinsic", "0")]
    public void KernelTests_OnAnotherTier_Pass(string variable, string value)
    {
        if (Environment.GetEnvironmentVariable(Marker) is not null) return; // this is such a process
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[typeof(TierTests).Assembly.Location, "-class", "*KernelTests", "-noColor"]) start.ArgumentList.Add(argument);
        start.Environment[variable] = value;
        start.Environment[Marker] = "1";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{variable}={value}: {output}{errors.Result}");
    }
}

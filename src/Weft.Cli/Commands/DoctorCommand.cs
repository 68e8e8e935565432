using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Spectre.Console;
using Weft.Tensors;
using Weft.Tensors.Kernels;
using Weft.Tensors.Threading;
using Weft.Training.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft doctor</c>: what this machine has, how fast it is, and what is missing.</summary>
internal static class DoctorCommand
{
    internal static Command Create()
    {
        Option<int?> threads = Shared.Threads();
        Command command = new("doctor", "Show the CPU, instruction tiers, threads, and measured speed; say what is missing.") { threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            Show();
        });
        return command.WithExamples("weft doctor", "WEFT_KERNELS=256 weft doctor");
    }

    private static void Show()
    {
        int threads = ForkJoin.ThreadCount;
        Table table = new() { Border = TableBorder.Rounded, ShowHeaders = false };
        table.AddColumns("what", "value");
        foreach ((string key, string value) in MachineDescription.Collect()) table.AddRow(Markup.Escape(key), Markup.Escape(value));
        table.AddRow("Threads used", $"{threads}");
        table.AddRow("Kernels", MachineProbe.VectorBits == 0 ? "plain loops" : $"vectors of {MachineProbe.VectorBits} bits");
        table.AddRow("Generated kernels", Markup.Escape(MachineProbe.GeneratedKernels));
        double one = MachineProbe.PeakGigaflops(1), all = threads == 1 ? one : MachineProbe.PeakGigaflops(threads), product = Warm(() => MachineProbe.ProductGigaflops());
        table.AddRow("Multiply-add peak, float32", Invariant($"{one:F0} GFLOP/s on one thread, {all:F0} on {threads}"));
        table.AddRow("Matrix product 1024³", Invariant($"{product:F0} GFLOP/s ({product / all:P0} of the peak)"));
        table.AddRow("Matrix product 1024³, bf16", Invariant($"{Warm(static () => MachineProbe.ProductGigaflops(precision: Precision.Bf16)):F0} GFLOP/s"));
        table.AddRow("Memory read", Invariant($"{MachineProbe.ReadGigabytesPerSecond(1):F1} GB/s on one thread, {MachineProbe.ReadGigabytesPerSecond(threads):F1} on {threads}"));
        AnsiConsole.Write(table);

        List<string> findings = [.. Findings(product / all)];
        if (findings.Count == 0) Console.WriteLine("Nothing is missing.");
        foreach (string finding in findings) Console.WriteLine($"! {finding}");
    }

    private static IEnumerable<string> Findings(double efficiency)
    {
        if (!Vector128.IsHardwareAccelerated) yield return "No vector instructions: kernels run as plain loops, many times slower. Is DOTNET_EnableHWIntrinsic=0 set?";
        else if (MachineProbe.VectorBits < 256 && System.Runtime.Intrinsics.X86.X86Base.IsSupported) yield return "No AVX2: kernels use 128 bits. Is DOTNET_EnableAVX2=0 or WEFT_KERNELS set?";
        if (Environment.GetEnvironmentVariable("WEFT_KERNELS") is { } forced) yield return $"WEFT_KERNELS={forced} limits the kernels.";
        if (MachineProbe.GeneratedKernels.StartsWith("refused", StringComparison.Ordinal)) yield return "The system does not let memory become executable: generated kernels are off, the next tier serves.";
        if (ForkJoin.ThreadCount > Environment.ProcessorCount) yield return $"{ForkJoin.ThreadCount} threads share {Environment.ProcessorCount} processors: use at most as many.";
        if (efficiency < 0.6) yield return Invariant($"Products reach only {efficiency:P0} of the peak: other programs are probably busy.");
        if (!RuntimeFeature.IsDynamicCodeCompiled && MachineProbe.VectorBits < 512) yield return "This is an ahead-of-time build, which uses only the instructions that it was built for.";
        string runs = Path.GetFullPath("runs");
        string? fault = Unwritable(Directory.Exists(runs) ? runs : Environment.CurrentDirectory);
        if (fault is not null) yield return fault;
    }

    private static string? Unwritable(string folder)
    {
        try
        {
            string probe = Path.Combine(folder, $".weft-{Environment.ProcessId}");
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"{folder} cannot be written: use --out for runs.";
        }
    }

    private static double Warm(Func<double> measure)
    {
        measure();
        return measure();
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using System.Diagnostics;
using TorchSharp;
using Weft.Bench.Peers;
using Weft.Tensors.Threading;

// Weft beside libtorch in one process: see bench/README.md.
if (args is not ["step" or "product", ..])
{
    Console.Error.WriteLine($"usage: step [{string.Join(" | ", StepComparison.Configurations.Keys)}] [PAIRS]\n       product [PAIRS]");
    return 2;
}

// glibc gives large blocks back to the system after each step and zeroes them again; libtorch gains up to a third without that.
if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is null)
{
    ProcessStartInfo again = new(Environment.ProcessPath!, args) { UseShellExecute = false };
    again.Environment["MALLOC_TRIM_THRESHOLD_"] = "8000000000";
    again.Environment["MALLOC_MMAP_THRESHOLD_"] = "8000000000";
    again.Environment["MALLOC_TOP_PAD_"] = "268435456";
    using Process process = Process.Start(again)!;
    process.WaitForExit();
    return process.ExitCode;
}

ElfVersionPatch.Apply(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"), "GLIBCXX_3.4.32");
torch.set_num_threads(ForkJoin.ThreadCount);
if (args[0] == "product")
{
    ProductComparison.Run(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 7, bf16: false, static _ => true);
    return 0;
}
string name = args.Length > 1 ? args[1] : "nanogpt-shakespeare-cpu";
if (!StepComparison.Configurations.ContainsKey(name))
{
    Console.Error.WriteLine($"There is no configuration '{name}'; there are {string.Join(", ", StepComparison.Configurations.Keys)}.");
    return 2;
}
return StepComparison.Run(name, args.Length > 2 ? int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) : 7);

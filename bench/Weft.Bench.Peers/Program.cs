using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using Weft.Bench.Peers;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Threading;

// Weft beside libtorch in one process: see bench/README.md.
string names = string.Join(" | ", StepComparison.Configurations.Keys);
if (args is not ["all" or "step" or "product" or "layer" or "memory" or "tiers" or "aot" or "crowded" or "chat" or "resident", ..])
{
    Console.Error.WriteLine($"usage: all [PAIRS]\n       step [{names}] [PAIRS] [bf16 | bf16-pure] [default-malloc]\n       product [PAIRS] [bf16 | bf16-pure]\n       layer [PAIRS]\n       memory [NAME]\n       tiers\n       aot\n       crowded\n       chat\n       resident");
    return 2;
}

// glibc gives large blocks back to the system after each step and zeroes them again; libtorch gains up to a third without that.
bool untuned = args.Contains("default-malloc");
if (OperatingSystem.IsLinux() && args[0] != "all" && !untuned && Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is null) return Children.Run(args, ("MALLOC_TRIM_THRESHOLD_", "8000000000"), ("MALLOC_MMAP_THRESHOLD_", "8000000000"), ("MALLOC_TOP_PAD_", "268435456"));

ElfVersionPatch.Apply(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"), "GLIBCXX_3.4.32");
int pairs = args.Select(static a => int.TryParse(a, CultureInfo.InvariantCulture, out int n) ? n : 0).FirstOrDefault(static n => n > 0, 7);
PeerPrecision precision = args.Contains("bf16") ? PeerPrecision.Autocast : args.Contains("bf16-pure") ? PeerPrecision.Bfloat16 : PeerPrecision.Float32;
string name = args.FirstOrDefault(StepComparison.Configurations.ContainsKey, args[0] == "memory" ? "gpt2-124m" : "nanogpt-shakespeare-cpu");
switch (args[0])
{
    case "memory" when args.Contains("weft") || args.Contains("libtorch"):
        Console.WriteLine(StepComparison.PeakMegabytes(name, args.Contains("weft")).ToString("F0", CultureInfo.InvariantCulture));
        return 0;
    case "crowded" when args.Contains("weft") || args.Contains("libtorch"):
        torch.set_num_threads(ForkJoin.ThreadCount);
        Console.WriteLine(StepComparison.StepMilliseconds(name, args.Contains("weft")).ToString("F2", CultureInfo.InvariantCulture));
        return 0;
    case "crowded":
        OwnFigures.Crowded();
        return 0;
    case "tiers": // needs no libtorch
        OwnFigures.Tiers();
        return 0;
    case "aot":
        OwnFigures.AheadOfTime();
        return 0;
    case "chat":
        OwnFigures.FirstToken();
        return 0;
    case "resident" when args is [_, string tiny, string model, string compute]:
        ResidentGrowth.Measure(tiny, model, Enum.Parse<ComputePath>(compute));
        return 0;
    case "resident":
        ResidentGrowth.Run();
        return 0;
}
torch.set_num_threads(ForkJoin.ThreadCount);
switch (args[0])
{
    case "product":
        ProductComparison.Run(pairs, precision);
        return 0;
    case "layer":
        LayerComparison.Run(pairs);
        return 0;
    case "memory":
        OwnFigures.Memory(name);
        return 0;
    case "step":
        return StepComparison.Run(name, pairs, precision, untuned) ? 0 : 1;
}

// Everything, each part in a process of its own, so that none sees the memory and the threads of another.
string count = pairs.ToString(CultureInfo.InvariantCulture);
bool good = true;
foreach (string[] part in (string[][])[
    ["product", count], ["product", count, "bf16"], ["product", count, "bf16-pure"], ["layer", count],
    ["step", "nanogpt-shakespeare-cpu", count], ["step", "nanogpt-shakespeare-cpu", count, "bf16"], ["step", "nanogpt-shakespeare-cpu", count, "bf16-pure"], ["step", "6x384", count], ["step", "6x384", count, "bf16"], ["step", "6x384", count, "bf16-pure"],
    ["step", "gpt2-124m", count], ["step", "gpt2-124m", count, "bf16"], ["step", "gpt2-124m", count, "bf16-pure"], ["step", "6x384-context-4096", count],
    ["step", "6x384", count, "default-malloc"], ["step", "6x384", count, "bf16", "default-malloc"], ["step", "gpt2-124m", count, "default-malloc"], ["step", "gpt2-124m", count, "bf16", "default-malloc"],
    ["memory", "gpt2-124m"], ["memory", "6x384-context-4096"], ["tiers"], ["aot"], ["crowded"], ["chat"], ["resident"]]) good &= Children.Run(part) == 0;
return good ? 0 : 1;

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Weft.Tensors.Threading;

namespace Weft.Bench.Peers;

/// <summary>Figures without a peer's time: peak memory, narrower tiers against their own peak, and the ahead-of-time build against the JIT.</summary>
internal static class OwnFigures
{
    /// <summary>The most memory that either side's process holds.</summary>
    internal static void Memory(string name)
    {
        double ours = Peak(name, "weft"), theirs = Peak(name, "libtorch");
        ResultTable.Note($"Peak memory, {name}", Invariant($"{ours:F0} MB, libtorch {theirs:F0} MB"));
    }

    private enum Place
    {
        TwoCores,
        OneCore,
        Crowded,
    }

    /// <summary>How much slower steps with two threads become on one core beside two busy processes, for either side.</summary>
    internal static void Crowded()
    {
        const string Name = "nanogpt-shakespeare-cpu";
        const int Rounds = 7;
        if (!OperatingSystem.IsLinux())
        {
            Console.WriteLine("A crowded core needs taskset, so Linux.");
            return;
        }
        // What neighbours cost on that core, and what they and the loss of the second core cost together.
        List<double> ours = [], theirs = [], oursOfTwo = [], theirsOfTwo = [];
        for (int round = 0; round < Rounds; round++)
        {
            double weftOnTwo = Milliseconds("weft", Place.TwoCores), libtorchOnTwo = Milliseconds("libtorch", Place.TwoCores);
            double weft = Milliseconds("weft", Place.Crowded), libtorch = Milliseconds("libtorch", Place.Crowded);
            ours.Add(weft / Milliseconds("weft", Place.OneCore));
            theirs.Add(libtorch / Milliseconds("libtorch", Place.OneCore));
            oursOfTwo.Add(weft / weftOnTwo);
            theirsOfTwo.Add(libtorch / libtorchOnTwo);
        }
        ResultTable.Note("Two threads on one core beside two busy processes",
            $"a step of {Name} takes {Times(ours)} times as long as on that core alone, libtorch's {Times(theirs)}; {Times(oursOfTwo)} times as long as on two cores alone, libtorch's {Times(theirsOfTwo)}; {Rounds} rounds");

        static string Times(List<double> values) => Invariant($"{ResultTable.Median(values):F2} ({values.Min():F2} to {values.Max():F2})");

        static double Milliseconds(string side, Place place)
        {
            string[] step = ["crowded", Name, side], pinned = ["-c", "0", Environment.ProcessPath!, .. step];
            if (place == Place.TwoCores) return double.Parse(Children.Output(Environment.ProcessPath!, step, ("WEFT_THREADS", "2")), CultureInfo.InvariantCulture);
            if (place == Place.OneCore) return double.Parse(Children.Output("taskset", pinned, ("WEFT_THREADS", "2")), CultureInfo.InvariantCulture);
            Process[] neighbours = [.. Enumerable.Range(0, 2).Select(static _ => Process.Start("taskset", ["-c", "0", "sh", "-c", "while :; do :; done"]))];
            try
            {
                return double.Parse(Children.Output("taskset", pinned, ("WEFT_THREADS", "2")), CultureInfo.InvariantCulture);
            }
            finally
            {
                foreach (Process neighbour in neighbours)
                {
                    neighbour.Kill(entireProcessTree: true);
                    neighbour.Dispose();
                }
            }
        }
    }

    /// <summary>Products at each width of vectors against that width's own peak, through <c>weft bench</c> in processes of their own.</summary>
    internal static void Tiers()
    {
        foreach (string tier in (string[])["512", "256", "128"])
        {
            // The best of some runs on both sides of the comparison: what neighbours took is no property of the tier.
            double peak = 0;
            Dictionary<int, double> best = [];
            for (int run = 0; run < 3; run++)
            {
                using JsonDocument figures = JsonDocument.Parse(Children.Output("dotnet", [Command("weft.dll"), "bench", "--json", "--only", "products"], ("WEFT_KERNELS", tier)));
                peak = Math.Max(peak, figures.RootElement.GetProperty("peakGigaflops").GetDouble());
                foreach ((int i, JsonElement product) in figures.RootElement.GetProperty("products").EnumerateArray().Index())
                    best[i] = Math.Max(best.GetValueOrDefault(i), product.GetProperty("gigaflops").GetDouble());
            }
            double lowest = best.Values.Min();
            ResultTable.Note($"Products at {tier} bits", Invariant($"at least {lowest:F0} of {peak:F0} GFLOP/s ({lowest / peak:P0}) on {ForkJoin.ThreadCount} threads"));
        }
    }

    /// <summary>The step of the ahead-of-time binary against the JIT's, and the time from start to the end of the first step.</summary>
    internal static void AheadOfTime()
    {
        string binary = Command(Path.Combine("aot", "weft"));
        if (!File.Exists(binary))
        {
            Console.WriteLine($"There is no ahead-of-time build: dotnet publish src/Weft.Cli -c Release -p:PublishAot=true -o {Path.GetDirectoryName(binary)}");
            return;
        }
        List<double> ratios = [], jit = [], aot = [], starts = [];
        for (int pair = 0; pair < 7; pair++)
        {
            jit.Add(Step("dotnet", [Command("weft.dll"), "bench", "--json", "--only", "step"]));
            aot.Add(Step(binary, ["bench", "--json", "--only", "step"]));
            ratios.Add(aot[^1] / jit[^1]);
            long start = Stopwatch.GetTimestamp();
            Children.Output(binary, ["bench", "--json", "--only", "first-step"]);
            starts.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        ResultTable.Note("Ahead-of-time step, 4 x 128", Invariant($"{ResultTable.Median(aot):F1} ms, JIT {ResultTable.Median(jit):F1} ms: {ResultTable.Median(ratios):F2} times ({ratios.Min():F2} to {ratios.Max():F2})"));
        ResultTable.Note("Ahead-of-time start to the end of the first step", Invariant($"{ResultTable.Median(starts):F0} ms ({starts.Min():F0} to {starts.Max():F0})"));
    }

    /// <summary>From the start of <c>weft chat</c> to the first characters of its answer, each time in a new process.</summary>
    internal static void FirstToken()
    {
        string model = Path.Combine(Environment.GetEnvironmentVariable("WEFT_SHARED") ?? Path.Combine("..", "shared"), "models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
        foreach ((string build, string program, string[] before) in (ReadOnlySpan<(string, string, string[])>)[("", "dotnet", [Command("weft.dll")]), (", ahead of time", Command(Path.Combine("aot", "weft")), [])])
        {
            if (!File.Exists(before is [var dll] ? dll : program))
            {
                Console.WriteLine($"There is no {program}: bench/README.md says how it is built.");
                continue;
            }
            List<double> seconds = [.. Enumerable.Range(0, 11).Select(_ => Children.SecondsToOutput(program, [.. before, "chat", model, "--prompt", "What is gravity?", "--max-tokens", "8"]))];
            ResultTable.Note($"First token of weft chat{build}, SmolLM2-135M Q4_1", Invariant($"{ResultTable.Median(seconds):F2} s from the start of the process ({seconds.Min():F2} to {seconds.Max():F2})"));
        }
    }

    private static double Step(string program, string[] arguments)
    {
        using JsonDocument figures = JsonDocument.Parse(Children.Output(program, arguments));
        return figures.RootElement.GetProperty("stepMilliseconds").GetDouble();
    }

    private static double Peak(string name, string side) => double.Parse(Children.Output(Environment.ProcessPath!, ["memory", name, side]), CultureInfo.InvariantCulture);

    // Beside the repository's other outputs: built by bench/README.md's commands.
    private static string Command(string file) => Path.Combine(ResultTable.Root() ?? ".", "artifacts", file);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

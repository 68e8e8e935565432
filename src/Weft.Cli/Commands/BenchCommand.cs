using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Weft.Inference;
using Weft.Models.Decoder;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Kernels;
using Weft.Tensors.Threading;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Cli.Commands;

/// <summary><c>weft bench</c>: how fast this machine multiplies matrices and trains, in ten seconds, or how fast a model answers. Beside libtorch: bench/README.md.</summary>
internal static class BenchCommand
{
    private const int Vocabulary = 65, WarmSteps = 10, TimedBlocks = 7;
    private static readonly (int M, int N, int K)[] s_shapes = [(1024, 1024, 1024), (256, 3072, 768), (2048, 384, 384), (768, 384, 128)];

    internal static Command Create()
    {
        Argument<string?> model = new("model") { Description = "Measure this model instead: a GGUF file, a model's or a run's folder, or ORG/NAME.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> json = new("--json") { Description = "Print the figures as JSON." };
        Option<string> only = new("--only") { Description = "products, step or first-step.", DefaultValueFactory = _ => "all" };
        only.AcceptOnlyFromAmong("all", "products", "step", "first-step");
        Option<string> precision = new("--precision") { Description = "Of the step: float32 or bf16.", DefaultValueFactory = _ => "float32" };
        precision.AcceptOnlyFromAmong("float32", "bf16");
        Option<bool> exact = Shared.Exact();
        Option<int?> threads = Shared.Threads();
        Command command = new("bench", "Measure products and a training step on this machine, or how fast a model reads and writes.") { model, json, only, precision, exact, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            if (parsed.GetValue(model) is { } name) return Model(name, parsed.GetValue(exact), parsed.GetValue(json));
            Figures figures = Measure(parsed.GetValue(only)!, parsed.GetValue(precision) == "bf16" ? Precision.Bf16 : Precision.Float32);
            if (parsed.GetValue(json)) WriteJson(figures);
            else Write(figures);
            return 0;
        });
        return command.WithExamples("weft bench", "weft bench model.gguf", "weft bench --only step --precision bf16", "WEFT_KERNELS=256 weft bench --json");
    }

    private static int Model(string name, bool exact, bool json)
    {
        long start = Stopwatch.GetTimestamp();
        LanguageModel language = LanguageModel.Load(RunFolders.Model(name), compute: exact ? ComputePath.Exact : ComputePath.Int8);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return CommandLine.Interruptible(stop =>
        {
            ModelSpeed.Run(language, Path.GetFileName(name.TrimEnd('/', '\\')), seconds, json, stop);
            return 0;
        });
    }

    private sealed record Figures(double Peak, List<(int M, int N, int K, double Float32, double Bf16)> Products, double? StepMilliseconds, double? TokensPerSecond, double? Loss);

    private static Figures Measure(string only, Precision precision)
    {
        List<(int, int, int, double, double)> products = [];
        double peak = 0;
        if (only is "all" or "products")
        {
            peak = MachineProbe.PeakGigaflops(ForkJoin.ThreadCount);
            foreach ((int m, int n, int k) in s_shapes) products.Add((m, n, k, MachineProbe.ProductGigaflops(m, n, k), MachineProbe.ProductGigaflops(m, n, k, precision: Precision.Bf16)));
        }
        if (only == "products") return new Figures(peak, products, null, null, null);

        // nanoGPT's settings for CPUs on random characters: the work does not depend on what they are.
        TrainingConfig config = TrainingPresets.Find("nanogpt-shakespeare-cpu").Config;
        RandomGenerator generator = new(1);
        int[] tokens = new int[20_000];
        foreach (ref int token in tokens.AsSpan()) token = generator.NextInt32(Vocabulary);
        DecoderModel model = new DecoderModel(config.ToDecoderConfig(Vocabulary, null)).Initialize(generator);
        TrainingLoop loop = new(
            model, new RandomWindows(tokens, config.ContextLength, 1), new AdamW(ParameterGroup.ByRank(model.Parameters, config.WeightDecay), config.Beta1, config.Beta2, config.Epsilon), new ConstantRate(config.LearningRate),
            config.BatchSize, 1, config.ClipNorm, precision: precision);
        if (only == "first-step") return new Figures(peak, products, null, null, loop.Step().Loss);

        for (int i = 0; i < WarmSteps; i++) loop.Step();
        double best = double.PositiveInfinity;
        StepResult result = default;
        for (int block = 0; block < TimedBlocks; block++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < WarmSteps; i++) result = loop.Step();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds / WarmSteps);
        }
        return new Figures(peak, products, best, result.Tokens / best * 1000, result.Loss);
    }

    private static void Write(Figures figures)
    {
        if (figures.Products.Count > 0) Print($"Multiply-add peak of float32 on {ForkJoin.ThreadCount} thread(s): {figures.Peak:F0} GFLOP/s");
        foreach ((int m, int n, int k, double float32, double bf16) in figures.Products)
            Print($"Product ({m}, {n}, {k}): {float32:F0} GFLOP/s in float32 ({float32 / figures.Peak:P0} of the peak), {bf16:F0} in bf16");
        if (figures.StepMilliseconds is { } ms) Print($"Training step, 4 layers x 128, batch 12 x 64: {ms:F1} ms, {figures.TokensPerSecond:F0} tokens/s");
        else if (figures.Loss is { } loss) Print($"The first step is done; its loss is {loss:F4} nats per token.");
    }

    private static void WriteJson(Figures figures)
    {
        using Utf8JsonWriter writer = new(Console.OpenStandardOutput(), new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteNumber("threads", ForkJoin.ThreadCount);
        writer.WriteNumber("vectorBits", MachineProbe.VectorBits);
        if (figures.Products.Count > 0)
        {
            writer.WriteNumber("peakGigaflops", figures.Peak);
            writer.WriteStartArray("products");
            foreach ((int m, int n, int k, double float32, double bf16) in figures.Products)
            {
                writer.WriteStartObject();
                writer.WriteNumber("m", m);
                writer.WriteNumber("n", n);
                writer.WriteNumber("k", k);
                writer.WriteNumber("gigaflops", float32);
                writer.WriteNumber("gigaflopsBf16", bf16);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        if (figures.StepMilliseconds is { } ms) writer.WriteNumber("stepMilliseconds", ms);
        if (figures.TokensPerSecond is { } rate) writer.WriteNumber("tokensPerSecond", rate);
        if (figures.Loss is { } loss) writer.WriteNumber("loss", loss);
        writer.WriteEndObject();
    }

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}

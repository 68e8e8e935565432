using System.Diagnostics;
using System.Globalization;
using Weft.Inference;
using Weft.Models.Decoder;
using Weft.Models.Families.Gguf;

namespace Weft.Bench.Peers;

/// <summary>How much a process grows by loading a model and answering with it, against what its weights take in the chosen compute format.</summary>
internal static class ResidentGrowth
{
    /// <summary>Loads a chat model in a process that has already answered with tiny ones of its types, so that the runtime and compiled code are not counted.</summary>
    internal static void Run()
    {
        string shared = Environment.GetEnvironmentVariable("WEFT_SHARED") ?? Path.Combine("..", "shared");
        string tiny = Path.Combine(Environment.GetEnvironmentVariable("WEFT_GOLDEN") ?? Path.Combine(shared, "golden"), "gguf", "models");
        string model = Path.Combine(shared, "models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
        foreach (ComputePath compute in Enum.GetValues<ComputePath>())
        {
            double[] megabytes = [.. Children.Output(Environment.ProcessPath!, ["resident", tiny, model, compute.ToString()]).Split(' ').Select(static n => double.Parse(n, CultureInfo.InvariantCulture))];
            ResultTable.Note($"Resident growth, SmolLM2-135M Q4_1, {(compute == ComputePath.Int8 ? "int8" : "float32")}", string.Create(CultureInfo.InvariantCulture,
                $"{megabytes[1]:F0} MB after the first tokens ({megabytes[0]:F0} MB after loading) for {megabytes[2]:F0} MB of weights and cache: {megabytes[1] / megabytes[2]:F2} times"));
        }
    }

    /// <summary>The child: prints the growth after loading, that after 16 tokens, and what the weights need, in MB.</summary>
    internal static void Measure(string tiny, string path, ComputePath compute)
    {
        foreach (string file in (string[])["llama-Q8_0.gguf", "gpt2-Q4_1.gguf"]) Answer(LanguageModel.Load(Path.Combine(tiny, file), compute: compute));
        double before = Megabytes();
        LanguageModel model = LanguageModel.Load(path, compute: compute);
        double loaded = Megabytes();
        Answer(model);
        // What the format takes, and the keys and values of the first 64 tokens.
        double needed = (compute == ComputePath.Int8 ? new FileInfo(path).Length : model.Model.Parameters.Sum(static p => 4.0 * p.Count)) + new KeyValueCache(model.Model.Config, capacity: 64).Bytes;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{loaded - before} {Megabytes() - before} {needed / 1e6}"));
        GC.KeepAlive(model);
    }

    private static void Answer(LanguageModel model)
    {
        foreach (string _ in new Generator(model).Stream("The cat sat on", 16)) { }
    }

    private static double Megabytes()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true); // what is needed, not what the collector keeps in hand
        using Process process = Process.GetCurrentProcess();
        return process.WorkingSet64 / 1e6;
    }
}

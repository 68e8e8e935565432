using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Models.Families.Gguf;

namespace Weft.Cli.Commands;

/// <summary><c>weft generate</c>: writes on from a prompt.</summary>
internal static class GenerateCommand
{
    internal static Command Create()
    {
        Argument<string?> model = new("model") { Description = "A GGUF file, a model's or a run's folder. Default: the newest run in ./runs.", Arity = ArgumentArity.ZeroOrOne };
        Option<string> prompt = new("--prompt") { Description = "The beginning of the text; - reads it from standard input. Default: none, a new text.", DefaultValueFactory = _ => "" };
        Option<int> maxTokens = new("--max-tokens") { Description = "The most tokens to write.", DefaultValueFactory = _ => 256 };
        Option<double> temperature = new("--temperature") { Description = "0 always takes the likeliest token; 1 draws from the model's own distribution.", DefaultValueFactory = _ => 0.8 };
        Option<int> topK = new("--top-k") { Description = "Only the k likeliest tokens; 0 for all.", DefaultValueFactory = _ => 0 };
        Option<double> topP = new("--top-p") { Description = "Only the likeliest tokens that together reach this probability.", DefaultValueFactory = _ => 1 };
        Option<double> minP = new("--min-p") { Description = "Only tokens at least this fraction as likely as the likeliest.", DefaultValueFactory = _ => 0 };
        Option<double> penalty = new("--repetition-penalty") { Description = "Above 1 discourages tokens that the text already holds.", DefaultValueFactory = _ => 1 };
        Option<ulong?> seed = new("--seed") { Description = "The same seed writes the same text. Default: the clock." };
        Option<int> count = new("--count") { Description = "How many texts.", DefaultValueFactory = _ => 1 };
        Option<bool> stream = new("--stream") { Description = "Show the text as it is written. Default: on a terminal." };
        Option<bool> exact = Shared.Exact();
        Option<int?> threads = Shared.Threads();

        Command command = new("generate", "Write on from a prompt with a trained model.") { model, prompt, maxTokens, temperature, topK, topP, minP, penalty, seed, count, stream, exact, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            SamplingSettings sampling = new()
            {
                Temperature = parsed.GetValue(temperature), TopK = parsed.GetValue(topK), TopP = parsed.GetValue(topP), MinP = parsed.GetValue(minP),
                RepetitionPenalty = parsed.GetValue(penalty), Seed = parsed.GetValue(seed) ?? (ulong)Stopwatch.GetTimestamp(),
            };
            Shared.Usage(sampling.Validate);
            if (parsed.GetValue(maxTokens) < 1) throw new UsageException($"--max-tokens {parsed.GetValue(maxTokens)} must be at least 1.");
            if (parsed.GetValue(count) < 1) throw new UsageException($"--count {parsed.GetValue(count)} must be at least 1.");
            string text = parsed.GetValue(prompt)!;
            if (text == "-") text = Console.In.ReadToEnd();
            bool live = parsed.GetValue(stream) || !Console.IsOutputRedirected;
            LanguageModel language = LanguageModel.Load(RunFolders.Model(parsed.GetValue(model)), compute: parsed.GetValue(exact) ? ComputePath.Exact : ComputePath.Int8);
            return CommandLine.Interruptible(stop => Write(language, text, parsed.GetValue(maxTokens), sampling, parsed.GetValue(count), live, stop));
        });
        return command.WithExamples(
            "weft generate",
            "weft generate --prompt \"Once upon a time\" --temperature 0.7 --count 3",
            "weft generate runs/my-run --top-p 0.9 --seed 7 --max-tokens 100",
            "echo -n \"ROMEO:\" | weft generate --prompt -");
    }

    private static int Write(LanguageModel language, string prompt, int maxTokens, SamplingSettings sampling, int count, bool live, CancellationToken stop)
    {
        Generator generator = new(language);
        long written = 0;
        Stopwatch clock = Stopwatch.StartNew();
        for (int i = 0; i < count && !stop.IsCancellationRequested; i++)
        {
            if (i > 0) Console.WriteLine(count > 1 ? "---" : "");
            Console.Write(prompt);
            if (live)
            {
                foreach (string piece in generator.Stream(prompt, maxTokens, sampling, (uint)i, stop)) Console.Write(piece);
                Console.WriteLine();
            }
            else
            {
                Console.WriteLine(string.Concat(generator.Stream(prompt, maxTokens, sampling, (uint)i, stop)));
            }
            written += generator.Ids.Length;
        }
        if (!Console.IsErrorRedirected) Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"({written / clock.Elapsed.TotalSeconds:N0} tokens/s, seed {sampling.Seed})"));
        return stop.IsCancellationRequested ? CommandLine.Interrupted : 0;
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Weft.Cli.Terminal;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Models.Families.Gguf;

namespace Weft.Cli.Commands;

/// <summary><c>weft chat</c>: a conversation in the terminal.</summary>
internal static class ChatCommand
{
    internal static Command Create()
    {
        Argument<string?> model = new("model") { Description = "A GGUF file, a model's or a run's folder, or ORG/NAME. Default: the newest run in ./runs.", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> system = new("--system") { Description = "Tells the model how to behave. Default: what its template says." };
        Option<string?> prompt = new("--prompt") { Description = "Ask this one question, print the answer and end; - reads it from standard input." };
        Option<string?> transcript = new("--transcript") { Description = "Go on with the conversation in this file if it exists, and save to it after every answer." };
        Option<int> maxTokens = new("--max-tokens") { Description = "The most tokens of an answer.", DefaultValueFactory = _ => 1024 };
        Option<double> temperature = new("--temperature") { Description = "0 always takes the likeliest token; 1 draws from the model's own distribution.", DefaultValueFactory = _ => 0.7 };
        Option<double> topP = new("--top-p") { Description = "Only the likeliest tokens that together reach this probability.", DefaultValueFactory = _ => 0.95 };
        Option<double> minP = new("--min-p") { Description = "Only tokens at least this fraction as likely as the likeliest.", DefaultValueFactory = _ => 0.05 };
        Option<double> penalty = new("--repetition-penalty") { Description = "Above 1 discourages tokens that the conversation already holds.", DefaultValueFactory = _ => 1 };
        Option<ulong?> seed = new("--seed") { Description = "The same seed gives the same answers. Default: the clock." };
        Option<bool> exact = Shared.Exact();
        Option<int?> threads = Shared.Threads();
        Command command = new("chat", "Talk with a model.") { model, system, prompt, transcript, maxTokens, temperature, topP, minP, penalty, seed, exact, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            SamplingSettings sampling = new()
            {
                Temperature = parsed.GetValue(temperature), TopP = parsed.GetValue(topP), MinP = parsed.GetValue(minP), RepetitionPenalty = parsed.GetValue(penalty), Seed = parsed.GetValue(seed) ?? (ulong)Stopwatch.GetTimestamp(),
            };
            Shared.Usage(sampling.Validate);
            if (parsed.GetValue(maxTokens) < 1) throw new UsageException($"--max-tokens {parsed.GetValue(maxTokens)} must be at least 1.");
            string path = RunFolders.Model(parsed.GetValue(model));
            LanguageModel language = LanguageModel.Load(path, compute: parsed.GetValue(exact) ? ComputePath.Exact : ComputePath.Int8);
            ChatSession session = new(language) { Sampling = sampling, MaximumTokens = parsed.GetValue(maxTokens) };
            string? file = parsed.GetValue(transcript);
            if (file is not null && File.Exists(file)) session.Load(file);
            if (parsed.GetValue(system) is { } text) session.SystemPrompt = text;
            if (parsed.GetValue(prompt) is { } question)
            {
                if (question == "-") question = Console.In.ReadToEnd();
                return CommandLine.Interruptible(stop => AskOnce(session, question, file, stop));
            }
            return new ChatTerminal(session, Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), file).Run();
        });
        return command.WithExamples(
            "weft chat SmolLM2-135M-Instruct.Q4_1.gguf",
            "weft chat my-model --system \"Answer in one sentence.\" --temperature 0",
            "weft chat my-model.gguf --prompt \"What is gravity?\"",
            "weft chat my-model.gguf --transcript talk.json");
    }

    private static int AskOnce(ChatSession session, string question, string? transcript, CancellationToken stop)
    {
        foreach (string piece in session.Ask(question, stop)) Console.Write(piece);
        Console.WriteLine();
        if (transcript is not null) session.Save(transcript);
        if (!Console.IsErrorRedirected) Console.Error.WriteLine(Meter(session));
        return stop.IsCancellationRequested ? CommandLine.Interrupted : 0;
    }

    /// <summary>Speed and how full the context is, in a line.</summary>
    internal static string Meter(ChatSession session)
    {
        ChatAnswerCost cost = session.LastCost;
        const int Cells = 10;
        double full = (double)session.ContextTokens / session.ContextLength;
        int filled = (int)Math.Round(full * Cells);
        return string.Create(CultureInfo.InvariantCulture,
            $"({cost.AnswerTokens} tokens, {cost.TokensPerSecond:F1} tokens/s, first after {cost.FirstTokenSeconds:F2} s; context {new string('#', filled)}{new string('.', Cells - filled)} {session.ContextTokens:N0} of {session.ContextLength:N0})");
    }
}

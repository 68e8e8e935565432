using System.CommandLine;
using System.Globalization;
using Weft.Cli.Terminal;
using Weft.Guide.Stories;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Tensors.Threading;
using Weft.Tokenizers;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Optimizers;
using Weft.Training.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft train</c>: learns from a text, or from the embedded stories.</summary>
internal static class TrainCommand
{
    internal static Command Create()
    {
        Argument<string?> text = new("text") { Description = "A UTF-8 file, a folder of .txt and .md files, or a pattern in quotes. Default: the embedded stories.", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> preset = new("--preset") { Description = "A named configuration: " + string.Join(", ", TrainingPresets.All.Select(static p => p.Name)) + "." };
        Option<string?> config = new("--config") { Description = "A JSON file of settings, over the preset." };
        Option<string[]> set = new("--set") { Description = "One setting as key=value, over both; may be repeated. weft train --keys lists them.", AllowMultipleArgumentsPerToken = false, DefaultValueFactory = _ => [] };
        Option<string?> output = new("--out") { Description = "The run's folder. Default: a new one in ./runs." };
        Option<bool> resume = new("--resume") { Description = "Go on with the run in --out, or with the newest in ./runs." };
        Option<ulong?> seed = new("--seed") { Description = "The same seed gives the same model, bit for bit." };
        Option<int?> threads = Shared.Threads();
        Option<long?> steps = new("--steps") { Description = "How many updates." };
        Option<double?> minutes = new("--minutes") { Description = "About how long to train, instead of --steps." };
        Option<string?> precision = new("--precision") { Description = "float32, or bf16: products of rounded factors, summed in float32." };
        Option<bool> find = new("--find-learning-rate") { Description = "Let the rate grow on a fresh model until the loss explodes, plot it, suggest a rate, and end." };
        Option<bool> keys = new("--keys") { Description = "List presets, every setting with its value and the optimizer's options, and end." };

        Command command = new("train", "Train a GPT on a text. Ctrl-C saves; --resume goes on.") { text, preset, config, set, output, resume, seed, threads, steps, minutes, precision, find, keys };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(steps) is not null && parsed.GetValue(minutes) is not null) throw new UsageException("--steps and --minutes exclude each other.");
            Shared.SetThreads(parsed.GetValue(threads));
            List<string> settings = [.. parsed.GetValue(set) ?? []];
            if (parsed.GetValue(seed) is { } s) settings.Add(FormattableString.Invariant($"seed={s}"));
            if (parsed.GetValue(steps) is { } n) settings.Add(FormattableString.Invariant($"steps={n}"));
            if (parsed.GetValue(minutes) is { } m) settings.AddRange([FormattableString.Invariant($"minutes={m}"), "steps=0"]);
            if (parsed.GetValue(precision) is { } p) settings.Add($"precision={p}");
            string? path = parsed.GetValue(text);

            if (parsed.GetValue(resume))
            {
                if (parsed.GetValue(preset) is not null) throw new UsageException("--preset belongs to a new run; a resumed one keeps its settings.");
                return Resume(path, parsed.GetValue(config), settings, parsed.GetValue(output));
            }
            string presetName = parsed.GetValue(preset) ?? (path is null ? TrainingPresets.Stories : TrainingPresets.Text);
            TrainingConfig resolved = Shared.Usage(() => Resolve(TrainingPresets.Find(presetName).Config, parsed.GetValue(config), settings));
            if (parsed.GetValue(keys)) return ListKeys(presetName, resolved);
            if (parsed.GetValue(find)) return FindLearningRate(path, resolved, parsed.GetValue(output));
            return Begin(path, presetName, resolved, parsed.GetValue(output));
        });
        return command.WithExamples(
            "weft train                                        a minute or two on the embedded stories",
            "weft train shakespeare.txt --preset nanogpt-shakespeare-cpu",
            "weft train \"books/**/*.txt\" --minutes 30 --set hiddenSize=256 --set headCount=8",
            "weft train shakespeare.txt --set optimizer=muon    another optimizer; --set optimizerOptions=momentum=0.9 for its options",
            "weft train shakespeare.txt --find-learning-rate  which rate to begin with",
            "weft train --resume --steps 4000                  go on with the newest run");
    }

    private static TrainingConfig Resolve(TrainingConfig config, string? file, List<string> settings)
    {
        if (file is not null) config = File.Exists(file) ? ConfigFile.Apply(config, file) : throw new FileNotFoundException($"{file}: there is no such file.");
        config = ConfigFile.Apply(config, settings);
        config.Validate();
        return config;
    }

    private static int ListKeys(string presetName, TrainingConfig config)
    {
        foreach (TrainingPreset preset in TrainingPresets.All) Console.WriteLine($"{preset.Name,-24} {preset.Description}");
        Console.WriteLine();
        Console.WriteLine($"Settings of {presetName}:");
        Console.Write(ConfigFile.ToJson(config));
        Console.WriteLine();
        Console.WriteLine($"Optimizers: {string.Join(", ", OptimizerCatalogue.Names)}");
        Console.WriteLine($"Options of {config.Optimizer} (--set optimizerOptions=name=value,name=value): {string.Join(", ", OptimizerCatalogue.Options(config.Optimizer))}");
        return 0;
    }

    private static int FindLearningRate(string? path, TrainingConfig config, string? output)
    {
        (Corpus corpus, Tokenizer tokenizer) = Read(path, config, known: null);
        return LearningRateSearch.Run(config, corpus, tokenizer, output is null ? "learning-rate.html" : Path.Combine(Directory.CreateDirectory(output).FullName, "learning-rate.html"));
    }

    private static int Begin(string? path, string presetName, TrainingConfig config, string? output)
    {
        if (path is null && presetName is not (TrainingPresets.Stories or "llama-small"))
            throw new UsageException($"The preset {presetName} needs a text: weft train TEXT --preset {presetName}. Without a text there is '{TrainingPresets.Stories}'.");
        RunDirectory directory = output is null ? RunFolders.New(path is null ? TrainingPresets.Stories : Path.GetFileNameWithoutExtension(path.TrimEnd('/', '\\')).Replace('*', '_')) : new RunDirectory(output);
        if (directory.Exists) throw new UsageException($"{directory.Path} already holds a run: go on with --resume, or choose another folder with --out.");
        (Corpus corpus, Tokenizer tokenizer) = Read(path, config, known: null);
        using TrainingRun run = TrainingRun.Create(directory, config, corpus, tokenizer);
        return Train(run, directory, corpus, path);
    }

    private static int Resume(string? path, string? configFile, List<string> settings, string? output)
    {
        RunDirectory directory = output is null ? RunFolders.Newest() : new RunDirectory(output);
        TrainingConfig before = TrainingRun.LoadConfig(directory), now = Shared.Usage(() => Resolve(before, configFile, settings));
        Shared.Usage(() => TrainingRun.CheckChanges(before, now));
        path ??= RunFacts.Load(directory).Text;
        (Corpus corpus, _) = Read(path, now, Tokenizer.Load(directory.Model));
        using TrainingRun run = TrainingRun.Resume(directory, now, corpus);
        return Train(run, directory, corpus, path);
    }

    private static (Corpus Corpus, Tokenizer Tokenizer) Read(string? path, TrainingConfig config, Tokenizer? known)
    {
        if (path is null && config.AugmentCopies > 0) throw new UsageException("augmentCopies needs a text: the embedded stories can be drawn in any number.");
        if (path is null) return StoryCorpus.Create(config.Seed, config.VocabularySize);
        string text = TextFiles.Read(path);
        return TextCorpus.Create(text, config, known, Path.GetFileName(path.TrimEnd('/', '\\')));
    }

    private static int Train(TrainingRun run, RunDirectory directory, Corpus corpus, string? path)
    {
        TrainingConfig config = run.Config;
        LanguageModel language = new(run.Model, run.Tokenizer);
        bool stories = path is null;
        Console.WriteLine($"Training {run.Model.ParameterCount:N0} parameters on {corpus.Description}; {ForkJoin.ThreadCount} thread{(ForkJoin.ThreadCount == 1 ? "" : "s")}; {directory.Path}");
        if (run.Step > 0) Console.WriteLine($"Going on after step {run.Step:N0}.{(config.Minutes == 0 && run.Step >= config.Steps ? $" All {config.Steps:N0} steps are made: name more with --steps to train on." : "")}");

        RunFacts facts = new()
        {
            Text = path is null ? null : Path.GetFullPath(path), Description = corpus.Description, EntropyFloor = corpus.EntropyFloor, BytesPerToken = corpus.BytesPerToken,
            ParameterCount = run.Model.ParameterCount, Command = RunReports.Shown(Environment.CommandLine),
        };
        facts.Save(directory);
        using ProgressLine line = new();
        TrainingDisplay display = new(line, config, corpus.EntropyFloor, run.Step);
        RunObserver observer = new()
        {
            Stepped = display.Step,
            Measured = display.Measured,
            StepsDecided = display.Decided,
            Sample = (_, step) =>
            {
                string sample = new Generator(language).Write("", config.SampleTokens, new SamplingSettings { Temperature = 0.8, Seed = config.Seed }, (uint)step);
                display.Sample(step, sample);
                return sample;
            },
        };
        RunOutcome outcome = CommandLine.Interruptible(stop => run.Run(observer, stop));
        line.Dispose();
        if (outcome.Completed) (facts with { HeldOutLoss = outcome.HeldOutLoss }).Save(directory);
        RunReports.Write(directory);
        if (!outcome.Completed)
        {
            Console.WriteLine($"Stopped and saved after step {outcome.Step:N0}. Go on with: weft train {(path is null ? "" : path + " ")}--resume --out {directory.Path}");
            return CommandLine.Interrupted;
        }

        Console.WriteLine(Ending(outcome, corpus));
        if (stories) StoryEnding.Show(directory, config.Seed);
        Console.WriteLine($"Model: {directory.Model}   Report: {directory.Report}");
        Console.WriteLine($"Write on with: weft generate {directory.Path}");
        return 0;
    }

    private static string Ending(RunOutcome outcome, Corpus corpus)
    {
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{(outcome.StoppedEarly ? "Stopped early" : "Done")} after {outcome.Step:N0} steps in {ProgressLine.Time(outcome.Seconds)}. Held-out loss {outcome.HeldOutLoss:F4} nats per token (perplexity {Math.Exp(outcome.HeldOutLoss):F2}), from step {outcome.BestStep:N0}");
        if (corpus.BytesPerToken is { } bytes) text += string.Create(CultureInfo.InvariantCulture, $"; {outcome.HeldOutLoss / bytes / Math.Log(2):F3} bits per byte");
        if (corpus.EntropyFloor is { } floor) text += string.Create(CultureInfo.InvariantCulture, $"; {outcome.HeldOutLoss - floor:F4} above the source's own {floor:F4}");
        return text + ".";
    }
}

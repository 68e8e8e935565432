using Weft.Guide.Stories;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Tokenizers;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Runs;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>The embedded default: a small GPT comes close to a source whose entropy is known.</summary>
public sealed class StoryTraining : Experiment
{
    private const int StoryCount = 40, MaxTokens = 200;

    /// <inheritdoc/>
    public override string Name => "story-training";

    /// <inheritdoc/>
    public override string Claim => "A GPT of four layers learns the embedded stories in a minute or two, to within 0.15 nats per token of their exact entropy.";

    /// <inheritdoc/>
    public override string Source => "Shannon 1948, A mathematical theory of communication: no model of a source can lose less than its entropy.";

    /// <inheritdoc/>
    public override string Procedure => $"Train the preset 'stories' to its end; measure it on {StoryCorpus.HeldOutStoryCount} held-out stories; let it write {StoryCount} at temperature 0.8 with min-p 0.2 and count the grammatical sentences.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtLeast("held-out loss above the entropy", 0, "nats per token", "The held-out stories' own probability is the floor; 512 stories are too many to fall below it by luck."),
        ExpectedFigure.AtMost("held-out loss above the entropy", 0.15, "nats per token", "The goal of the embedded default; the preset reaches about 0.02."),
        ExpectedFigure.AtLeast("grammatical share of written sentences", 0.9, "", "The goal of the embedded default; a sentence must also agree with its story."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 65;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        TrainingConfig config = TrainingPresets.Find(TrainingPresets.Stories).Config with { SampleInterval = 0 };
        (Corpus corpus, Tokenizer tokenizer) = StoryCorpus.Create(config.Seed, config.VocabularySize);
        return TemporaryRun.Use(folder =>
        {
            RunDirectory directory = new(folder);
            using TrainingRun run = TrainingRun.Create(directory, config, corpus, tokenizer);
            RunOutcome outcome = run.Run(new RunObserver { Stepped = (step, _) => progress.Report($"step {step.Step} of {config.Steps}, loss {step.Loss:F3}") }, cancellation);
            cancellation.ThrowIfCancellationRequested();
            Generator generator = new(LanguageModel.Load(directory.Model));
            string[] stories = [.. Enumerable.Range(0, StoryCount).Select(i => generator.Write("", MaxTokens, new SamplingSettings { Temperature = 0.8, MinP = 0.2, Seed = config.Seed }, (uint)i).Trim())];
            StoryReport report = new StoryRecognizer(StoryGrammar.Default).Examine(string.Join('\n', stories) + "\n");
            double above = outcome.HeldOutLoss - corpus.EntropyFloor!.Value;
            return (IReadOnlyList<double>)[above, above, report.GrammaticalShare];
        });
    }
}

/// <summary>A run's folder that goes away afterwards.</summary>
internal static class TemporaryRun
{
    internal static T Use<T>(Func<string, T> action)
    {
        string folder = Directory.CreateTempSubdirectory("weft-reproduce-").FullName;
        try
        {
            return action(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

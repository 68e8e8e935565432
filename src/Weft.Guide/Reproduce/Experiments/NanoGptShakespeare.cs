using Weft.Tokenizers;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Runs;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>nanoGPT's CPU example, to the loss that its README names.</summary>
public sealed class NanoGptShakespeare : Experiment
{
    private static readonly ulong[] s_seeds = [1337, 1, 2];

    internal static string TextPath => Path.Combine(Environment.GetEnvironmentVariable("WEFT_SHARED") ?? Path.Combine("..", "shared"), "data", "corpora", "tinyshakespeare", "input.txt");

    /// <inheritdoc/>
    public override string Name => "nanogpt-shakespeare-cpu";

    /// <inheritdoc/>
    public override string Claim => "A character model of 4 layers x 128 reaches a validation loss of about 1.88 on tiny Shakespeare in 2,000 steps.";

    /// <inheritdoc/>
    public override string Source => "nanoGPT's README, quick start on a CPU (github.com/karpathy/nanoGPT): 1.88, estimated on 20 batches.";

    /// <inheritdoc/>
    public override string Procedure => $"Train the preset 'nanogpt-shakespeare-cpu' with the seeds {string.Join(", ", s_seeds)}; the loss is on the whole last tenth, each token predicted once.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("held-out loss, mean of 3 seeds", 1.92, "nats per character", "1.88 in the README is an estimate on about 1 % of the text; seeds differ by about 0.01."),
        ExpectedFigure.Exactly("parameters", 813_568, "", "See docs/decisions/0003."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 110;

    /// <inheritdoc/>
    public override ExperimentPace Pace => ExperimentPace.Nightly;

    /// <inheritdoc/>
    public override string? Missing => MissingText;

    internal static string? MissingText => File.Exists(TextPath) ? null : $"needs tiny Shakespeare as {TextPath}; set WEFT_SHARED to the folder that holds data/corpora.";

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        string text = TextFiles.Read(TextPath);
        double sum = 0, parameters = 0;
        foreach (ulong seed in s_seeds)
        {
            TrainingConfig config = TrainingPresets.Find("nanogpt-shakespeare-cpu").Config with { Seed = seed, SampleInterval = 0 };
            (Corpus corpus, Tokenizer tokenizer) = TextCorpus.Create(text, config, null, "tinyshakespeare");
            sum += TemporaryRun.Use(folder =>
            {
                using TrainingRun run = TrainingRun.Create(new RunDirectory(folder), config, corpus, tokenizer);
                parameters = run.Model.ParameterCount;
                double loss = run.Run(new RunObserver { Stepped = (step, _) => progress.Report($"seed {seed}, step {step.Step} of {config.Steps}, loss {step.Loss:F3}") }, cancellation).HeldOutLoss;
                cancellation.ThrowIfCancellationRequested();
                return loss;
            });
        }
        return [sum / s_seeds.Length, parameters];
    }
}

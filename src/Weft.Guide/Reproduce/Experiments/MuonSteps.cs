using Weft.Tokenizers;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Runs;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Muon needs fewer steps than AdamW for the same loss.</summary>
public sealed class MuonSteps : Experiment
{
    private const long AdamSteps = 2000, MuonStepCount = 1600, Interval = 100;

    /// <inheritdoc/>
    public override string Name => "muon-steps";

    /// <inheritdoc/>
    public override string Claim => "Muon reaches the loss of AdamW in at most 80 % of its steps.";

    /// <inheritdoc/>
    public override string Source => "Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks; Liu et al. 2025, arXiv:2502.16982 (about half of AdamW's training).";

    /// <inheritdoc/>
    public override string Procedure =>
        $"Train the preset 'nanogpt-shakespeare-cpu' on tiny Shakespeare for {AdamSteps:N0} steps with its AdamW; then for {MuonStepCount:N0} with Muon for the blocks' matrices, at four times the rate. Muon's step is the first measurement, every {Interval} steps, at or below AdamW's last.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("Muon's steps over AdamW's", 0.8, "", "The claim; measured at 0.4 with this seed."),
        ExpectedFigure.AtMost("held-out loss of Muon less AdamW's, at the end", 0, "nats per character", "With a fifth fewer steps it must not end above."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 90;

    /// <inheritdoc/>
    public override ExperimentPace Pace => ExperimentPace.Nightly;

    /// <inheritdoc/>
    public override string? Missing => NanoGptShakespeare.MissingText;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        TrainingConfig preset = TrainingPresets.Find("nanogpt-shakespeare-cpu").Config with { SampleInterval = 0, EvaluationInterval = Interval };
        (Corpus corpus, Tokenizer tokenizer) = TextCorpus.Create(TextFiles.Read(NanoGptShakespeare.TextPath), preset, null, "tinyshakespeare");
        List<(long Step, double Loss)> adam = Train(preset with { Steps = AdamSteps });
        List<(long Step, double Loss)> muon = Train(preset with { Steps = MuonStepCount, Optimizer = "muon", LearningRate = 4 * preset.LearningRate });
        double target = adam[^1].Loss;
        long reached = muon.FirstOrDefault(m => m.Loss <= target, (long.MaxValue, 0)).Step;
        return [(double)reached / AdamSteps, muon[^1].Loss - target];

        List<(long, double)> Train(TrainingConfig config) => TemporaryRun.Use(folder =>
        {
            using TrainingRun run = TrainingRun.Create(new RunDirectory(folder), config, corpus, tokenizer);
            List<(long, double)> losses = [];
            run.Run(new RunObserver
            {
                Stepped = (step, _) => progress.Report($"{config.Optimizer}, step {step.Step} of {config.Steps}, loss {step.Loss:F3}"),
                Measured = (step, loss, _) => losses.Add((step, loss)),
            }, cancellation);
            cancellation.ThrowIfCancellationRequested();
            return losses;
        });
    }
}

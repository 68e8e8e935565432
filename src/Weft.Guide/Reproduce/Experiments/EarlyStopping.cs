using Weft.Tokenizers;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Runs;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>A run with patience ends after its best measurement, and keeps that model.</summary>
public sealed class EarlyStopping : Experiment
{
    private const int Patience = 3;

    /// <inheritdoc/>
    public override string Name => "early-stopping";

    /// <inheritdoc/>
    public override string Claim => "A run that stops early returns the model of the step at which the held-out loss was lowest.";

    /// <inheritdoc/>
    public override string Source => "Prechelt 1998, Early stopping, but when?; Goodfellow, Bengio and Courville 2016, algorithm 7.1.";

    /// <inheritdoc/>
    public override string Procedure => $"Train a small GPT on 3,000 characters until the held-out loss has not fallen for {Patience} measurements; compare the step and the loss that it returns with the lowest of all that were measured.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Exactly("steps between the returned model and the lowest measured loss", 0, "steps", "That is what early stopping is."),
        ExpectedFigure.Exactly("measurements after the lowest", Patience, "", "It stops when its patience is over, not before and not later."),
        ExpectedFigure.AtMost("returned model's loss beside the lowest measured", 1e-9, "nats per token", "The saved model is the one that was measured, on the same text."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 8;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        // Letters at random: there is nothing to learn but their frequencies, and much to learn by heart.
        Tensors.RandomGenerator generator = new(4);
        string text = string.Concat(Enumerable.Range(0, 3000).Select(_ => (char)('a' + generator.NextInt32(12))));
        TrainingConfig config = new()
        {
            Tokenizer = "character", ContextLength = 32, HiddenSize = 64, BlockCount = 2, HeadCount = 4, BatchSize = 16, Steps = 2000, LearningRate = 3e-3, MinimumLearningRate = 3e-3, WarmupSteps = 0,
            EvaluationInterval = 20, EvaluationRows = 0, Patience = Patience, SampleInterval = 0, ValidationFraction = 0.3,
        };
        (Corpus corpus, Tokenizer tokenizer) = TextCorpus.Create(text, config, null, "letters");
        return TemporaryRun.Use(folder =>
        {
            RunDirectory directory = new(folder);
            RunOutcome outcome;
            using (TrainingRun run = TrainingRun.Create(directory, config, corpus, tokenizer))
                outcome = run.Run(new RunObserver { Measured = (step, loss, _) => progress.Report($"step {step}, held-out loss {loss:F4}") }, cancellation);
            cancellation.ThrowIfCancellationRequested();
            // The end of a run measures the last step once more; it counts once.
            MetricPoint[] measured = [.. MetricsLog.Read(directory.Metrics).Points.Where(static p => p.ValidationLoss is not null).DistinctBy(static p => p.Step)];
            MetricPoint lowest = measured.MinBy(static p => p.ValidationLoss);
            return (IReadOnlyList<double>)
            [
                Math.Abs(outcome.BestStep - lowest.Step),
                outcome.StoppedEarly ? measured.Count(p => p.Step > lowest.Step) : double.NaN,
                Math.Abs(outcome.HeldOutLoss - lowest.ValidationLoss!.Value),
            ];
        });
    }
}

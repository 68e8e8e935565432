using Weft.Training.Data;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>An epoch shows each document once.</summary>
public sealed class EpochCoverage : Experiment
{
    private const int Documents = 1003, Batch = 7, Epochs = 5;

    /// <inheritdoc/>
    public override string Name => "epoch-coverage";

    /// <inheritdoc/>
    public override string Claim => "Each document is seen exactly once in each epoch, in a new order, whatever the batch size.";

    /// <inheritdoc/>
    public override string Source => "Bottou 2009, Curiously fast convergence of some stochastic gradient descent algorithms: shuffled passes beat drawing with replacement.";

    /// <inheritdoc/>
    public override string Procedure => $"Take batches of {Batch} of {Documents:N0} documents for {Epochs} epochs and count how often each comes in each epoch.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Exactly("documents not seen once in an epoch", 0, "", "An epoch is a permutation."),
        ExpectedFigure.AtMost("documents in the same place in two epochs running", 8, "", "Two random orders agree in about one place; more than 8 has a chance of one in a million."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        DocumentRows rows = new([.. Enumerable.Range(0, Documents).Select(static i => (int[])[i, 0])], seed: 3);
        TokenBatch batch = new(Batch, 1);
        List<int> seen = [];
        for (long step = 0; seen.Count < Documents * Epochs; step++)
        {
            rows.Fill(step, batch);
            seen.AddRange(batch.Inputs.AsSpan<int>());
        }
        int missing = 0, same = 0;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            List<int> order = seen.GetRange(epoch * Documents, Documents);
            missing += Documents - order.Distinct().Count();
            if (epoch > 0) same = Math.Max(same, order.Where((document, i) => seen[(epoch - 1) * Documents + i] == document).Count());
        }
        return [missing, same];
    }
}

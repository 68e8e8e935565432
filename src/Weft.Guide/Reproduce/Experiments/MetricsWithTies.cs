using Weft.Analysis.Evaluation;
using Weft.Tensors;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Scores of rankings are right where scores are tied.</summary>
public sealed class MetricsWithTies : Experiment
{
    private const int Count = 400, Levels = 9;

    /// <inheritdoc/>
    public override string Name => "metrics-ties";

    /// <inheritdoc/>
    public override string Claim => "ROC area and average precision are those of their definitions, as scikit-learn computes them, where many examples share a score.";

    /// <inheritdoc/>
    public override string Source => "Hanley and McNeil 1982: the area is the probability that a positive outranks a negative, a tie counting half; scikit-learn's user guide, section 3.4.4 (figures of its examples).";

    /// <inheritdoc/>
    public override string Procedure => $"{Count} examples with scores of only {Levels} values: count all pairs, and walk all thresholds, by plain loops; then scikit-learn's own documented example.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("ROC area beside counted pairs", 1e-12, "", "Both are exact but for rounding."),
        ExpectedFigure.AtMost("average precision beside walked thresholds", 1e-12, "", "Both are exact but for rounding."),
        ExpectedFigure.Near("roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])", 0.75, 1e-12, "", "scikit-learn's documentation of roc_auc_score."),
        ExpectedFigure.Near("average_precision_score of the same", 0.8333333333333333, 1e-12, "", "scikit-learn's documentation of average_precision_score prints 0.83; (1/1 + 2/3) / 2 by hand."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        RandomGenerator generator = new(8);
        bool[] actual = [.. Enumerable.Range(0, Count).Select(_ => generator.NextDouble() < 0.3)];
        double[] scores = [.. actual.Select(a => Math.Min(Levels - 1, generator.NextInt32(Levels) + (a ? 2 : 0)))];

        double wins = 0, pairs = 0;
        for (int i = 0; i < Count; i++)
        {
            for (int j = 0; j < Count; j++)
            {
                if (!actual[i] || actual[j]) continue;
                pairs++;
                wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
        }
        double precisionSum = 0, recallBefore = 0, positives = actual.Count(static a => a);
        for (int threshold = Levels - 1; threshold >= 0; threshold--)
        {
            double hits = actual.Where((a, i) => a && scores[i] >= threshold).Count(), found = scores.Count(s => s >= threshold);
            if (found == 0) continue;
            precisionSum += (hits / positives - recallBefore) * (hits / found);
            recallBefore = hits / positives;
        }
        BinaryCurves curves = new(actual, scores), documented = new([false, false, true, true], [0.1, 0.4, 0.35, 0.8]);
        return [Math.Abs(curves.RocArea() - wins / pairs), Math.Abs(curves.AveragePrecision() - precisionSum), documented.RocArea(), documented.AveragePrecision()];
    }
}

using Weft.Tensors;
using Weft.Training.Runs;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>A run's curves say how it fits.</summary>
public sealed class FitLabels : Experiment
{
    private const int Seeds = 50, Steps = 2000;

    // Training and held-out loss at the part t of a run, by what they were made to show.
    private static readonly (FitVerdict Verdict, Func<double, double> Training, Func<double, double> HeldOut)[] s_runs =
    [
        (FitVerdict.Converged, static t => 1.5 + 3 * Math.Exp(-9 * t), static t => 1.55 + 3 * Math.Exp(-9 * t)),
        (FitVerdict.Underfitting, static t => 1 + 3.5 * Math.Exp(-1.5 * t), static t => 1.05 + 3.5 * Math.Exp(-1.5 * t)),
        (FitVerdict.Overfitting, static t => 0.3 + 4 * Math.Exp(-6 * t), static t => 1.5 + 3 * Math.Exp(-12 * t) + 0.8 * t),
        (FitVerdict.Overfitting, static t => 0.1 + 4 * Math.Exp(-10 * t), static t => 2 + 2 * Math.Exp(-10 * t)),
        (FitVerdict.Diverging, static t => t < 0.5 ? 2 + 2.5 * Math.Exp(-12 * t) : 2 + 5 * (t - 0.5), static t => t < 0.5 ? 2 + 2.5 * Math.Exp(-12 * t) : 2 + 5 * (t - 0.5)),
        (FitVerdict.Diverging, static t => t < 0.7 ? 2 + 2.5 * Math.Exp(-12 * t) : double.NaN, static t => 2 + 2.5 * Math.Exp(-12 * t)),
    ];

    /// <inheritdoc/>
    public override string Name => "fit-diagnosis";

    /// <inheritdoc/>
    public override string Claim => "From its curves alone, weft report tells whether a run underfits, overfits, diverges or has converged.";

    /// <inheritdoc/>
    public override string Source => "Goodfellow, Bengio and Courville 2016, Deep Learning, sections 5.2 and 11.3.";

    /// <inheritdoc/>
    public override string Procedure => $"Judge {s_runs.Length} shapes of curves, {Seeds} times each with other noise, whose verdict is known from how they were made.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } = [ExpectedFigure.Exactly("runs labelled wrongly", 0, "", "The shapes are clear; only noise could mislead.")];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        int wrong = 0;
        foreach ((FitVerdict verdict, Func<double, double> training, Func<double, double> heldOut) in s_runs)
        {
            for (ulong seed = 0; seed < Seeds; seed++)
            {
                RandomGenerator generator = new(seed);
                List<MetricPoint> points = [];
                for (int step = 10; step <= Steps; step += 10)
                {
                    points.Add(new MetricPoint { Step = step, Loss = training((double)step / Steps) + 0.05 * generator.NextGaussian() });
                    if (step % 100 == 0) points.Add(new MetricPoint { Step = step, ValidationLoss = heldOut((double)step / Steps) + 0.01 * generator.NextGaussian() });
                }
                if (FitDiagnosis.Of(new MetricHistory(points, MetricHistory.Empty.Other)).Verdict != verdict) wrong++;
            }
        }
        return [wrong];
    }
}

using Weft.Tensors;
using Weft.Training.Runs;

namespace Weft.Training.Tests.Runs;

/// <summary>Canned curves whose shape says by construction how the run fits.</summary>
public sealed class FitDiagnosisTests
{
    private const int Steps = 2000;

    // Each shape: training and held-out loss at t in (0, 1], and the verdict that it was made for.
    private static readonly (string Name, FitVerdict Verdict, double? Floor, Func<double, double> Training, Func<double, double> HeldOut)[] s_shapes =
    [
        ("at rest beside each other", FitVerdict.Converged, null, t => 1.5 + 3 * Math.Exp(-9 * t), t => 1.55 + 3 * Math.Exp(-9 * t)),
        ("at rest near the floor", FitVerdict.Converged, 1.4, t => 1.5 + 3 * Math.Exp(-9 * t), t => 1.55 + 3 * Math.Exp(-9 * t)),
        ("a cosine's last fall", FitVerdict.Converged, null, t => 1.5 + 3 * Math.Exp(-12 * t) + 0.01 * (1 - t), t => 1.6 + 3 * Math.Exp(-12 * t) + 0.01 * (1 - t)),
        ("the held-out loss rises again", FitVerdict.Overfitting, null, t => 0.3 + 4 * Math.Exp(-6 * t), t => 1.5 + 3 * Math.Exp(-12 * t) + 0.8 * t),
        ("the held-out loss rises early and far", FitVerdict.Overfitting, null, t => 0.05 + 4 * Math.Exp(-20 * t), t => 1.8 + 2 * Math.Exp(-30 * t) + 2 * t),
        ("the training loss leaves the held-out one", FitVerdict.Overfitting, null, t => 2.5 - 1.5 * t + 2 * Math.Exp(-15 * t), t => 2.3 + 2 * Math.Exp(-15 * t)),
        ("learnt by heart, both at rest", FitVerdict.Overfitting, null, t => 0.1 + 4 * Math.Exp(-10 * t), t => 2 + 2 * Math.Exp(-10 * t)),
        ("still falling", FitVerdict.Underfitting, null, t => 1 + 3.5 * Math.Exp(-1.5 * t), t => 1.05 + 3.5 * Math.Exp(-1.5 * t)),
        ("a straight fall", FitVerdict.Underfitting, null, t => 4 - 2 * t, t => 4.05 - 2 * t),
        ("at rest far above the floor", FitVerdict.Underfitting, 0.5, t => 2.5 + 2 * Math.Exp(-9 * t), t => 2.55 + 2 * Math.Exp(-9 * t)),
        ("hardly falls", FitVerdict.Underfitting, null, t => 4.5 - 0.05 * Math.Min(1, 5 * t), t => 4.5 - 0.05 * Math.Min(1, 5 * t)),
        ("falls, then climbs", FitVerdict.Diverging, null, t => t < 0.5 ? 2 + 2.5 * Math.Exp(-12 * t) : 2 + 5 * (t - 0.5), t => t < 0.5 ? 2 + 2.5 * Math.Exp(-12 * t) : 2 + 5 * (t - 0.5)),
        ("climbs from the start", FitVerdict.Diverging, null, t => 4 + 3 * t, t => 4 + 3 * t),
        ("becomes NaN", FitVerdict.Diverging, null, t => t < 0.7 ? 2 + 2.5 * Math.Exp(-12 * t) : double.NaN, t => 2 + 2.5 * Math.Exp(-12 * t)),
    ];

    public static TheoryData<string, double, int> Runs
    {
        get
        {
            TheoryData<string, double, int> runs = [];
            foreach (string name in s_shapes.Select(static s => s.Name))
                foreach (double noise in (double[])[0, 0.02, 0.08])
                    foreach (int logInterval in (int[])[10, 50]) runs.Add(name, noise, logInterval);
            return runs;
        }
    }

    // 20 seeds each: a verdict must not hang on the noise of single batches.
    [Theory]
    [MemberData(nameof(Runs))]
    public void Of_CannedRun_GivesTheVerdictItWasMadeFor(string name, double noise, int logInterval)
    {
        (_, FitVerdict verdict, double? floor, Func<double, double> training, Func<double, double> heldOut) = s_shapes.Single(s => s.Name == name);
        for (ulong seed = 0; seed < 20; seed++)
        {
            FitDiagnosis fit = FitDiagnosis.Of(Canned(training, heldOut, noise, logInterval, seed), floor);
            Assert.True(verdict == fit.Verdict, $"seed {seed}: {fit}");
            Assert.NotEmpty(fit.Advice);
        }
    }

    // Without held-out losses overfitting cannot be seen, the rest can.
    [Fact]
    public void Of_RunWithoutHeldOutLoss_JudgesByTheTrainingLoss()
    {
        foreach ((_, FitVerdict verdict, double? floor, Func<double, double> training, _) in s_shapes.Where(static s => s.Verdict != FitVerdict.Overfitting))
        {
            MetricHistory metrics = Canned(training, training, 0.02, 10, 1);
            Assert.Equal(verdict, FitDiagnosis.Of(new MetricHistory([.. metrics.Points.Where(static p => p.ValidationLoss is null)], metrics.Other), floor).Verdict);
        }
    }

    [Fact]
    public void Of_FewMeasures_SaysSo()
    {
        Assert.Equal(FitVerdict.TooShort, FitDiagnosis.Of(MetricHistory.Empty).Verdict);
        Assert.StartsWith("The run is too short to judge. It has 3 measures", FitDiagnosis.Of(new MetricHistory([.. Enumerable.Range(1, 3).Select(i => new MetricPoint { Step = i, Loss = 1 })], MetricHistory.Empty.Other)).ToString(), StringComparison.Ordinal);
    }

    private static MetricHistory Canned(Func<double, double> training, Func<double, double> heldOut, double noise, int logInterval, ulong seed)
    {
        RandomGenerator generator = new(seed);
        noise *= Math.Sqrt(10.0 / logInterval); // a point of the log is the mean of the steps since the one before
        List<MetricPoint> points = [];
        for (int step = logInterval; step <= Steps; step += logInterval)
        {
            double t = (double)step / Steps;
            points.Add(new MetricPoint { Step = step, Loss = training(t) + noise * generator.NextGaussian() });
            // Held-out text is measured on many batches: its noise is a quarter.
            if (step % 100 == 0) points.Add(new MetricPoint { Step = step, ValidationLoss = heldOut(t) + noise / 4 * generator.NextGaussian() });
        }
        return new MetricHistory(points, MetricHistory.Empty.Other);
    }
}

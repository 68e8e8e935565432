namespace Weft.Training.Schedules;

/// <summary>One step of a range test.</summary>
/// <param name="Rate">The rate.</param>
/// <param name="Loss">The loss before the update.</param>
/// <param name="Smoothed">The running mean of losses.</param>
public readonly record struct RateTrial(double Rate, double Loss, double Smoothed);

/// <summary>What a range test found.</summary>
/// <param name="Trials">Every step.</param>
/// <param name="Steepest">The rate at which the loss fell fastest.</param>
/// <param name="Lowest">The rate at which it was lowest, beyond which steps are too long.</param>
/// <param name="Suggestion">A peak rate to begin with; NaN if the loss never fell.</param>
/// <param name="Reason">Why that one, in a sentence or two.</param>
public sealed record RateFinding(IReadOnlyList<RateTrial> Trials, double Steepest, double Lowest, double Suggestion, string Reason);

/// <summary>Finds a learning rate by letting it grow until the loss explodes (the range test of Smith 2017, arXiv:1506.01186, section 3.3).</summary>
/// <remarks>The weights are used up: run it on a copy or a fresh model.</remarks>
public static class LearningRateFinder
{
    // The weight of the past in the running mean, and how far above the lowest loss the test ends (fastai's values).
    private const double Smoothing = 0.9, Explosion = 4;

    /// <summary>The rates of a test: from the first to the last in equal ratios.</summary>
    public static LearningRateSchedule Rates(double first, double last, int steps)
    {
        if (!(first > 0 && last > first && double.IsFinite(last))) throw new ArgumentException(FormattableString.Invariant($"LearningRateFinder: rates must rise from above 0: {first} to {last}."));
        if (steps < 10) throw new ArgumentException($"LearningRateFinder: {steps} steps are too few to see a curve; at least 10.");
        return new FunctionSchedule(first, t => Math.Pow(last / first, t / (steps - 1.0)));
    }

    /// <summary>Runs the test.</summary>
    /// <param name="step">Makes one step at the rate of <see cref="Rates"/> and gives rate and loss.</param>
    /// <param name="steps">Steps at most.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static RateFinding Run(Func<(double Rate, double Loss)> step, int steps, CancellationToken cancellation = default)
    {
        List<RateTrial> trials = [];
        double mean = 0, lowest = double.PositiveInfinity;
        for (int t = 0; t < steps; t++)
        {
            cancellation.ThrowIfCancellationRequested();
            double rate, loss;
            try
            {
                (rate, loss) = step();
            }
            catch (ArithmeticException)
            {
                break; // it diverged, which is what the test is for
            }
            mean = Smoothing * mean + (1 - Smoothing) * loss;
            double smoothed = mean / (1 - Math.Pow(Smoothing, t + 1));
            trials.Add(new RateTrial(rate, loss, smoothed));
            lowest = Math.Min(lowest, smoothed);
            if (!double.IsFinite(loss) || (t > 10 && smoothed > lowest + (Explosion - 1) * Math.Abs(lowest))) break;
        }
        return Judge(trials);
    }

    /// <summary>Reads a curve: half of the way, in logarithms, from the steepest fall to a tenth of the lowest point.</summary>
    public static RateFinding Judge(IReadOnlyList<RateTrial> trials)
    {
        int lowest = 0, steepest = -1;
        for (int i = 1; i < trials.Count; i++) if (trials[i].Smoothed < trials[lowest].Smoothed) lowest = i;
        double slope = 0;
        for (int i = 2; i <= lowest - 1; i++)
        {
            double here = (trials[i + 1].Smoothed - trials[i - 1].Smoothed) / Math.Log(trials[i + 1].Rate / trials[i - 1].Rate);
            if (here < slope) (slope, steepest) = (here, i);
        }
        if (steepest < 0) return new RateFinding(trials, double.NaN, double.NaN, double.NaN, "The loss did not fall at any rate: begin the test at a lower rate, or look for a fault in the data.");
        double fast = trials[steepest].Rate, low = trials[lowest].Rate, suggestion = Math.Sqrt(fast * (low / 10));
        return new RateFinding(trials, fast, low, suggestion, string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"The loss falls fastest at a rate of {fast:G2} and is lowest at {low:G2}; beyond that, steps are too long. A tenth of the lowest point is safe, the steepest is fast: {suggestion:G2} lies between them."));
    }
}

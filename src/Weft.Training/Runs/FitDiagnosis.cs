using System.Globalization;

namespace Weft.Training.Runs;

/// <summary>What a run's curves say about how well the model fits.</summary>
public enum FitVerdict
{
    /// <summary>There is too little to judge by.</summary>
    TooShort,

    /// <summary>The training loss rises, or is no longer a number.</summary>
    Diverging,

    /// <summary>The training loss falls while the loss on held-out text does not: the model learns its text by heart.</summary>
    Overfitting,

    /// <summary>Both losses could still fall: the run was too short, or the model or its rate too small.</summary>
    Underfitting,

    /// <summary>Both losses have come to rest beside each other.</summary>
    Converged,
}

/// <summary>Reads a run's curves as a practitioner would, and says what to try.</summary>
/// <remarks>
/// The rules compare parts of the curves with the whole fall of the loss and with its own noise, so that they depend neither on
/// the unit nor on the length of a run. They follow Goodfellow, Bengio and Courville 2016, Deep Learning, sections 5.2 and 11.3:
/// the training loss says whether the model can fit, the gap to the held-out loss whether what it fitted is general.
/// </remarks>
public sealed record FitDiagnosis
{
    // Shares of the whole fall (from the first training loss to the lowest).
    private const double RiseThatDiverges = 0.2;   // a cosine schedule or a hard batch moves the end by far less
    private const double StillFalling = 0.02;      // in the last third: what a loss at rest (e^-5t) has left is below that
    private const double RiseThatOverfits = 0.02;  // of the held-out loss above its own best
    private const double GapThatOverfits = 0.1;    // between both losses at the end, while only one still falls
    private const double HardlyFell = 0.05;        // of the first loss itself
    private const double AboveTheFloor = 0.15;     // where the floor is known

    // What must stand out from the noise: this many standard errors of the means compared.
    private const double Certainty = 4;
    private const int PointsNeeded = 10;

    private FitDiagnosis(FitVerdict verdict, string reason, params string[] advice) => (Verdict, Reason, Advice) = (verdict, reason, advice);

    /// <summary>The verdict.</summary>
    public FitVerdict Verdict { get; }

    /// <summary>What in the curves it rests on, in one or two sentences.</summary>
    public string Reason { get; }

    /// <summary>What to try, the likeliest first.</summary>
    public IReadOnlyList<string> Advice { get; }

    /// <summary>The verdict as a clause: "The run overfits."</summary>
    public string Sentence => Verdict switch
    {
        FitVerdict.Diverging => "The run diverges.",
        FitVerdict.Overfitting => "The run overfits.",
        FitVerdict.Underfitting => "The run underfits.",
        FitVerdict.Converged => "The run has converged.",
        _ => "The run is too short to judge.",
    };

    /// <summary>Verdict, reason and advice as one paragraph.</summary>
    public override string ToString() => $"{Sentence} {Reason}{(Advice.Count > 0 ? " What to try: " + string.Join("; ", Advice) + "." : "")}";

    /// <summary>Judges a run.</summary>
    /// <param name="metrics">Its measures; training and held-out losses count.</param>
    /// <param name="floor">The lowest loss that is possible, where it is known.</param>
    public static FitDiagnosis Of(MetricHistory metrics, double? floor = null)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        Curve training = new(metrics, static p => p.Loss), heldOut = new(metrics, static p => p.ValidationLoss);
        if ((training.FirstNotFinite ?? heldOut.FirstNotFinite) is { } bad)
            return Diverging($"The loss is not a number from step {bad.ToString("N0", CultureInfo.InvariantCulture)} on.");
        if (training.Count < PointsNeeded)
            return new(FitVerdict.TooShort, $"It has {training.Count} measures of the training loss; {PointsNeeded} are needed.", "train for more steps", "measure more often (logInterval, evaluationInterval)");

        double start = training.Start, lowest = training.Lowest, end = training.End, fall = start - lowest, error = training.ErrorOfEnd;
        if (end - lowest > Math.Max(Math.Max(RiseThatDiverges * fall, HardlyFell * Math.Abs(lowest)), Certainty * error))
            return Diverging($"The training loss rose from {N(lowest)} to {N(end)}.");

        bool falls = training.LateFall > Math.Max(StillFalling * fall, Certainty * training.ErrorOfLateFall);
        if (fall < Math.Max(HardlyFell * Math.Abs(start), Certainty * training.Noise) && !(floor is { } bound && end - bound < AboveTheFloor * (start - bound)))
            return new(FitVerdict.Underfitting, $"The training loss hardly fell: from {N(start)} to {N(end)}.", "raise learningRate", "look whether the text and its tokens are what they should be (weft tokenizer)", "use a larger model");
        if (heldOut.Count >= 3 && Overfitting(training, heldOut, start, end, falls) is { } overfitting) return overfitting;
        if (falls && (heldOut.Count < 3 || heldOut.LateFall > StillFalling / 2 * fall))
            return new(FitVerdict.Underfitting, $"The losses still fell at the end, the training loss by {N(training.LateFall)} over the last third.", "train for more steps (weft train --resume --steps N)", "raise learningRate, or let it fall later (decaySteps)");

        double measured = heldOut.Count > 0 ? heldOut.Last : end;
        if (floor is { } f && measured - f > AboveTheFloor * (start - f))
            return new(FitVerdict.Underfitting, $"The losses rest {N(measured - f)} above the lowest that is possible, {N(f)}.", "use a larger model (hiddenSize, blockCount) or a longer contextLength", "lower dropout and other regularization", "raise learningRate");
        string beside = heldOut.Count > 0 ? $", and the held-out loss with it at {N(heldOut.Last)}" : "";
        string above = floor is { } lower ? $", {N(measured - lower)} above the lowest possible" : "";
        return new(FitVerdict.Converged, $"The training loss has come to rest at {N(end)}{beside}{above}.", "for a lower loss: a larger model, or more text", $"for a shorter run: it was within 1 % of its fall by step {training.StepWithin(end + 0.01 * fall).ToString("N0", CultureInfo.InvariantCulture)}");
    }

    private static FitDiagnosis Diverging(string reason) =>
        new(FitVerdict.Diverging, reason, "lower learningRate to a third", "raise warmupSteps", "limit the gradient (clipNorm=1)", "look at the gradient norm before the rise: one bad batch shows as a spike");

    // Either the held-out loss rose from its best, or it rests while the training loss goes on falling away from it.
    private static FitDiagnosis? Overfitting(Curve training, Curve heldOut, double start, double end, bool falls)
    {
        double best = heldOut.Lowest, last = heldOut.Last, scale = start - Math.Min(best, end), gap = last - end, noise = heldOut.Noise;
        string step = heldOut.LowestStep.ToString("N0", CultureInfo.InvariantCulture);
        string[] advice = ["more text", "keep the model of the best step (the run's folder holds it) and stop there next time (patience=3)", "dropout=0.1 or more, labelSmoothing, tokenMask, a larger weightDecay", "a smaller model"];
        if (last - best > Math.Max(RiseThatOverfits * scale, Certainty * noise) && end < training.Near(heldOut.LowestStep) + RiseThatOverfits * scale)
            return new(FitVerdict.Overfitting, $"The held-out loss was best at step {step}, {N(best)}, and has risen to {N(last)} while the training loss went on to {N(end)}.", advice);
        bool rests = !(heldOut.LateFall > Math.Max(StillFalling * scale / 2, Certainty * heldOut.ErrorOfLateFall));
        if (gap > Math.Max(GapThatOverfits * scale, Certainty * training.ErrorOfEnd) && rests && (falls || gap > 2.5 * GapThatOverfits * scale))
            return new(FitVerdict.Overfitting, $"The held-out loss rests at {N(last)}, but the training loss is {N(gap)} below it at {N(end)}.", advice);
        return null;
    }

    private static string N(double value) => value.ToString(Math.Abs(value) >= 0.0995 ? "F3" : "G2", CultureInfo.InvariantCulture);

    private sealed class Curve
    {
        private readonly List<double> _steps = [], _values = [];

        internal Curve(MetricHistory metrics, Func<MetricPoint, double?> measure)
        {
            foreach (MetricPoint point in metrics.Points)
            {
                if (measure(point) is not { } value) continue;
                if (!double.IsFinite(value)) FirstNotFinite ??= point.Step;
                _steps.Add(point.Step);
                _values.Add(value);
            }
            if (Count == 0) return;
            // A straight line through the last two fifths: its slope is the trend, what is left the noise.
            int first = Count * 3 / 5, n = Count - first;
            List<double> x = _steps.GetRange(first, n), y = _values.GetRange(first, n);
            double meanX = x.Average(), meanY = y.Average(), spread = x.Sum(v => (v - meanX) * (v - meanX)), third = (LastStep - _steps[0]) / 3;
            double slope = spread > 0 ? Enumerable.Range(0, n).Sum(i => (x[i] - meanX) * (y[i] - meanY)) / spread : 0;
            Noise = n > 2 ? Math.Sqrt(Enumerable.Range(0, n).Sum(i => Math.Pow(y[i] - meanY - slope * (x[i] - meanX), 2)) / (n - 2)) : 0;
            (LateFall, ErrorOfLateFall) = (-slope * third, spread > 0 ? Noise / Math.Sqrt(spread) * third : 0);
        }

        internal int Count => _values.Count;

        internal long? FirstNotFinite { get; }

        /// <summary>The deviation of single values from the trend of the end.</summary>
        internal double Noise { get; }

        /// <summary>How far the trend of the end falls over a third of the run, and its standard error.</summary>
        internal double LateFall { get; }

        internal double ErrorOfLateFall { get; }

        internal double Start => _values[0];

        internal double Last => _values[^1];

        internal long LastStep => (long)_steps[^1];

        /// <summary>The lowest mean over five neighbours; of fewer than 20 points the lowest itself.</summary>
        internal double Lowest => Count < 20 ? _values.Min() : Enumerable.Range(0, Count - 4).Min(i => _values.GetRange(i, 5).Average());

        internal long LowestStep => (long)_steps[_values.IndexOf(_values.Min())];

        /// <summary>The mean of the last tenth, and its standard error.</summary>
        internal double End => _values.GetRange(Count - LastTenth, LastTenth).Average();

        internal double ErrorOfEnd => Noise / Math.Sqrt(LastTenth);

        /// <summary>The mean of the few values nearest to a step.</summary>
        internal double Near(long step) => Enumerable.Range(0, Count).OrderBy(i => Math.Abs(_steps[i] - step)).Take(Math.Max(1, Math.Min(5, Count / 8))).Average(i => _values[i]);

        internal long StepWithin(double value)
        {
            for (int i = 0; i < Count; i++) if (_values.GetRange(i, Math.Min(5, Count - i)).Average() <= value) return (long)_steps[i];
            return LastStep;
        }

        private int LastTenth => Math.Max(1, Count / 10);
    }
}

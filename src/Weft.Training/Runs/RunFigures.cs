using System.Globalization;

namespace Weft.Training.Runs;

/// <summary>What a report shows of a run's measures: single figures and curves.</summary>
internal sealed class RunFigures
{
    // A running mean over this part of the run shows the trend and hides the noise of single batches.
    private const double SmoothingPart = 0.02;

    // The fall of the first steps, from the loss of a uniform guess, would press the rest of the curve flat.
    private const double StartPart = 0.02;
    private const int PointsForCutting = 100;

    private readonly IReadOnlyList<MetricPoint> _points;
    private readonly MetricHistory _metrics;
    private readonly (double[] X, double[] Y) _loss;
    private readonly (double[] X, double[] Y) _validation;
    private readonly double[] _smoothLoss;

    public RunFigures(RunSummary summary)
    {
        _metrics = summary.Metrics;
        _points = summary.Metrics.Points;
        _loss = Curve(static p => p.Loss);
        _validation = Curve(static p => p.ValidationLoss);
        _smoothLoss = Smooth(_loss.Y);

        int best = -1;
        for (int i = 0; i < _validation.Y.Length; i++)
            if (double.IsFinite(_validation.Y[i]) && (best < 0 || _validation.Y[i] < _validation.Y[best])) best = i;
        BestValidationLoss = summary.BestValidationLoss ?? (best < 0 ? null : _validation.Y[best]);
        BestValidationStep = best < 0 ? null : (long)_validation.X[best];

        LastTrainingLoss = Array.FindLastIndex(_smoothLoss, double.IsFinite) is >= 0 and int last ? _smoothLoss[last] : null;
        LastStep = _points.Count > 0 ? _points.Max(p => p.Step) : null;
        Tokens = summary.TokenCount ?? _points.Max(p => p.Tokens);
        Seconds = summary.Seconds ?? _points.Max(p => p.Seconds);
        TokensPerSecond = Tokens is long tokens && Seconds is > 0 and double seconds ? tokens / seconds : _points.Average(p => p.TokensPerSecond);
        int bad = Array.FindIndex(_loss.Y, y => !double.IsFinite(y));
        FirstNotFinite = bad < 0 ? null : (long)_loss.X[bad];
    }

    public double? BestValidationLoss { get; }
    public long? BestValidationStep { get; }
    public double? LastTrainingLoss { get; }
    public long? LastStep { get; }
    public long? Tokens { get; }
    public double? Seconds { get; }
    public double? TokensPerSecond { get; }

    /// <summary>The first step whose training loss is NaN or infinite.</summary>
    public long? FirstNotFinite { get; }

    public LineChart? LossChart(RunSummary summary)
    {
        if (_loss.X.Length == 0 && _validation.X.Length == 0) return null;
        bool noisy = _loss.X.Length > 20;
        List<ChartCurve> curves = [];
        if (noisy) curves.Add(new ChartCurve("training, single steps", "training-raw", _loss.X, _loss.Y, InTooltip: false));
        if (_loss.X.Length > 0) curves.Add(new ChartCurve(noisy ? "training, smoothed" : "training", "training", _loss.X, noisy ? _smoothLoss : _loss.Y));
        if (_validation.X.Length > 0) curves.Add(new ChartCurve("validation", "validation", _validation.X, _validation.Y, Dots: true));

        // The picture reaches as high as the smoothed curves after the start do; single steps may only deepen it.
        bool cut = _loss.X.Length >= PointsForCutting;
        double start = cut ? _loss.X[0] + (_loss.X[^1] - _loss.X[0]) * StartPart : double.NegativeInfinity;
        double top = !cut ? double.PositiveInfinity : curves
            .Where(curve => curve.Style != "training-raw")
            .SelectMany(curve => curve.X.Zip(curve.Y))
            .Where(point => point.First >= start && double.IsFinite(point.Second))
            .Select(point => point.Second).DefaultIfEmpty(double.PositiveInfinity).Max();
        double first = _loss.Y.FirstOrDefault(double.IsFinite);
        List<string> notes = [];
        if (noisy) notes.Add(string.Create(CultureInfo.InvariantCulture, $"The bold curve is a running mean over about {Window(_loss.Y.Length)} points."));
        if (first > top * 1.02) notes.Add($"The run starts at {ReportText.Loss(first)}, above the picture.");

        return new LineChart
        {
            Title = "Loss",
            Unit = "nats per token",
            Width = 1032,
            Height = 420,
            Curves = curves,
            Floor = summary.FloorLoss is double floor ? (floor, summary.FloorName) : null,
            Mark = BestValidationStep is long step && Array.IndexOf(_validation.X, step) is >= 0 and int at
                ? (step, _validation.Y[at], $"best {ReportText.Loss(_validation.Y[at])}") : null,
            HighestShown = top,
            Caption = notes.Count > 0 ? string.Join(" ", notes) : null,
        };
    }

    public List<LineChart> SmallCharts()
    {
        List<LineChart> charts = [];
        Add("Learning rate", "", "rate", Curve(static p => p.LearningRate), smooth: false, fromZero: true);
        Add("Gradient norm", "before clipping", "norm", Curve(static p => p.GradientNorm), smooth: true, fromZero: true);
        Add("Speed", "tokens per second", "speed", Curve(static p => p.TokensPerSecond), smooth: true, fromZero: true);
        foreach ((string name, IReadOnlyList<(long Step, double Value)> values) in _metrics.Other.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            Add(Spoken(name), "", "other", ([.. values.Select(v => (double)v.Step)], [.. values.Select(v => v.Value)]), smooth: true, fromZero: false);
        return charts;

        void Add(string title, string unit, string style, (double[] X, double[] Y) curve, bool smooth, bool fromZero)
        {
            if (curve.X.Length == 0) return;
            smooth &= curve.X.Length > 20;
            ChartCurve raw = new(title.ToLowerInvariant(), smooth ? style + "-raw" : style, curve.X, curve.Y);
            ChartCurve[] curves = smooth ? [raw, new ChartCurve("smoothed", style, curve.X, Smooth(curve.Y))] : [raw];
            charts.Add(new LineChart
            {
                Title = title,
                Unit = unit,
                Width = 330,
                Height = 200,
                Curves = curves,
                FromZero = fromZero,
                HighestShown = Limit(curve.Y),
                LegendShown = false,
            });
        }
    }

    // reward_margin -> Reward margin
    private static string Spoken(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name[1..].Replace('_', ' ');

    // A few spikes (a warm-up step that compiles, an exploding batch) must not press the curve flat: the range ends a little above
    // what 98 of 100 points stay under, where the rest is much higher.
    private static double Limit(double[] values)
    {
        double[] sorted = [.. values.Where(double.IsFinite).Order()];
        if (sorted.Length < PointsForCutting) return double.PositiveInfinity;
        double usual = sorted[(int)(sorted.Length * 0.98)];
        return usual > 0 && sorted[^1] > usual * 1.5 ? usual * 1.25 : double.PositiveInfinity;
    }

    private (double[] X, double[] Y) Curve(Func<MetricPoint, double?> measure)
    {
        List<double> xs = [], ys = [];
        foreach (MetricPoint point in _points)
        {
            if (measure(point) is not double value) continue;
            xs.Add(point.Step);
            ys.Add(value);
        }
        return ([.. xs], [.. ys]);
    }

    private static int Window(int count) => Math.Max(5, (int)Math.Round(count * SmoothingPart));

    // The mean over a window around each point. At the start the window shrinks to both sides alike, so that the first steep fall
    // is not blunted; at the end it is cut, so that the last value is still a mean. What is not finite is left out and stays a gap.
    private static double[] Smooth(double[] values)
    {
        int n = values.Length, half = Window(n) / 2;
        double[] sums = new double[n + 1];
        int[] counts = new int[n + 1];
        for (int i = 0; i < n; i++)
        {
            bool finite = double.IsFinite(values[i]);
            sums[i + 1] = sums[i] + (finite ? values[i] : 0);
            counts[i + 1] = counts[i] + (finite ? 1 : 0);
        }
        double[] smooth = new double[n];
        for (int i = 0; i < n; i++)
        {
            int reach = Math.Min(half, i), from = i - reach, to = Math.Min(n, i + reach + 1);
            smooth[i] = double.IsFinite(values[i]) ? (sums[to] - sums[from]) / (counts[to] - counts[from]) : double.NaN;
        }
        return smooth;
    }
}

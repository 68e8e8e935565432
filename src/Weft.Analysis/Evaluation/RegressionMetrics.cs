namespace Weft.Analysis.Evaluation;

/// <summary>How far predicted numbers are from the true ones.</summary>
/// <remarks>Weights: one for each example, empty for 1. The conventions are scikit-learn's.</remarks>
public static class RegressionMetrics
{
    /// <summary>The mean of |y - p|.</summary>
    public static double MeanAbsoluteError(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) => Mean(y, p, weights, static (y, p) => Math.Abs(y - p));

    /// <summary>The mean of (y - p)².</summary>
    public static double MeanSquaredError(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) => Mean(y, p, weights, static (y, p) => (y - p) * (y - p));

    /// <summary>The root of the mean of (y - p)².</summary>
    public static double RootMeanSquaredError(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) => Math.Sqrt(MeanSquaredError(y, p, weights));

    /// <summary>1 - Σ (y - p)² / Σ (y - mean y)²: 1 is perfect, 0 no better than the mean. Where y is constant: 1 if p equals it, else 0.</summary>
    public static double RSquared(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default)
    {
        double mean = Mean(y, p, weights, static (y, _) => y), rest = MeanSquaredError(y, p, weights), all = Mean(y, p, weights, (y, _) => (y - mean) * (y - mean));
        return all == 0 ? (rest == 0 ? 1 : 0) : 1 - rest / all;
    }

    /// <summary>1 - Var(y - p) / Var(y): as R², but a constant offset is forgiven.</summary>
    public static double ExplainedVariance(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default)
    {
        double mean = Mean(y, p, weights, static (y, _) => y), offset = Mean(y, p, weights, static (y, p) => y - p);
        double rest = Mean(y, p, weights, (y, p) => (y - p - offset) * (y - p - offset)), all = Mean(y, p, weights, (y, _) => (y - mean) * (y - mean));
        return all == 0 ? (rest == 0 ? 1 : 0) : 1 - rest / all;
    }

    /// <summary>The largest |y - p|.</summary>
    public static double MaximumError(ReadOnlySpan<double> y, ReadOnlySpan<double> p)
    {
        double largest = 0;
        for (int i = 0; i < y.Length; i++) largest = Math.Max(largest, Math.Abs(y[i] - p[i]));
        return largest;
    }

    /// <summary>The median of |y - p|; between two middle values, their mean.</summary>
    public static double MedianAbsoluteError(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default)
    {
        Check(y, p, weights);
        (double Error, double Weight)[] sorted = new (double, double)[y.Length];
        for (int i = 0; i < y.Length; i++) sorted[i] = (Math.Abs(y[i] - p[i]), weights.IsEmpty ? 1 : weights[i]);
        sorted = [.. sorted.Where(static e => e.Weight > 0).OrderBy(static e => e.Error)];
        double half = sorted.Sum(static e => e.Weight) / 2, below = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            below += sorted[i].Weight;
            if (below == half && i + 1 < sorted.Length) return (sorted[i].Error + sorted[i + 1].Error) / 2;
            if (below >= half) return sorted[i].Error;
        }
        return double.NaN;
    }

    /// <summary>The mean of |y - p| / |y|, where |y| is at least the smallest step above 1.</summary>
    public static double MeanAbsolutePercentageError(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) =>
        Mean(y, p, weights, static (y, p) => Math.Abs(y - p) / Math.Max(Math.Abs(y), 2.220446049250313e-16));

    /// <summary>The mean of α (y - p) above and (1 - α) (p - y) below: least for the α-quantile (Koenker and Bassett 1978).</summary>
    public static double PinballLoss(ReadOnlySpan<double> y, ReadOnlySpan<double> p, double alpha, ReadOnlySpan<double> weights = default) =>
        Mean(y, p, weights, (y, p) => y >= p ? alpha * (y - p) : (1 - alpha) * (p - y));

    /// <summary>The mean of (ln(1 + y) - ln(1 + p))².</summary>
    public static double MeanSquaredLogError(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) => Mean(y, p, weights, static (y, p) =>
    {
        double difference = LogOnePlus(y) - LogOnePlus(p);
        return difference * difference;
    });

    /// <summary>The mean of 2 (y ln(y / p) - y + p); y ≥ 0, p &gt; 0.</summary>
    public static double PoissonDeviance(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) =>
        Mean(y, p, weights, static (y, p) => 2 * ((y == 0 ? 0 : y * Math.Log(y / p)) - y + p));

    /// <summary>The mean of 2 (ln(p / y) + y / p - 1); y &gt; 0, p &gt; 0.</summary>
    public static double GammaDeviance(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights = default) =>
        Mean(y, p, weights, static (y, p) => 2 * (Math.Log(p / y) + y / p - 1));

    // ln(1 + x) without losing small x (Kahan; Higham 2002, section 1.14.1).
    private static double LogOnePlus(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * (x / (sum - 1));
    }

    private static double Mean(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights, Func<double, double, double> one)
    {
        Check(y, p, weights);
        double sum = 0, total = 0;
        for (int i = 0; i < y.Length; i++)
        {
            double weight = weights.IsEmpty ? 1 : weights[i];
            sum += weight * one(y[i], p[i]);
            total += weight;
        }
        return sum / total;
    }

    private static void Check(ReadOnlySpan<double> y, ReadOnlySpan<double> p, ReadOnlySpan<double> weights)
    {
        if (y.Length != p.Length || (!weights.IsEmpty && weights.Length != y.Length)) throw new ArgumentException($"RegressionMetrics: {y.Length} true values, {p.Length} predicted ones, {weights.Length} weights.");
    }
}

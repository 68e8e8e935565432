namespace Weft.Analysis.Evaluation;

/// <summary>What a detector finds and what it mistakes at every threshold of its score.</summary>
/// <remarks>
/// Examples with the same score are one point: no threshold tells them apart, so ties are exact whatever the order of the
/// examples. The conventions are scikit-learn's.
/// </remarks>
public sealed class BinaryCurves
{
    private readonly double[] _thresholds, _truePositives, _falsePositives;

    /// <summary>Sorts the scores and counts.</summary>
    /// <param name="actual">Which examples are positive.</param>
    /// <param name="scores">Higher means more positive.</param>
    /// <param name="weights">A weight for each example; empty for 1. An example of weight 0 is left out.</param>
    /// <exception cref="ArgumentException">The lengths differ, there is no example, or a score is NaN.</exception>
    public BinaryCurves(ReadOnlySpan<bool> actual, ReadOnlySpan<double> scores, ReadOnlySpan<double> weights = default)
    {
        if (actual.Length != scores.Length || (!weights.IsEmpty && weights.Length != scores.Length))
            throw new ArgumentException($"BinaryCurves: {actual.Length} truths, {scores.Length} scores, {weights.Length} weights.");
        List<(double Score, double Positive, double Negative)> examples = new(scores.Length);
        for (int i = 0; i < scores.Length; i++)
        {
            double weight = weights.IsEmpty ? 1 : weights[i];
            if (double.IsNaN(scores[i])) throw new ArgumentException($"BinaryCurves: score {i} is NaN.");
            if (weight != 0) examples.Add((scores[i], actual[i] ? weight : 0, actual[i] ? 0 : weight));
        }
        if (examples.Count == 0) throw new ArgumentException("BinaryCurves: there are no examples.");

        // OrderByDescending is stable, as the reference's sort, so that sums of weights have the same bits.
        List<double> thresholds = [], hits = [], mistakes = [];
        double truePositives = 0, falsePositives = 0;
        (double Score, double Positive, double Negative)[] sorted = [.. examples.OrderByDescending(static e => e.Score)];
        for (int i = 0; i < sorted.Length; i++)
        {
            truePositives += sorted[i].Positive;
            falsePositives += sorted[i].Negative;
            if (i + 1 < sorted.Length && sorted[i + 1].Score == sorted[i].Score) continue;
            thresholds.Add(sorted[i].Score);
            hits.Add(truePositives);
            mistakes.Add(falsePositives);
        }
        (_thresholds, _truePositives, _falsePositives) = ([.. thresholds], [.. hits], [.. mistakes]);
    }

    /// <summary>The receiver operating characteristic, from (0, 0) at threshold infinity to (1, 1).</summary>
    /// <param name="dropCollinear">Leaves out points between which the curve is straight.</param>
    /// <returns>False positive rates, true positive rates and thresholds, as many each; NaN rates where a class is absent.</returns>
    public (double[] FalsePositiveRates, double[] TruePositiveRates, double[] Thresholds) Roc(bool dropCollinear = false)
    {
        double positives = _truePositives[^1], negatives = _falsePositives[^1];
        List<double> x = [negatives > 0 ? 0 : double.NaN], y = [positives > 0 ? 0 : double.NaN], at = [double.PositiveInfinity];
        int n = _thresholds.Length;
        for (int i = 0; i < n; i++)
        {
            if (dropCollinear && i > 0 && i < n - 1 && Bend(_falsePositives, i) == 0 && Bend(_truePositives, i) == 0) continue;
            x.Add(negatives > 0 ? _falsePositives[i] / negatives : double.NaN);
            y.Add(positives > 0 ? _truePositives[i] / positives : double.NaN);
            at.Add(_thresholds[i]);
        }
        return ([.. x], [.. y], [.. at]);
    }

    /// <summary>Precision and recall, from the lowest threshold to the highest, then the point (precision 1, recall 0).</summary>
    /// <returns>Precisions and recalls, one more than thresholds; recall is 1 throughout where nothing is positive.</returns>
    public (double[] Precisions, double[] Recalls, double[] Thresholds) PrecisionRecall()
    {
        int n = _thresholds.Length;
        double[] precisions = new double[n + 1], recalls = new double[n + 1], thresholds = new double[n];
        for (int i = 0; i < n; i++)
        {
            int from = n - 1 - i;
            precisions[i] = ClassCounts.Ratio(_truePositives[from], _truePositives[from] + _falsePositives[from], 0);
            recalls[i] = _truePositives[^1] > 0 ? _truePositives[from] / _truePositives[^1] : 1;
            thresholds[i] = _thresholds[from];
        }
        precisions[n] = 1;
        return (precisions, recalls, thresholds);
    }

    /// <summary>The area under the receiver operating characteristic: the probability that a positive outranks a negative, a tie counting half.</summary>
    /// <returns>NaN where a class is absent.</returns>
    public double RocArea()
    {
        (double[] x, double[] y, _) = Roc();
        return Trapezoid(x, y);
    }

    /// <summary>The area up to a false positive rate, brought to 0.5 for chance and 1 for perfect (McClish 1989).</summary>
    public double PartialRocArea(double maximumFalsePositiveRate)
    {
        if (maximumFalsePositiveRate is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(maximumFalsePositiveRate), $"PartialRocArea: a rate of {maximumFalsePositiveRate} must be in (0, 1].");
        if (maximumFalsePositiveRate == 1) return RocArea();
        (double[] x, double[] y, _) = Roc();
        int stop = Array.FindIndex(x, r => r > maximumFalsePositiveRate);
        if (stop < 0) return double.NaN; // there is no negative
        double at = y[stop - 1] + (y[stop] - y[stop - 1]) * (maximumFalsePositiveRate - x[stop - 1]) / (x[stop] - x[stop - 1]);
        double area = Trapezoid([.. x[..stop], maximumFalsePositiveRate], [.. y[..stop], at]), chance = 0.5 * maximumFalsePositiveRate * maximumFalsePositiveRate;
        return 0.5 * (1 + (area - chance) / (maximumFalsePositiveRate - chance));
    }

    /// <summary>Σ (recall step) · precision: the area under precision and recall as a sum of steps, which does not flatter as the trapezoid does.</summary>
    public double AveragePrecision()
    {
        (double[] precisions, double[] recalls, _) = PrecisionRecall();
        double sum = 0;
        for (int i = 0; i < recalls.Length - 1; i++) sum += (recalls[i] - recalls[i + 1]) * precisions[i];
        return sum;
    }

    /// <summary>The area under a curve of straight pieces; x may fall or rise.</summary>
    public static double Trapezoid(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        double sum = 0;
        for (int i = 1; i < x.Length; i++) sum += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2;
        return x.Length > 0 && x[^1] < x[0] ? -sum : sum;
    }

    private static double Bend(double[] values, int i) => values[i + 1] - values[i] - (values[i] - values[i - 1]);
}

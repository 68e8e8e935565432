namespace Weft.Analysis.Evaluation;

/// <summary>How the cells of a confusion matrix are divided.</summary>
public enum ConfusionShare
{
    /// <summary>By the row's sum: of each true class.</summary>
    OfTrue,

    /// <summary>By the column's sum: of each predicted class.</summary>
    OfPredicted,

    /// <summary>By the sum of all.</summary>
    OfAll,
}

/// <summary>How far apart two classes count in Cohen's kappa.</summary>
public enum Disagreement
{
    /// <summary>All different classes are equally far apart.</summary>
    Nominal,

    /// <summary>|i - j|.</summary>
    Linear,

    /// <summary>(i - j)².</summary>
    Quadratic,
}

/// <summary>How much of each true class was taken for which class, and every score that follows from that alone.</summary>
/// <remarks>Rows are true classes, columns predicted ones. The conventions are scikit-learn's (sklearn.metrics), its 0/0 rules included.</remarks>
public sealed class ConfusionMatrix
{
    private readonly double[,] _cells;
    private readonly double[] _rows, _columns;

    private ConfusionMatrix(double[,] cells)
    {
        _cells = cells;
        ClassCount = cells.GetLength(0);
        (_rows, _columns) = (new double[ClassCount], new double[ClassCount]);
        for (int i = 0; i < ClassCount; i++)
        {
            for (int j = 0; j < ClassCount; j++)
            {
                _rows[i] += cells[i, j];
                _columns[j] += cells[i, j];
                Correct += i == j ? cells[i, j] : 0;
            }
        }
        foreach (double row in _rows) Total += row;
    }

    /// <summary>The number of classes.</summary>
    public int ClassCount { get; }

    /// <summary>The weight of all examples.</summary>
    public double Total { get; }

    /// <summary>The weight of the examples on the diagonal.</summary>
    public double Correct { get; }

    /// <summary>The weight of the examples of a true class that were taken for a predicted one.</summary>
    public double this[int actual, int predicted] => _cells[actual, predicted];

    /// <summary>Counts decisions.</summary>
    /// <param name="actual">The true classes, each in [0, classCount).</param>
    /// <param name="predicted">The predicted ones, as many.</param>
    /// <param name="classCount">The number of classes.</param>
    /// <param name="weights">A weight for each example; empty for 1.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a class is out of range; the message names its position.</exception>
    public static ConfusionMatrix From(ReadOnlySpan<int> actual, ReadOnlySpan<int> predicted, int classCount, ReadOnlySpan<double> weights = default)
    {
        if (actual.Length != predicted.Length || (!weights.IsEmpty && weights.Length != actual.Length))
            throw new ArgumentException($"ConfusionMatrix: {actual.Length} true classes, {predicted.Length} predicted ones, {weights.Length} weights.");
        double[,] cells = new double[classCount, classCount];
        for (int i = 0; i < actual.Length; i++)
        {
            if ((uint)actual[i] >= (uint)classCount || (uint)predicted[i] >= (uint)classCount)
                throw new ArgumentException($"ConfusionMatrix: example {i} is of class {actual[i]} and predicted {predicted[i]}, but there are {classCount} classes.");
            cells[actual[i], predicted[i]] += weights.IsEmpty ? 1 : weights[i];
        }
        return new ConfusionMatrix(cells);
    }

    /// <summary>The share of examples on the diagonal.</summary>
    public double Accuracy => ClassCounts.Ratio(Correct, Total, double.NaN);

    /// <summary>The mean recall over the classes that occur; adjusted: 0 for chance and 1 for perfect.</summary>
    public double BalancedAccuracy(bool adjusted = false)
    {
        double sum = 0;
        int present = 0;
        for (int i = 0; i < ClassCount; i++)
        {
            if (_rows[i] == 0) continue;
            sum += _cells[i, i] / _rows[i];
            present++;
        }
        double score = sum / present, chance = 1.0 / present;
        return adjusted ? (score - chance) / (1 - chance) : score;
    }

    /// <summary>The correlation of truth and prediction (Matthews 1975; Gorodkin 2004 for several classes); 0 where either is constant.</summary>
    public double MatthewsCorrelation
    {
        get
        {
            double both = 0, truth = 0, prediction = 0;
            for (int i = 0; i < ClassCount; i++)
            {
                both += _rows[i] * _columns[i];
                truth += _rows[i] * _rows[i];
                prediction += _columns[i] * _columns[i];
            }
            double variances = (Total * Total - prediction) * (Total * Total - truth);
            return variances == 0 ? 0 : (Correct * Total - both) / Math.Sqrt(variances);
        }
    }

    /// <summary>Agreement beyond chance (Cohen 1960, 1968): 1 - Σ w observed / Σ w expected.</summary>
    public double Kappa(Disagreement disagreement = Disagreement.Nominal)
    {
        double observed = 0, expected = 0;
        for (int i = 0; i < ClassCount; i++)
        {
            for (int j = 0; j < ClassCount; j++)
            {
                double weight = disagreement switch
                {
                    Disagreement.Nominal => i == j ? 0 : 1,
                    Disagreement.Linear => Math.Abs(i - j),
                    _ => (double)(i - j) * (i - j),
                };
                observed += weight * _cells[i, j];
                expected += weight * _rows[i] * _columns[j] / Total;
            }
        }
        return 1 - observed / expected;
    }

    /// <summary>The cells as shares; 0 where a class has no examples to divide by.</summary>
    public double[,] Shares(ConfusionShare share)
    {
        double[,] shares = new double[ClassCount, ClassCount];
        for (int i = 0; i < ClassCount; i++)
        {
            for (int j = 0; j < ClassCount; j++)
            {
                double whole = share switch { ConfusionShare.OfTrue => _rows[i], ConfusionShare.OfPredicted => _columns[j], _ => Total };
                shares[i, j] = ClassCounts.Ratio(_cells[i, j], whole, 0);
            }
        }
        return shares;
    }

    /// <summary>One class against the rest: true negatives, false positives, false negatives, true positives.</summary>
    public (double TrueNegatives, double FalsePositives, double FalseNegatives, double TruePositives) OneAgainstRest(int label)
    {
        double hit = _cells[label, label], predicted = _columns[label], actual = _rows[label];
        return (Total - predicted - actual + hit, predicted - hit, actual - hit, hit);
    }

    /// <summary>Precision, recall and F of one class.</summary>
    /// <param name="label">The class.</param>
    /// <param name="beta">How much more recall counts than precision; 1 is the harmonic mean.</param>
    /// <param name="zeroDivision">What 0/0 is; NaN keeps it out of averages.</param>
    public PrecisionRecallF Score(int label, double beta = 1, double zeroDivision = 0) => Counts(label).Score(beta, zeroDivision);

    /// <summary>Precision, recall and F of all classes together.</summary>
    /// <inheritdoc cref="Score(int, double, double)"/>
    public PrecisionRecallF Score(Averaging averaging, double beta = 1, double zeroDivision = 0) =>
        ClassCounts.Average([.. Enumerable.Range(0, ClassCount).Select(Counts)], averaging, beta, zeroDivision);

    /// <summary>tp / (tp + fp + fn), averaged (Jaccard 1901); 0/0 is 0.</summary>
    public double Jaccard(Averaging averaging) => ClassCounts.AverageJaccard([.. Enumerable.Range(0, ClassCount).Select(Counts)], averaging);

    private ClassCounts Counts(int label) => new(_cells[label, label], _columns[label], _rows[label]);
}

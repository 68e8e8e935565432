namespace Weft.Analysis.Evaluation;

/// <summary>How one number is made of several classes' areas.</summary>
public enum ClassPairing
{
    /// <summary>Each class against all others.</summary>
    OneAgainstRest,

    /// <summary>Each pair of classes, both ways (Hand and Till 2001): it does not depend on how common the classes are.</summary>
    OneAgainstOne,
}

/// <summary>Scores of predicted probabilities and scores of several classes.</summary>
/// <remarks>Shapes: actual [N], each in [0, K); probabilities and scores [N, K]. Losses are in nats. The conventions are scikit-learn's.</remarks>
public static class ProbabilityScores
{
    // Probabilities are kept this far from 0 and 1, so that one mistake made with certainty does not outweigh all else.
    private const double Epsilon = 2.220446049250313e-16;

    /// <summary>The mean of -ln p(true class).</summary>
    public static double LogLoss(ReadOnlySpan<int> actual, double[,] probabilities, ReadOnlySpan<double> weights = default) => LogLossSum(actual, probabilities, weights) / WeightOf(actual.Length, weights);

    /// <summary>The sum of -ln p(true class).</summary>
    public static double LogLossSum(ReadOnlySpan<int> actual, double[,] probabilities, ReadOnlySpan<double> weights = default)
    {
        Check(actual, probabilities, weights);
        double sum = 0;
        for (int i = 0; i < actual.Length; i++) sum -= Weight(weights, i) * Math.Log(Math.Clamp(probabilities[i, actual[i]], Epsilon, 1 - Epsilon));
        return sum;
    }

    /// <summary>1 - log loss / log loss of the classes' own frequencies: 0 says nothing was learned, 1 is perfect.</summary>
    public static double ExplainedLogLoss(ReadOnlySpan<int> actual, double[,] probabilities, ReadOnlySpan<double> weights = default)
    {
        Check(actual, probabilities, weights);
        int k = probabilities.GetLength(1);
        double[] frequency = new double[k];
        double total = WeightOf(actual.Length, weights);
        for (int i = 0; i < actual.Length; i++) frequency[actual[i]] += Weight(weights, i) / total;
        double[,] known = new double[actual.Length, k];
        for (int i = 0; i < actual.Length; i++) for (int j = 0; j < k; j++) known[i, j] = frequency[j];
        return 1 - LogLossSum(actual, probabilities, weights) / LogLossSum(actual, known, weights);
    }

    /// <summary>The mean over examples of Σ over classes (p - [true])² (Brier 1950).</summary>
    public static double Brier(ReadOnlySpan<int> actual, double[,] probabilities, ReadOnlySpan<double> weights = default)
    {
        Check(actual, probabilities, weights);
        double sum = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double squares = 0;
            for (int j = 0; j < probabilities.GetLength(1); j++)
            {
                double miss = probabilities[i, j] - (actual[i] == j ? 1 : 0);
                squares += miss * miss;
            }
            sum += Weight(weights, i) * squares;
        }
        return sum / WeightOf(actual.Length, weights);
    }

    /// <summary>The mean of (p - [positive])² for a probability of the positive class.</summary>
    public static double Brier(ReadOnlySpan<bool> actual, ReadOnlySpan<double> probabilities, ReadOnlySpan<double> weights = default)
    {
        double sum = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double miss = probabilities[i] - (actual[i] ? 1 : 0);
            sum += Weight(weights, i) * miss * miss;
        }
        return sum / WeightOf(actual.Length, weights);
    }

    /// <summary>The mean of max(0, 1 - (score of the true class - highest other score)) (Crammer and Singer 2001).</summary>
    public static double Hinge(ReadOnlySpan<int> actual, double[,] scores, ReadOnlySpan<double> weights = default)
    {
        Check(actual, scores, weights);
        double sum = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double other = double.NegativeInfinity;
            for (int j = 0; j < scores.GetLength(1); j++) if (j != actual[i]) other = Math.Max(other, scores[i, j]);
            sum += Weight(weights, i) * Math.Max(0, 1 - (scores[i, actual[i]] - other));
        }
        return sum / WeightOf(actual.Length, weights);
    }

    /// <summary>The mean of max(0, 1 - y s), y being 1 or -1.</summary>
    public static double Hinge(ReadOnlySpan<bool> actual, ReadOnlySpan<double> scores, ReadOnlySpan<double> weights = default)
    {
        double sum = 0;
        for (int i = 0; i < actual.Length; i++) sum += Weight(weights, i) * Math.Max(0, 1 - (actual[i] ? scores[i] : -scores[i]));
        return sum / WeightOf(actual.Length, weights);
    }

    /// <summary>The share of examples whose true class is among the k highest; of equal scores the higher class number goes first.</summary>
    public static double TopAccuracy(ReadOnlySpan<int> actual, double[,] scores, int k, ReadOnlySpan<double> weights = default)
    {
        Check(actual, scores, weights);
        double sum = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            int before = 0;
            for (int j = 0; j < scores.GetLength(1); j++)
                if (scores[i, j] > scores[i, actual[i]] || (scores[i, j] == scores[i, actual[i]] && j > actual[i])) before++;
            if (before < k) sum += Weight(weights, i);
        }
        return sum / WeightOf(actual.Length, weights);
    }

    /// <summary>The area under the receiver operating characteristic of each class against the rest.</summary>
    public static double[] RocAreas(ReadOnlySpan<int> actual, double[,] scores)
    {
        Check(actual, scores, default);
        double[] areas = new double[scores.GetLength(1)];
        for (int j = 0; j < areas.Length; j++) areas[j] = OfClass(actual, scores, j).RocArea();
        return areas;
    }

    /// <summary>The area under the receiver operating characteristic, over classes or pairs of classes.</summary>
    /// <param name="actual">The true classes.</param>
    /// <param name="scores">Comparable between classes: probabilities.</param>
    /// <param name="averaging">Micro is defined for one against rest alone; weighted means by how common a class or pair is.</param>
    /// <param name="pairing">What is set against what.</param>
    /// <exception cref="ArgumentException">Micro is asked for pairs.</exception>
    public static double RocArea(ReadOnlySpan<int> actual, double[,] scores, Averaging averaging = Averaging.Macro, ClassPairing pairing = ClassPairing.OneAgainstRest)
    {
        if (pairing == ClassPairing.OneAgainstOne) return PairedRocArea(actual, scores, averaging);
        if (averaging == Averaging.Micro) return Flat(actual, scores).RocArea();
        double[] counts = new double[scores.GetLength(1)];
        foreach (int label in actual) counts[label]++;
        return ClassCounts.Mean(RocAreas(actual, scores), averaging == Averaging.Weighted ? counts : []);
    }

    /// <summary>Average precision over classes.</summary>
    public static double AveragePrecision(ReadOnlySpan<int> actual, double[,] scores, Averaging averaging = Averaging.Macro)
    {
        Check(actual, scores, default);
        if (averaging == Averaging.Micro) return Flat(actual, scores).AveragePrecision();
        double[] values = new double[scores.GetLength(1)], counts = new double[values.Length];
        foreach (int label in actual) counts[label]++;
        for (int j = 0; j < values.Length; j++) values[j] = OfClass(actual, scores, j).AveragePrecision();
        return ClassCounts.Mean(values, averaging == Averaging.Weighted ? counts : []);
    }

    private static double PairedRocArea(ReadOnlySpan<int> actual, double[,] scores, Averaging averaging)
    {
        if (averaging == Averaging.Micro) throw new ArgumentException("RocArea: micro averaging is not defined for pairs of classes.");
        Check(actual, scores, default);
        List<double> areas = [], shares = [];
        for (int a = 0; a < scores.GetLength(1); a++)
        {
            for (int b = a + 1; b < scores.GetLength(1); b++)
            {
                List<bool> isA = [], isB = [];
                List<double> scoreA = [], scoreB = [];
                for (int i = 0; i < actual.Length; i++)
                {
                    if (actual[i] != a && actual[i] != b) continue;
                    isA.Add(actual[i] == a);
                    isB.Add(actual[i] == b);
                    scoreA.Add(scores[i, a]);
                    scoreB.Add(scores[i, b]);
                }
                areas.Add((new BinaryCurves([.. isA], [.. scoreA]).RocArea() + new BinaryCurves([.. isB], [.. scoreB]).RocArea()) / 2);
                shares.Add((double)isA.Count / actual.Length);
            }
        }
        return ClassCounts.Mean([.. areas], averaging == Averaging.Weighted ? shares.ToArray() : []);
    }

    private static BinaryCurves OfClass(ReadOnlySpan<int> actual, double[,] scores, int label)
    {
        bool[] truth = new bool[actual.Length];
        double[] column = new double[actual.Length];
        for (int i = 0; i < actual.Length; i++) (truth[i], column[i]) = (actual[i] == label, scores[i, label]);
        return new BinaryCurves(truth, column);
    }

    private static BinaryCurves Flat(ReadOnlySpan<int> actual, double[,] scores)
    {
        Check(actual, scores, default);
        int k = scores.GetLength(1);
        bool[] truth = new bool[actual.Length * k];
        double[] flat = new double[truth.Length];
        for (int i = 0; i < actual.Length; i++) for (int j = 0; j < k; j++) (truth[i * k + j], flat[i * k + j]) = (actual[i] == j, scores[i, j]);
        return new BinaryCurves(truth, flat);
    }

    private static double Weight(ReadOnlySpan<double> weights, int i) => weights.IsEmpty ? 1 : weights[i];

    private static double WeightOf(int count, ReadOnlySpan<double> weights)
    {
        double sum = weights.IsEmpty ? count : 0;
        foreach (double weight in weights) sum += weight;
        return sum;
    }

    private static void Check(ReadOnlySpan<int> actual, double[,] scores, ReadOnlySpan<double> weights)
    {
        if (actual.Length != scores.GetLength(0) || (!weights.IsEmpty && weights.Length != actual.Length))
            throw new ArgumentException($"ProbabilityScores: {actual.Length} true classes for scores [{scores.GetLength(0)}, {scores.GetLength(1)}] and {weights.Length} weights.");
        for (int i = 0; i < actual.Length; i++)
            if ((uint)actual[i] >= (uint)scores.GetLength(1)) throw new ArgumentException($"ProbabilityScores: example {i} is of class {actual[i]}, but there are {scores.GetLength(1)} classes.");
    }
}

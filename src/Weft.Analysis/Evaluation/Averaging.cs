namespace Weft.Analysis.Evaluation;

/// <summary>How the scores of several classes become one.</summary>
public enum Averaging
{
    /// <summary>Counts are added first: every decision weighs the same.</summary>
    Micro,

    /// <summary>The plain mean over classes: every class weighs the same.</summary>
    Macro,

    /// <summary>The mean over classes, each by the weight of its true examples.</summary>
    Weighted,
}

/// <summary>Precision, recall and F of one class, or of several together.</summary>
/// <param name="Precision">The share of the predicted that is true: tp / (tp + fp).</param>
/// <param name="Recall">The share of the true that is predicted: tp / (tp + fn).</param>
/// <param name="F">(1 + β²) tp / (β² (tp + fn) + tp + fp) (van Rijsbergen 1979).</param>
/// <param name="Support">The weight of the true examples.</param>
public readonly record struct PrecisionRecallF(double Precision, double Recall, double F, double Support);

/// <summary>How often a class was predicted and how often it was there.</summary>
/// <param name="TruePositives">Predicted and there.</param>
/// <param name="Predicted">Predicted.</param>
/// <param name="Actual">There.</param>
internal readonly record struct ClassCounts(double TruePositives, double Predicted, double Actual)
{
    internal double Jaccard => Ratio(TruePositives, Predicted + Actual - TruePositives, 0);

    public static ClassCounts operator +(ClassCounts a, ClassCounts b) => new(a.TruePositives + b.TruePositives, a.Predicted + b.Predicted, a.Actual + b.Actual);

    internal PrecisionRecallF Score(double beta, double zeroDivision)
    {
        double squared = beta * beta;
        return new(
            Ratio(TruePositives, Predicted, zeroDivision), Ratio(TruePositives, Actual, zeroDivision),
            double.IsPositiveInfinity(beta) ? Ratio(TruePositives, Actual, zeroDivision) : Ratio((1 + squared) * TruePositives, squared * Actual + Predicted, zeroDivision), Actual);
    }

    /// <summary>Averages as scikit-learn does: a ratio that is NaN is left out, and if the weights of the rest are 0 they count alike.</summary>
    internal static PrecisionRecallF Average(IReadOnlyList<ClassCounts> classes, Averaging averaging, double beta, double zeroDivision)
    {
        double support = classes.Sum(static c => c.Actual);
        if (averaging == Averaging.Micro) return classes.Aggregate(default(ClassCounts), static (a, b) => a + b).Score(beta, zeroDivision);
        PrecisionRecallF[] scores = [.. classes.Select(c => c.Score(beta, zeroDivision))];
        double[]? weights = averaging == Averaging.Weighted ? [.. scores.Select(static s => s.Support)] : null;
        return new(Mean([.. scores.Select(static s => s.Precision)], weights), Mean([.. scores.Select(static s => s.Recall)], weights), Mean([.. scores.Select(static s => s.F)], weights), support);
    }

    internal static double AverageJaccard(IReadOnlyList<ClassCounts> classes, Averaging averaging) => averaging switch
    {
        Averaging.Micro => classes.Aggregate(default(ClassCounts), static (a, b) => a + b).Jaccard,
        Averaging.Macro => Mean([.. classes.Select(static c => c.Jaccard)], null),
        _ => Mean([.. classes.Select(static c => c.Jaccard)], [.. classes.Select(static c => c.Actual)]),
    };

    internal static double Ratio(double numerator, double denominator, double zeroDivision) => denominator == 0 ? zeroDivision : numerator / denominator;

    internal static double Mean(ReadOnlySpan<double> values, ReadOnlySpan<double> weights)
    {
        double sum = 0, total = 0, plain = 0;
        int count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (double.IsNaN(values[i])) continue;
            double weight = weights.IsEmpty ? 1 : weights[i];
            sum += weight * values[i];
            total += weight;
            plain += values[i];
            count++;
        }
        return count == 0 ? double.NaN : total == 0 ? plain / count : sum / total;
    }
}

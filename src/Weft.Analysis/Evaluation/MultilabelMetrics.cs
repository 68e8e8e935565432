namespace Weft.Analysis.Evaluation;

/// <summary>Scores where an example may have any number of labels.</summary>
/// <remarks>Shapes: decisions and scores [N, K]. The conventions are scikit-learn's; ties in scores share the worst rank.</remarks>
public static class MultilabelMetrics
{
    /// <summary>Precision, recall and F over labels.</summary>
    public static PrecisionRecallF Score(bool[,] actual, bool[,] predicted, Averaging averaging, double beta = 1, double zeroDivision = 0) =>
        ClassCounts.Average(ByLabel(actual, predicted), averaging, beta, zeroDivision);

    /// <summary>The mean over examples of each example's own precision, recall and F.</summary>
    public static PrecisionRecallF ScoreByExample(bool[,] actual, bool[,] predicted, double beta = 1, double zeroDivision = 0) =>
        ClassCounts.Average(ByExample(actual, predicted), Averaging.Macro, beta, zeroDivision);

    /// <summary>Shared labels over labels of either, averaged over labels (Jaccard 1901).</summary>
    public static double Jaccard(bool[,] actual, bool[,] predicted, Averaging averaging) => ClassCounts.AverageJaccard(ByLabel(actual, predicted), averaging);

    /// <summary>Shared labels over labels of either, averaged over examples.</summary>
    public static double JaccardByExample(bool[,] actual, bool[,] predicted) => ClassCounts.AverageJaccard(ByExample(actual, predicted), Averaging.Macro);

    /// <summary>The share of examples whose labels are all right.</summary>
    public static double SubsetAccuracy(bool[,] actual, bool[,] predicted)
    {
        (int n, int k) = Sizes(actual, predicted.GetLength(0), predicted.GetLength(1));
        return (double)Enumerable.Range(0, n).Count(i => Enumerable.Range(0, k).All(j => actual[i, j] == predicted[i, j])) / n;
    }

    /// <summary>The share of single decisions that are wrong.</summary>
    public static double HammingLoss(bool[,] actual, bool[,] predicted)
    {
        (int n, int k) = Sizes(actual, predicted.GetLength(0), predicted.GetLength(1));
        return Enumerable.Range(0, n).Sum(i => Enumerable.Range(0, k).Count(j => actual[i, j] != predicted[i, j])) / ((double)n * k);
    }

    /// <summary>For each true label, the share of true ones among the labels ranked at least as high; averaged. 1 for an example with no or all labels.</summary>
    public static double RankingAveragePrecision(bool[,] actual, double[,] scores) => Mean(actual, scores, static (labels, row) =>
    {
        int relevant = labels.Count(static l => l);
        if (relevant == 0 || relevant == labels.Length) return 1;
        double sum = 0;
        for (int j = 0; j < labels.Length; j++)
        {
            if (!labels[j]) continue;
            int above = 0, relevantAbove = 0;
            for (int i = 0; i < labels.Length; i++)
            {
                if (!(row[i] >= row[j])) continue;
                above++;
                if (labels[i]) relevantAbove++;
            }
            sum += (double)relevantAbove / above;
        }
        return sum / relevant;
    });

    /// <summary>How far down the ranking one must go to meet every true label; 0 for an example without one.</summary>
    public static double CoverageError(bool[,] actual, double[,] scores) => Mean(actual, scores, static (labels, row) =>
    {
        double lowest = double.PositiveInfinity;
        for (int j = 0; j < labels.Length; j++) if (labels[j]) lowest = Math.Min(lowest, row[j]);
        return row.Count(s => s >= lowest);
    });

    /// <summary>The share of pairs of a true and a false label in which the false one is ranked as high or higher; 0 where there is no pair.</summary>
    public static double RankingLoss(bool[,] actual, double[,] scores) => Mean(actual, scores, static (labels, row) =>
    {
        int pairs = 0, wrong = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            for (int j = 0; j < labels.Length; j++)
            {
                if (!labels[i] || labels[j]) continue;
                pairs++;
                if (row[j] >= row[i]) wrong++;
            }
        }
        return pairs == 0 ? 0 : (double)wrong / pairs;
    });

    private static double Mean(bool[,] actual, double[,] scores, Func<bool[], double[], double> one)
    {
        (int n, int k) = Sizes(actual, scores.GetLength(0), scores.GetLength(1));
        double sum = 0;
        for (int i = 0; i < n; i++) sum += one([.. Enumerable.Range(0, k).Select(j => actual[i, j])], [.. Enumerable.Range(0, k).Select(j => scores[i, j])]);
        return sum / n;
    }

    private static List<ClassCounts> ByLabel(bool[,] actual, bool[,] predicted)
    {
        (int n, int k) = Sizes(actual, predicted.GetLength(0), predicted.GetLength(1));
        return [.. Enumerable.Range(0, k).Select(j => Enumerable.Range(0, n).Aggregate(default(ClassCounts), (sum, i) => sum + One(actual[i, j], predicted[i, j])))];
    }

    private static List<ClassCounts> ByExample(bool[,] actual, bool[,] predicted)
    {
        (int n, int k) = Sizes(actual, predicted.GetLength(0), predicted.GetLength(1));
        return [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, k).Aggregate(default(ClassCounts), (sum, j) => sum + One(actual[i, j], predicted[i, j])))];
    }

    private static ClassCounts One(bool actual, bool predicted) => new(actual && predicted ? 1 : 0, predicted ? 1 : 0, actual ? 1 : 0);

    private static (int Examples, int Labels) Sizes(bool[,] actual, int examples, int labels) =>
        actual.GetLength(0) == examples && actual.GetLength(1) == labels
            ? (examples, labels)
            : throw new ArgumentException($"MultilabelMetrics: truth [{actual.GetLength(0)}, {actual.GetLength(1)}] and prediction [{examples}, {labels}] differ in shape.");
}

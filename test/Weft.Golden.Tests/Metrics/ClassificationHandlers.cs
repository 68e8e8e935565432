using Weft.Analysis.Evaluation;

namespace Weft.Golden.Tests.Metrics;

/// <summary>Scores of decisions and of probabilities, beside scikit-learn's.</summary>
internal static class ClassificationHandlers
{
    public static void Add(GoldenRunner runner)
    {
        runner.Add("classification_hard", Hard, GoldenPrecision.F64);
        runner.Add("classification_multilabel", Multilabel, GoldenPrecision.F64);
        runner.Add("classification_binary_scores", BinaryScores, GoldenPrecision.F64);
        runner.Add("classification_multiclass_scores", MulticlassScores, GoldenPrecision.F64);
    }

    private static void Hard(GoldenCase golden, GoldenPrecision precision)
    {
        MetricCase metric = new(golden);
        int[] y = metric.Ints("y_true"), p = metric.Ints("y_pred");
        int[] labels = metric.Has("labels") ? metric.Ints("labels") : [.. y.Concat(p).Distinct().Order()];
        ConfusionMatrix matrix = ConfusionMatrix.From(Indices(y, labels), Indices(p, labels), labels.Length, metric.DoublesOrEmpty("weights"));
        metric.Check(name => name switch
        {
            "accuracy" => [matrix.Accuracy],
            "balanced_accuracy" => [matrix.BalancedAccuracy()],
            "balanced_accuracy_adjusted" => [matrix.BalancedAccuracy(adjusted: true)],
            "mcc" => [matrix.MatthewsCorrelation],
            "zero_one_loss" => [1 - matrix.Accuracy],
            "kappa_none" => [matrix.Kappa()],
            "kappa_linear" => [matrix.Kappa(Disagreement.Linear)],
            "kappa_quadratic" => [matrix.Kappa(Disagreement.Quadratic)],
            "confusion_matrix" => [.. from i in Enumerable.Range(0, labels.Length) from j in Enumerable.Range(0, labels.Length) select matrix[i, j]],
            "confusion_true" => MetricCase.Flat(matrix.Shares(ConfusionShare.OfTrue)),
            "confusion_pred" => MetricCase.Flat(matrix.Shares(ConfusionShare.OfPredicted)),
            "confusion_all" => MetricCase.Flat(matrix.Shares(ConfusionShare.OfAll)),
            "multilabel_confusion" => [.. Enumerable.Range(0, labels.Length).Select(matrix.OneAgainstRest).SelectMany(c => new[] { c.TrueNegatives, c.FalsePositives, c.FalseNegatives, c.TruePositives })],
            "per_class" => PerClass([.. Enumerable.Range(0, labels.Length).Select(label => matrix.Score(label))]),
            _ when name.StartsWith("jaccard_", StringComparison.Ordinal) => [matrix.Jaccard(Enum.Parse<Averaging>(name["jaccard_".Length..], ignoreCase: true))],
            _ when name.StartsWith("prf_", StringComparison.Ordinal) => Triple(name, (average, beta, zero) =>
                average == "binary" ? matrix.Score(Array.IndexOf(labels, 1), beta, zero) : matrix.Score(Enum.Parse<Averaging>(average, ignoreCase: true), beta, zero)),
            _ => null,
        });
    }

    private static void Multilabel(GoldenCase golden, GoldenPrecision precision)
    {
        MetricCase metric = new(golden);
        bool[,] y = metric.Decisions("y_true"), p = metric.Decisions("y_pred");
        double[,] scores = metric.Matrix("scores");
        metric.Check(name => name switch
        {
            "subset_accuracy" => [MultilabelMetrics.SubsetAccuracy(y, p)],
            "hamming_loss" => [MultilabelMetrics.HammingLoss(y, p)],
            "lrap" => [MultilabelMetrics.RankingAveragePrecision(y, scores)],
            "coverage_error" => [MultilabelMetrics.CoverageError(y, scores)],
            "label_ranking_loss" => [MultilabelMetrics.RankingLoss(y, scores)],
            "jaccard_samples" => [MultilabelMetrics.JaccardByExample(y, p)],
            _ when name.StartsWith("jaccard_", StringComparison.Ordinal) => [MultilabelMetrics.Jaccard(y, p, Enum.Parse<Averaging>(name["jaccard_".Length..], ignoreCase: true))],
            _ when name.StartsWith("prf_", StringComparison.Ordinal) => Triple(name, (average, beta, zero) =>
                average == "samples" ? MultilabelMetrics.ScoreByExample(y, p, beta, zero) : MultilabelMetrics.Score(y, p, Enum.Parse<Averaging>(average, ignoreCase: true), beta, zero)),
            _ => null,
        });
    }

    private static void BinaryScores(GoldenCase golden, GoldenPrecision precision)
    {
        MetricCase metric = new(golden);
        int[] classes = metric.Ints("y_true");
        bool[] y = [.. classes.Select(c => c != 0)];
        double[] scores = metric.Doubles("scores"), probabilities = metric.Doubles("probs"), w = metric.DoublesOrEmpty("weights");
        double[,] both = new double[y.Length, 2];
        for (int i = 0; i < y.Length; i++) (both[i, 0], both[i, 1]) = (1 - probabilities[i], probabilities[i]);
        BinaryCurves curves = new(y, scores, w);
        metric.Check(name => name switch
        {
            "roc_auc" => [curves.RocArea()],
            "average_precision" => [curves.AveragePrecision()],
            "pr_auc_trapezoid" => [BinaryCurves.Trapezoid(curves.PrecisionRecall().Recalls, curves.PrecisionRecall().Precisions)],
            "fpr" => curves.Roc().FalsePositiveRates,
            "tpr" => curves.Roc().TruePositiveRates,
            "thresholds" => curves.Roc().Thresholds,
            "pr_precision" => curves.PrecisionRecall().Precisions,
            "pr_recall" => curves.PrecisionRecall().Recalls,
            "pr_thresholds" => curves.PrecisionRecall().Thresholds,
            "log_loss" => [ProbabilityScores.LogLoss(classes, both, w)],
            "d2_log_loss" => [ProbabilityScores.ExplainedLogLoss(classes, both, w)],
            "brier" => [ProbabilityScores.Brier(y, probabilities, w)],
            "hinge" => [ProbabilityScores.Hinge(y, scores, w)],
            "roc_dropped_points" => [curves.Roc().Thresholds.Length - curves.Roc(dropCollinear: true).Thresholds.Length],
            _ when name.StartsWith("roc_auc_max_fpr_", StringComparison.Ordinal) => [curves.PartialRocArea(MetricCase.Number(name["roc_auc_max_fpr_".Length..]))],
            _ => null,
        });
    }

    private static void MulticlassScores(GoldenCase golden, GoldenPrecision precision)
    {
        MetricCase metric = new(golden);
        int[] y = metric.Ints("y_true");
        double[,] logits = metric.Matrix("logits"), probabilities = metric.Matrix("probs");
        metric.Check(name => name switch
        {
            "roc_auc_ovr_per_class" => ProbabilityScores.RocAreas(y, probabilities),
            "log_loss" => [ProbabilityScores.LogLoss(y, probabilities)],
            "log_loss_sum" => [ProbabilityScores.LogLossSum(y, probabilities)],
            "brier_multiclass" => [ProbabilityScores.Brier(y, probabilities)],
            "hinge" => [ProbabilityScores.Hinge(y, logits)],
            _ when name.StartsWith("top", StringComparison.Ordinal) => [ProbabilityScores.TopAccuracy(y, logits, (int)MetricCase.Number(name[3..]))],
            _ when name.StartsWith("roc_auc_ovr_", StringComparison.Ordinal) => [ProbabilityScores.RocArea(y, probabilities, Enum.Parse<Averaging>(name[12..], ignoreCase: true))],
            _ when name.StartsWith("roc_auc_ovo_", StringComparison.Ordinal) => [ProbabilityScores.RocArea(y, probabilities, Enum.Parse<Averaging>(name[12..], ignoreCase: true), ClassPairing.OneAgainstOne)],
            _ when name.StartsWith("average_precision_", StringComparison.Ordinal) => [ProbabilityScores.AveragePrecision(y, probabilities, Enum.Parse<Averaging>(name[18..], ignoreCase: true))],
            _ => null,
        });
    }

    // prf_macro_beta0.5_zdnan: the average, beta (1 if not named) and what 0/0 is.
    private static double[] Triple(string name, Func<string, double, double, PrecisionRecallF> score)
    {
        string[] parts = name.Split('_');
        double beta = 1, zero = 0;
        foreach (string part in parts[2..])
        {
            if (part.StartsWith("beta", StringComparison.Ordinal)) beta = MetricCase.Number(part[4..]);
            if (part.StartsWith("zd", StringComparison.Ordinal)) zero = MetricCase.Number(part[2..]);
        }
        PrecisionRecallF result = score(parts[1], beta, zero);
        return [result.Precision, result.Recall, result.F];
    }

    private static double[] PerClass(PrecisionRecallF[] scores) =>
        [.. scores.Select(s => s.Precision), .. scores.Select(s => s.Recall), .. scores.Select(s => s.F), .. scores.Select(s => s.Support)];

    private static int[] Indices(int[] values, int[] labels) => [.. values.Select(v => Array.IndexOf(labels, v))];
}

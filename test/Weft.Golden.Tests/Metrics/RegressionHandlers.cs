using Weft.Analysis.Evaluation;

namespace Weft.Golden.Tests.Metrics;

/// <summary>Errors of predicted numbers, beside scikit-learn's.</summary>
internal static class RegressionHandlers
{
    public static void Add(GoldenRunner runner) => runner.Add("regression", Regression, GoldenPrecision.F64);

    private static void Regression(GoldenCase golden, GoldenPrecision precision)
    {
        MetricCase metric = new(golden);
        double[] y = metric.Doubles("y_true"), p = metric.Doubles("y_pred"), w = metric.DoublesOrEmpty("weights");
        metric.Check(name => name switch
        {
            "mae" => [RegressionMetrics.MeanAbsoluteError(y, p, w)],
            "mse" => [RegressionMetrics.MeanSquaredError(y, p, w)],
            "rmse" => [RegressionMetrics.RootMeanSquaredError(y, p, w)],
            "r2" => [RegressionMetrics.RSquared(y, p, w)],
            "explained_variance" => [RegressionMetrics.ExplainedVariance(y, p, w)],
            "median_ae" => [RegressionMetrics.MedianAbsoluteError(y, p, w)],
            "max_error" => [RegressionMetrics.MaximumError(y, p)],
            "mape" => [RegressionMetrics.MeanAbsolutePercentageError(y, p, w)],
            "msle_abs" => [RegressionMetrics.MeanSquaredLogError(Shifted(y, 0), Shifted(p, 0), w)],
            "poisson_deviance_abs" => [RegressionMetrics.PoissonDeviance(Shifted(y, 0), Shifted(p, 0.1), w)],
            "gamma_deviance_abs" => [RegressionMetrics.GammaDeviance(Shifted(y, 0.1), Shifted(p, 0.1), w)],
            _ when name.StartsWith("pinball_", StringComparison.Ordinal) => [RegressionMetrics.PinballLoss(y, p, MetricCase.Number(name["pinball_".Length..]), w)],
            _ => null,
        });
    }

    // The note of the cases: |y| + shift.
    private static double[] Shifted(double[] values, double shift) => [.. values.Select(v => Math.Abs(v) + shift)];
}

using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class ReduceHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Op("sum", c => c.Attrs.Has("dim") ? c.X.Sum(Keep(c), Dims(c)) : c.X.Sum());
        runner.Op("mean", c => c.Attrs.Has("dim") ? c.X.Mean(Keep(c), Dims(c)) : c.X.Mean());
        runner.Op("var", c => c.X.Variance(c.Attrs.Double("correction"), Keep(c), Dims(c)));
        runner.Op("std", c => c.X.StandardDeviation(c.Attrs.Double("correction"), Keep(c), Dims(c)));
        runner.Op("amax", c => c.X.Max(Keep(c), Dims(c)));
        runner.Op("amin", c => c.X.Min(Keep(c), Dims(c)));
        runner.Op("max_all", c => c.X.Max());
        runner.Op("min_all", c => c.X.Min());
        runner.ValuesAndIndices("max_dim", c => c.X.MaxWithIndices(c.Attrs.Int("dim"), Keep(c)));
        runner.ValuesAndIndices("min_dim", c => c.X.MinWithIndices(c.Attrs.Int("dim"), Keep(c)));
        runner.ValuesAndIndices("median_dim", c => c.X.Median(c.Attrs.Int("dim"), Keep(c)));
        runner.ValuesAndIndices("cummax", c => c.X.CumulativeMax(c.Attrs.Int("dim")));
        runner.Op("argmax", c => c.Attrs.IntOrNull("dim") is { } d ? c.X.ArgMax(d, Keep(c)) : c.X.ArgMax());
        runner.Op("argmin", c => c.Attrs.IntOrNull("dim") is { } d ? c.X.ArgMin(d, Keep(c)) : c.X.ArgMin());
        runner.Op("logsumexp", c => c.X.LogSumExp(Keep(c), Dims(c)));
        runner.Op("cumsum", c => c.X.CumulativeSum(c.Attrs.Int("dim")));
        runner.Op("cumprod", c => c.X.CumulativeProduct(c.Attrs.Int("dim")));
        runner.Op("logcumsumexp", c => c.X.CumulativeLogSumExp(c.Attrs.Int("dim")));
        runner.Op("prod", c => c.Attrs.IntOrNull("dim") is { } d ? c.X.Product(d, Keep(c)) : c.X.Product());
        runner.Op("norm", c => c.X.Norm(c.Attrs.Double("p"), Keep(c), Dims(c)));
        runner.Op("any", c => c.X.Any(c.Attrs.Int("dim")));
        runner.Op("all", c => c.X.All(c.Attrs.Int("dim")));
        runner.Op("count_nonzero", c => c.X.CountNonZero(c.Attrs.Int("dim")));
    }

    private static bool Keep(OpCase c) => c.Attrs.BoolOrNull("keepdim") ?? false;

    private static int[] Dims(OpCase c) => c.Attrs.IntsOrNull("dim") ?? [];
}

using Weft.Tensors;
using Weft.Training.Averaging;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Optim;

/// <summary>Averages of weights, and the scale of a loss.</summary>
internal static class AveragingHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("swa_average", static (golden, precision) => Average(golden, precision, null));
        runner.Add("ema_average", static (golden, precision) => Average(golden, precision, golden.Attrs.Double("decay")));
        runner.Add("grad_scaler", Scaler, GoldenPrecision.F32);
    }

    private static void Average(GoldenCase golden, GoldenPrecision precision, double? decay)
    {
        DType dtype = precision == GoldenPrecision.F64 ? DType.Float64 : DType.Float32;
        GoldenValue snapshots = golden.Inputs["snapshots"];
        Tensor parameter = Tensor.Zeros([snapshots.Shape[1]], dtype);
        WeightAverage average = new([parameter], decay);
        List<double> averages = [];
        for (int t = 0; t < snapshots.Shape[0]; t++)
        {
            parameter.CopyFrom(OptimizerHandlers.Row(snapshots, t, dtype));
            average.Update();
            averages.AddRange(OptimizerHandlers.Values(average.Pairs.Single().Average));
        }
        GoldenAssert.Close(golden.Outputs["averages"], snapshots.Shape, averages.ToArray(), precision == GoldenPrecision.F64 ? golden.ToleranceF64 : golden.ToleranceF32);
    }

    private static void Scaler(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        LossScaler scaler = new(a.Double("init_scale"), a.Double("growth_factor"), a.Double("backoff_factor"), a.Int("growth_interval"));
        int[] bad = a.Ints("non_finite_at_steps");
        Tensor parameter = Tensor.Ones([3]).RequireGrad();
        Sgd optimizer = new([new ParameterGroup([parameter])]);
        List<double> scales = [], values = [];
        List<bool> stepped = [];
        for (int t = 0; t < golden.Outputs["stepped"].Count; t++)
        {
            scales.Add(scaler.Scale);
            parameter.Grad = Tensor.From(1f, 2f, -1f) * (scaler.Scale * (bad.Contains(t) ? double.PositiveInfinity : 1));
            stepped.Add(scaler.Step(optimizer, a.Double("lr")));
            values.AddRange(OptimizerHandlers.Values(parameter));
        }
        GoldenAssert.Close(golden.Outputs["scale_before_step"], golden.Outputs["scale_before_step"].Shape, scales.ToArray(), golden.ToleranceF64);
        GoldenAssert.Equal(golden.Outputs["stepped"], golden.Outputs["stepped"].Shape, stepped.ToArray());
        GoldenAssert.Close(golden.Outputs["parameter"], golden.Outputs["parameter"].Shape, values.ToArray(), golden.ToleranceF32);
    }
}

using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class NormHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Op("layer_norm", c => c.X.LayerNorm(c.Optional("weight"), c.Optional("bias"), c.Attrs.Double("eps")));
        runner.Op("rms_norm", c => c.X.RmsNorm(c.Optional("weight"), c.Attrs.DoubleOrNull("eps")));
        runner.Op("rms_norm_plus_one", c => c.X.RmsNormPlusOne(c["weight"], c.Attrs.Double("eps")));
        runner.Op("group_norm", c => c.X.GroupNorm(c.Attrs.Int("num_groups"), c.Optional("weight"), c.Optional("bias"), c.Attrs.Double("eps")));
        runner.Op("instance_norm", c => c.X.InstanceNorm(c.Optional("weight"), c.Optional("bias"), c.Attrs.Double("eps")));
        runner.Op("local_response_norm", c => c.X.LocalResponseNorm(c.Attrs.Int("size"), c.Attrs.Double("alpha"), c.Attrs.Double("beta"), c.Attrs.Double("k")));
        runner.Ops("batch_norm_train", c =>
        {
            Tensor mean = c["running_mean"], variance = c["running_var"];
            Tensor y = c.X.BatchNorm(c["weight"], c["bias"], mean, variance, c.Attrs.Double("momentum"), c.Attrs.Double("eps"));
            return [("out", y), ("running_mean_after", mean), ("running_var_after", variance)];
        });
        runner.Op("batch_norm_eval", c => c.X.BatchNormFixed(c["running_mean"], c["running_var"], c.Optional("weight"), c.Optional("bias"), c.Attrs.Double("eps")));
        runner.Ops("batch_norm_three_steps", c =>
        {
            Tensor weight = c["weight"], bias = c["bias"], mean = Tensor.Zeros(bias.Shape, c.Type), variance = Tensor.Ones(bias.Shape, c.Type);
            double eps = c.Attrs.Double("eps");
            List<(string, Tensor)> outputs = [];
            for (int i = 0; i < 3; i++) // no momentum: the average over all steps so far
                outputs.Add(($"out{i}", c[$"x{i}"].BatchNorm(weight, bias, mean, variance, c.Attrs.DoubleOrNull("momentum") ?? 1.0 / (i + 1), eps)));
            return [.. outputs, ("out_eval", c["x_eval"].BatchNormFixed(mean, variance, weight, bias, eps)), ("running_mean", mean), ("running_var", variance)];
        });
        runner.Op("weight_norm", c => c["v"].WeightNorm(c["g"], c.Attrs.Int("dim")));
        runner.Ops("spectral_norm", c =>
        {
            Tensor u = c["u"].Normalize(dimension: 0, eps: c.Attrs.Double("eps"));
            (Tensor y, Tensor v) = c["weight"].SpectralNorm(u, c.Attrs.Int("n_power_iterations"), c.Attrs.Double("eps"));
            return [("out", y), ("u_after", u), ("v_after", v)];
        });
    }
}

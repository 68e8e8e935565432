using System.Text.Json;
using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Nets;

/// <summary>One training run of the set <c>nets</c>: given weights, given batches, the library's optimizer; every figure of it is compared.</summary>
internal sealed class NetRun
{
    private readonly GoldenCase _golden;
    private readonly (Tensor Values, string Name)[] _parts;
    private readonly Tensor[] _trained;
    private readonly Optimizer _optimizer;

    /// <summary>Sets the parameters to the run's initial weights.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="parts">Every parameter by its name in the case.</param>
    internal NetRun(GoldenCase golden, params (Tensor Values, string Name)[] parts)
    {
        (_golden, _parts) = (golden, parts);
        string[] frozen = golden.Attrs.StringsOrNull("frozen") ?? [];
        Assert.Equal(golden.Inputs.Keys.Where(static k => k.StartsWith("init.", StringComparison.Ordinal)).Order(StringComparer.Ordinal), parts.Select(static p => "init." + p.Name).Order(StringComparer.Ordinal));
        foreach ((Tensor values, string name) in parts)
        {
            GoldenValue initial = golden.Inputs["init." + name];
            values.Detach().CopyFrom(Tensor.From(initial.Doubles, new Shape(initial.Shape)).To(values.DType));
            values.RequireGrad(!frozen.Contains(name));
        }
        _trained = [.. parts.Where(static p => p.Values.RequiresGrad).Select(static p => p.Values)];
        _optimizer = CreateOptimizer(golden.Attrs, [new ParameterGroup(_trained)]);
    }

    /// <summary>Trains for all steps and compares losses, rates, gradient norms and final weights.</summary>
    /// <param name="loss">The loss of a step.</param>
    internal void Train(Func<int, Tensor> loss)
    {
        GoldenAttrs a = _golden.Attrs;
        int steps = a.Int("steps");
        double rate = a.Double("lr"), tolerance = _golden.ToleranceF64;
        double[] losses = new double[steps], norms = new double[steps];
        for (int t = 0; t < steps; t++)
        {
            using MemoryScope scope = MemoryScope.Enter();
            Tensor value = loss(t);
            losses[t] = value.Item();
            value.Backward();
            if (t == 0) CompareFirstGradients(tolerance);
            norms[t] = GradientClipping.GlobalNorm(_trained);
            _optimizer.Step(rate, a.DoubleOrNull("clip_grad_norm") is { } limit ? GradientClipping.Factor(norms[t], limit) : 1);
            _optimizer.ClearGradients();
        }
        GoldenAssert.Close(_golden.Outputs["loss"], [steps], losses, tolerance, "losses");
        if (_golden.Outputs.TryGetValue("lr", out GoldenValue? rates)) GoldenAssert.Close(rates, [steps], [.. Enumerable.Repeat(rate, steps)], tolerance, "rates");
        if (_golden.Outputs.TryGetValue("gradient_norm_before_clipping", out GoldenValue? expected)) GoldenAssert.Close(expected, [steps], norms, tolerance, "gradient norms");
        foreach ((Tensor values, string name) in _parts) CompareFinal(name, values);
    }

    /// <summary>Compares final values that are not parameters, such as running statistics.</summary>
    internal void CompareFinal(string name, Tensor values)
    {
        double[] final = values.Detach().ToArray<double>();
        if (_golden.Outputs.TryGetValue("final." + name, out GoldenValue? expected)) GoldenAssert.Close(expected, values.Shape.AsSpan(), final, _golden.ToleranceF64, name);
        if (!_golden.Outputs.TryGetValue("final_summary", out GoldenValue? summary)) return;
        double[] sums = [.. summary.Json.GetProperty(name).EnumerateArray().Select(static v => v.GetDouble())];
        GoldenAssert.Close(sums, [final.Sum(), final.Sum(static v => v * v), final[0], final[^1]], _golden.ToleranceF64 * Math.Sqrt(final.Length), $"{_golden} summary of {name}");
    }

    private void CompareFirstGradients(double tolerance)
    {
        if (!_golden.Outputs.TryGetValue("gradient_norm_per_parameter_at_step_0", out GoldenValue? norms)) return;
        foreach ((Tensor values, string name) in _parts)
        {
            JsonElement expected = norms.Json.GetProperty(name);
            GoldenAssert.Close([expected.GetDouble()], [values.Grad!.Norm(2).Item()], tolerance, $"{_golden}: gradient norm of {name} at step 0");
        }
    }

    private static Optimizer CreateOptimizer(GoldenAttrs a, ParameterGroup[] groups)
    {
        double[] betas = a.DoublesOrNull("betas") ?? [0.9, 0.999];
        return a.String("optimizer") switch
        {
            "sgd" => new Sgd(groups, new SgdOptions { Momentum = a.DoubleOrNull("momentum") ?? 0 }),
            "adam" => new Adam(groups, new AdamOptions { Beta1 = betas[0], Beta2 = betas[1], Epsilon = a.DoubleOrNull("eps") ?? 1e-8 }),
            "adagrad" => new Adagrad(groups, new AdagradOptions { Epsilon = a.DoubleOrNull("eps") ?? 1e-10 }),
            string other => throw new InvalidDataException($"The optimizer {other} is not known here."),
        };
    }
}

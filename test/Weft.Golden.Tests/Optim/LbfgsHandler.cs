using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Optim;

/// <summary>L-BFGS computes its own losses and gradients: the problems of the set, by autograd.</summary>
internal static class LbfgsHandler
{
    internal static void Add(GoldenRunner runner) => runner.Add("lbfgs", Check, GoldenPrecision.F64);

    private static void Check(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        Dictionary<string, Tensor> parameters = new(StringComparer.Ordinal);
        foreach ((string key, GoldenValue trajectory) in golden.Outputs)
            if (key.StartsWith("trajectory_", StringComparison.Ordinal)) parameters.Add(key["trajectory_".Length..], OptimizerHandlers.Row(trajectory, 0, DType.Float64).RequireGrad());
        Lbfgs optimizer = new([new ParameterGroup([.. parameters.Values])], new LbfgsOptions
        {
            MaximumIterations = a.Int("max_iter"), MaximumEvaluations = a.IntOrNull("max_eval") ?? 0, GradientTolerance = a.Double("tolerance_grad"), ChangeTolerance = a.Double("tolerance_change"),
            HistorySize = a.Int("history_size"), StrongWolfe = a.StringOrNull("line_search_fn") == "strong_wolfe",
        });
        List<double> losses = [], counts = [];
        Dictionary<string, List<double>> actual = parameters.ToDictionary(static p => p.Key, static p => new List<double>(OptimizerHandlers.Values(p.Value)));
        for (int t = 0; t < a.Int("steps"); t++)
        {
            losses.Add(optimizer.Step(Evaluate, a.Double("lr")));
            counts.Add(optimizer.EvaluationCount);
            foreach ((string name, Tensor parameter) in parameters) actual[name].AddRange(OptimizerHandlers.Values(parameter));
        }
        foreach ((string name, List<double> values) in actual)
            GoldenAssert.Close(golden.Outputs["trajectory_" + name], golden.Outputs["trajectory_" + name].Shape, values.ToArray(), golden.ToleranceF64);
        GoldenAssert.Close(golden.Outputs["loss_before_step"], golden.Outputs["loss_before_step"].Shape, losses.ToArray(), golden.ToleranceF64);
        Assert.Equal(golden.Outputs["function_evaluations"].Doubles, counts);

        double Evaluate()
        {
            optimizer.ClearGradients();
            Tensor loss = Problem(golden, parameters);
            loss.Backward();
            return loss.Item();
        }
    }

    private static Tensor Problem(GoldenCase golden, Dictionary<string, Tensor> p)
    {
        switch (golden.Attrs.String("problem"))
        {
            case "quadratic":
                Tensor x = p["x"], A = Input("A"), b = Input("b");
                return 0.5 * (x * A.MatMul(x.Unsqueeze(1)).Squeeze(1)).Sum() - (b * x).Sum();
            case "rosenbrock":
                Tensor x0 = p["x"].Select(0, 0), x1 = p["x"].Select(0, 1);
                return 100 * (x1 - x0 * x0).Square() + (1 - x0).Square();
            case "least_squares":
                Tensor e = p["W"].MatMul(Input("X")) + p["c"].Unsqueeze(1) - Input("Y");
                return e.Square().Sum() * (0.5 / e.Shape[1]);
            default:
                throw new InvalidDataException($"{golden}: problem {golden.Attrs.String("problem")}.");
        }

        Tensor Input(string name) => Tensor.From(golden.Inputs[name].Doubles, new Shape(golden.Inputs[name].Shape));
    }
}

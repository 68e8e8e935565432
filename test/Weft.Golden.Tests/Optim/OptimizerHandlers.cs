using Weft.Tensors;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Golden.Tests.Optim;

/// <summary>Trajectories of torch's optimizers: the gradients are given, so that the update rule alone is tested.</summary>
internal static class OptimizerHandlers
{
    internal delegate Optimizer Maker(IReadOnlyList<ParameterGroup> groups, GoldenAttrs attrs);

    private static readonly Dictionary<string, Maker> s_makers = new(StringComparer.Ordinal)
    {
        ["sgd"] = static (groups, a) => new Sgd(groups, new SgdOptions { Momentum = a.Number("momentum"), Dampening = a.Number("dampening"), Nesterov = a.Flag("nesterov"), Maximize = a.Flag("maximize") }),
        ["adam"] = static (groups, a) => new Adam(groups, new AdamOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), AmsGrad = a.Flag("amsgrad"), Maximize = a.Flag("maximize"), Decay = a.Flag("decoupled_weight_decay") ? DecayForm.Decoupled : DecayForm.Coupled }),
        ["adamw"] = static (groups, a) => new AdamW(groups, new AdamWOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), AmsGrad = a.Flag("amsgrad"), Maximize = a.Flag("maximize") }),
        ["adagrad"] = static (groups, a) => new Adagrad(groups, new AdagradOptions { RateDecay = a.Number("lr_decay"), InitialAccumulator = a.Number("initial_accumulator_value"), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize") }),
        ["rmsprop"] = static (groups, a) => new RmsProp(groups, new RmsPropOptions { Alpha = a.Number("alpha"), Epsilon = a.Number("eps"), Momentum = a.Number("momentum"), Centered = a.Flag("centered"), Maximize = a.Flag("maximize") }),
        ["nadam"] = static (groups, a) => new NAdam(groups, new NAdamOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), MomentumDecay = a.Number("momentum_decay"), Maximize = a.Flag("maximize"), Decay = a.Flag("decoupled_weight_decay") ? DecayForm.Decoupled : DecayForm.Coupled }),
        ["radam"] = static (groups, a) => new RAdam(groups, new RAdamOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize"), Decay = a.Flag("decoupled_weight_decay") ? DecayForm.Decoupled : DecayForm.Coupled }),
        ["adamax"] = static (groups, a) => new Adamax(groups, new AdamaxOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize") }),
        ["adadelta"] = static (groups, a) => new Adadelta(groups, new AdadeltaOptions { Rho = a.Number("rho"), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize") }),
        ["rprop"] = static (groups, a) => new Rprop(groups, new RpropOptions { Shrink = a.Doubles("etas")[0], Grow = a.Doubles("etas")[1], MinimumStep = a.Doubles("step_sizes")[0], MaximumStep = a.Doubles("step_sizes")[1], Maximize = a.Flag("maximize") }),
        ["asgd"] = static (groups, a) => new AveragedSgd(groups, new AveragedSgdOptions { Lambda = a.Number("lambd"), Alpha = a.Number("alpha"), AveragingStart = a.Number("t0"), Maximize = a.Flag("maximize") }),
        ["adafactor_torch"] = static (groups, a) => new Adafactor(groups, new AdafactorOptions { Beta2Decay = a.Number("beta2_decay"), Epsilon = First(a, "eps"), ScaleEpsilon = a.Json("eps")[1].GetDouble(), ClipThreshold = a.Number("d"), Maximize = a.Flag("maximize") }),
        ["adafactor_transformers"] = static (groups, a) => new AdafactorOriginal(groups, new AdafactorOriginalOptions
        {
            Epsilon = a.Doubles("eps")[0], ScaleEpsilon = a.Doubles("eps")[1], ClipThreshold = a.Number("clip_threshold"), Beta2Decay = a.Number("decay_rate"), Beta1 = a.Number("beta1"),
            ScaleParameter = a.Flag("scale_parameter"), RelativeStep = a.Flag("relative_step"), WarmupInitial = a.Flag("warmup_init"),
        }),
        ["muon_f64"] = static (groups, a) => Muon(groups, a, rounded: false),
        ["muon_bf16"] = static (groups, a) => Muon(groups, a, rounded: true),
    };

    internal static void Add(GoldenRunner runner)
    {
        runner.Add("sparse_adam", Sparse, GoldenPrecision.F64);
        foreach ((string op, Maker maker) in s_makers)
        {
            runner.Add(op, (golden, _) => Trajectory(golden, maker, DType.Float64), GoldenPrecision.F64);
            runner.Add(op + "_f32", (golden, _) => Trajectory(golden, maker, DType.Float32), GoldenPrecision.F32);
        }
    }

    /// <summary>Feeds a case's gradients to an optimizer and compares where every step leads, but for the parameters that are named.</summary>
    internal static void Trajectory(GoldenCase golden, Maker maker, DType dtype, params ReadOnlySpan<string> except)
    {
        double tolerance = dtype == DType.Float64 ? golden.ToleranceF64 : golden.ToleranceF32;
        foreach ((string name, double[] values) in Follow(golden, maker, dtype))
        {
            if (except.Contains(name)) continue;
            GoldenValue expected = golden.Outputs["trajectory_" + name];
            GoldenAssert.Close(expected, expected.Shape, values, tolerance);
        }
    }

    /// <summary>Feeds a case's gradients to an optimizer and returns where every step leads, by parameter.</summary>
    internal static Dictionary<string, double[]> Follow(GoldenCase golden, Maker maker, DType dtype, Action<Optimizer, int>? afterStep = null)
    {
        GoldenAttrs a = golden.Attrs;
        int steps = a.Int("steps");
        int[] without = a.IntsOrNull("no_gradient_at_steps") ?? [];
        Dictionary<string, Tensor> parameters = new(StringComparer.Ordinal);
        foreach ((string key, GoldenValue trajectory) in golden.Outputs)
        {
            if (!key.StartsWith("trajectory_", StringComparison.Ordinal)) continue;
            Tensor parameter = Row(trajectory, 0, dtype).RequireGrad();
            parameter.Name = key["trajectory_".Length..];
            parameters.Add(parameter.Name, parameter);
        }
        Optimizer optimizer = maker(Groups(a, parameters), a);
        double rate = a.DoubleOrNull("lr") ?? 0;
        Dictionary<string, List<double>> actual = parameters.ToDictionary(static p => p.Key, static p => new List<double>(Values(p.Value)));
        for (int t = 0; t < steps; t++)
        {
            foreach ((string name, Tensor parameter) in parameters) parameter.Grad = without.Contains(t) ? null : Row(golden.Inputs["gradients_" + name], t, dtype);
            optimizer.Step(rate);
            afterStep?.Invoke(optimizer, t);
            foreach ((string name, Tensor parameter) in parameters) actual[name].AddRange(Values(parameter));
        }
        return actual.ToDictionary(static p => p.Key, static p => p.Value.ToArray());
    }

    // The gradient has rows, repeated ones to be summed, and is 0 elsewhere.
    private static void Sparse(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        GoldenValue trajectory = golden.Outputs["trajectory_W"], rows = golden.Inputs["rows"], values = golden.Inputs["values"];
        Tensor W = Row(trajectory, 0, DType.Float64).RequireGrad();
        SparseAdam optimizer = new([new ParameterGroup([W])], new SparseAdamOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize") });
        List<double> actual = [.. Values(W)];
        for (int t = 0; t < a.Int("steps"); t++)
        {
            int count = rows.Shape[1];
            W.Grad = Tensor.Zeros(W.Shape, DType.Float64).IndexAdd(0, Tensor.From(rows.Ints.AsSpan(t * count, count), [count]), Row(values, t, DType.Float64));
            optimizer.Step(a.Double("lr"));
            actual.AddRange(Values(W));
        }
        GoldenAssert.Close(trajectory, trajectory.Shape, actual.ToArray(), golden.ToleranceF64);
    }

    private static Muon Muon(IReadOnlyList<ParameterGroup> groups, GoldenAttrs a, bool rounded)
    {
        double[] c = a.Doubles("ns_coefficients");
        return new Muon(groups, new MuonOptions
        {
            Momentum = a.Number("momentum"), Nesterov = a.Flag("nesterov"), CoefficientA = c[0], CoefficientB = c[1], CoefficientC = c[2], Epsilon = a.Number("eps"), NewtonSchulzSteps = a.Int("ns_steps"),
            RateFit = a.StringOrNull("adjust_lr_fn") == "match_rms_adamw" ? MuonRate.MatchAdamW : MuonRate.Original, BFloat16 = rounded,
        });
    }

    private static double? First(GoldenAttrs a, string name) => a.Json(name)[0].ValueKind == System.Text.Json.JsonValueKind.Null ? null : a.Json(name)[0].GetDouble();

    internal static double Number(this GoldenAttrs a, string name) => a.DoubleOrNull(name) ?? 0;

    internal static bool Flag(this GoldenAttrs a, string name) => a.BoolOrNull(name) ?? false;

    internal static double Beta(this GoldenAttrs a, int index) => a.Doubles("betas")[index];

    internal static Tensor Row(GoldenValue all, int index, DType dtype)
    {
        Shape shape = new(all.Shape[1..]);
        return Tensor.From(all.Doubles.AsSpan(index * shape.Count, shape.Count), shape).To(dtype);
    }

    internal static double[] Values(Tensor tensor) => tensor.Detach().To(DType.Float64).ToArray<double>();

    private static IReadOnlyList<ParameterGroup> Groups(GoldenAttrs a, Dictionary<string, Tensor> parameters) => a.Has("groups")
        ? [.. a.Json("groups").EnumerateArray().Select(g => new ParameterGroup([.. g.GetProperty("params").EnumerateArray().Select(p => parameters[p.GetString()!])], g.GetProperty("weight_decay").GetDouble())
        {
            Schedule = new ConstantRate(g.GetProperty("lr").GetDouble()),
        })]
        : [new ParameterGroup([.. parameters.Values], a.Number("weight_decay"))];
}

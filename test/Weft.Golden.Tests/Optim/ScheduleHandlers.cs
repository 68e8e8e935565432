using System.Text.Json;
using Weft.Training.Schedules;

namespace Weft.Golden.Tests.Optim;

/// <summary>Learning rates step by step, beside torch's and transformers' schedulers.</summary>
internal static class ScheduleHandlers
{
    private static readonly Dictionary<string, Func<JsonElement, double, LearningRateSchedule>> s_makers = new(StringComparer.Ordinal)
    {
        ["step_lr"] = static (a, rate) => new StepDecay(rate, Long(a, "step_size"), Number(a, "gamma")),
        ["multi_step_lr"] = static (a, rate) => new MilestoneDecay(rate, [.. a.GetProperty("milestones").EnumerateArray().Select(static m => m.GetInt64())], Number(a, "gamma")),
        ["constant_lr"] = static (a, rate) => new ReducedStart(rate, Number(a, "factor"), Long(a, "total_iters")),
        ["linear_lr"] = static (a, rate) => new LinearRamp(rate, Number(a, "start_factor"), Number(a, "end_factor", 1), Long(a, "total_iters")),
        ["exponential_lr"] = static (a, rate) => new ExponentialDecay(rate, Number(a, "gamma")),
        ["polynomial_lr"] = static (a, rate) => new PolynomialDecay(rate, Long(a, "total_iters"), Number(a, "power")),
        ["cosine_annealing_lr"] = static (a, rate) => new CosineAnnealing(rate, Number(a, "eta_min"), Long(a, "T_max")),
        ["cosine_annealing_warm_restarts"] = static (a, rate) => new CosineRestarts(rate, Number(a, "eta_min"), Long(a, "T_0"), Long(a, "T_mult")),
        ["cyclic_lr"] = static (a, rate) => Cyclic(a, rate),
        ["one_cycle_lr"] = static (a, _) => OneCycle(a),
        ["lambda_lr"] = static (a, rate) => new FunctionSchedule(rate, t => 1 / (1 + Number(a, "e") * t)),
        ["multiplicative_lr"] = static (a, rate) => new FunctionSchedule(rate, t =>
        {
            double factor = 1;
            for (long i = 1; i <= t; i++) factor *= 1 - Number(a, "e") / (i + 1);
            return factor;
        }),
        ["sequential_lr"] = static (a, rate) => new ScheduleSequence(Parts(a, rate), [.. a.GetProperty("milestones").EnumerateArray().Select(static m => m.GetInt64())]),
        ["chained"] = static (a, rate) => new ScheduleProduct(rate, Parts(a, rate)),
        ["swa_lr"] = static (a, rate) => new AveragingRate(rate, Number(a, "swa_lr"), Long(a, "anneal_epochs"), a.GetProperty("anneal_strategy").GetString() == "cos"),
        ["hf_constant"] = static (_, rate) => new ConstantRate(rate),
        ["hf_constant_with_warmup"] = static (a, rate) => new WarmupConstant(rate, Long(a, "num_warmup_steps")),
        ["hf_linear"] = static (a, rate) => new WarmupLinear(rate, Long(a, "num_warmup_steps"), Long(a, "num_training_steps")),
        ["hf_cosine"] = static (a, rate) => new WarmupCosineCycles(rate, Long(a, "num_warmup_steps"), Long(a, "num_training_steps"), Number(a, "num_cycles", 0.5)),
        ["hf_cosine_hard_restarts"] = static (a, rate) => new WarmupCosineRestarts(rate, Long(a, "num_warmup_steps"), Long(a, "num_training_steps"), (int)Long(a, "num_cycles")),
        ["hf_polynomial"] = static (a, rate) => new WarmupPolynomial(rate, Long(a, "num_warmup_steps"), Long(a, "num_training_steps"), Number(a, "lr_end", 1e-7), Number(a, "power", 1)),
        ["hf_inverse_sqrt"] = static (a, rate) => new WarmupInverseRoot(rate, Long(a, "num_warmup_steps"), (long)Number(a, "timescale", 0)),
        ["hf_cosine_min_lr"] = static (a, rate) => new WarmupCosineCycles(rate, Long(a, "num_warmup_steps"), Long(a, "num_training_steps"), 0.5, Floor(a, rate)),
        ["hf_cosine_min_lr_warmup_rate"] = static (a, rate) => new WarmupCosineFloor(rate, Long(a, "num_warmup_steps"), Long(a, "num_training_steps"), Floor(a, rate), Has(a, "warmup_lr_rate") ? Number(a, "warmup_lr_rate") : null),
        ["hf_wsd"] = static (a, rate) => new WarmupStableDecay(rate, Long(a, "num_warmup_steps"), Has(a, "num_stable_steps") ? Long(a, "num_stable_steps") : Long(a, "num_training_steps") - Long(a, "num_warmup_steps") - Long(a, "num_decay_steps"), Long(a, "num_decay_steps"), Shape(a, "warmup_type", PhaseShape.Linear), Shape(a, "decay_type", PhaseShape.Cosine), Number(a, "min_lr_ratio", 0), Number(a, "num_cycles", 0.5)),
    };

    internal static void Add(GoldenRunner runner)
    {
        foreach (string op in s_makers.Keys) runner.Add(op, Check, GoldenPrecision.F64);
        runner.Add("reduce_lr_on_plateau", Plateau, GoldenPrecision.F64);
    }

    private static void Check(GoldenCase golden, GoldenPrecision precision)
    {
        JsonElement a = golden.Json.GetProperty("attrs");
        double[] rates = a.GetProperty("base_lr").ValueKind == JsonValueKind.Array ? golden.Attrs.Doubles("base_lr") : [golden.Attrs.Double("base_lr")];
        LearningRateSchedule[] schedules = [.. rates.Select(rate => s_makers[golden.Op](a, rate))];
        GoldenValue expected = golden.Outputs["lr"];
        double[] actual = [.. Enumerable.Range(0, golden.Attrs.Int("steps")).SelectMany(t => schedules.Select(s => s.At(t)))];
        GoldenAssert.Close(expected, expected.Shape, actual, golden.ToleranceF64);
        if (!golden.Outputs.TryGetValue("momentum", out GoldenValue? momentum) || golden.Attrs.BoolOrNull("cycle_momentum") == false) return;
        double[] moments = [.. Enumerable.Range(0, golden.Attrs.Int("steps")).Select(t => schedules[0] switch
        {
            CyclicRate cyclic => cyclic.MomentumAt(t, Number(a, "base_momentum", 0.8), Number(a, "max_momentum", 0.9)),
            OneCycle cycle => cycle.MomentumAt(t, Number(a, "base_momentum", 0.85), Number(a, "max_momentum", 0.95)),
            _ => throw new InvalidDataException($"{golden}: momentum of {schedules[0].GetType().Name}."),
        })];
        GoldenAssert.Close(momentum, momentum.Shape, moments, golden.ToleranceF64, "momentum");
    }

    private static void Plateau(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        PlateauRate schedule = new(a.Double("base_lr"), a.Double("factor"), a.Int("patience"), a.Double("threshold"), a.String("threshold_mode") == "rel", a.Int("cooldown"), a.Double("min_lr"), a.String("mode") == "max", a.Double("eps"));
        double[] metrics = golden.Inputs["metrics"].Doubles, actual = new double[a.Int("steps")];
        for (int t = 0; t < actual.Length; t++)
        {
            actual[t] = schedule.At(t);
            if (t < metrics.Length) schedule.Report(metrics[t]);
        }
        GoldenAssert.Close(golden.Outputs["lr"], golden.Outputs["lr"].Shape, actual, golden.ToleranceF64);
    }

    private static CyclicRate Cyclic(JsonElement a, double rate) => new(rate, Number(a, "max_lr"), Long(a, "step_size_up"), (long)Number(a, "step_size_down", 0),
        (Has(a, "mode") ? a.GetProperty("mode").GetString() : "triangular") switch { "triangular2" => CycleShape.Halving, "exp_range" => CycleShape.Exponential, _ => CycleShape.Triangular }, Number(a, "gamma", 1));

    private static OneCycle OneCycle(JsonElement a) => new(Number(a, "max_lr"), Long(a, "total_steps"), Number(a, "pct_start", 0.3), !Has(a, "anneal_strategy") || a.GetProperty("anneal_strategy").GetString() == "cos",
        Number(a, "div_factor", 25), Number(a, "final_div_factor", 1e4), Has(a, "three_phase") && a.GetProperty("three_phase").GetBoolean());

    private static LearningRateSchedule[] Parts(JsonElement a, double rate) => [.. a.GetProperty("schedulers").EnumerateArray().Select(s => s_makers[s.GetProperty("kind").GetString()!](s, rate))];

    private static double Floor(JsonElement a, double rate) => Has(a, "min_lr_rate") ? Number(a, "min_lr_rate") : Number(a, "min_lr") / rate;

    private static PhaseShape Shape(JsonElement a, string name, PhaseShape fallback) => Has(a, name)
        ? a.GetProperty(name).GetString() switch { "linear" => PhaseShape.Linear, "cosine" => PhaseShape.Cosine, "1-sqrt" => PhaseShape.OneMinusRoot, string other => throw new InvalidDataException(other), null => fallback }
        : fallback;

    private static bool Has(JsonElement a, string name) => a.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    private static double Number(JsonElement a, string name) => a.GetProperty(name).GetDouble();

    private static double Number(JsonElement a, string name, double fallback) => Has(a, name) ? Number(a, name) : fallback;

    private static long Long(JsonElement a, string name) => a.GetProperty(name).GetInt64();
}

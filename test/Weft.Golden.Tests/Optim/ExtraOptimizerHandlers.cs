using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Optim;

/// <summary>Trajectories of lion-pytorch and pytorch-optimizer.</summary>
internal static class ExtraOptimizerHandlers
{
    private static readonly Dictionary<string, OptimizerHandlers.Maker> s_makers = new(StringComparer.Ordinal)
    {
        ["lion"] = static (groups, a) => new Lion(a.Flag("decoupled_weight_decay") ? [.. groups.Select(g => g with { WeightDecay = g.WeightDecay / a.Double("lr") })] : groups, new LionOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1) }),
        ["lamb"] = static (groups, a) => new Lamb(groups, Moments(a, new LambOptions
        {
            GradientAveraging = a.Flag("grad_averaging"), ClipFirst = a.Flag("pre_norm"), MaximumNorm = a.Number("max_grad_norm"), WithoutRatio = a.Flag("adam"),
            Rectify = a.Flag("rectify"), RectifyThreshold = a.Number("n_sma_threshold"), DegenerateToSgd = a.Flag("degenerated_to_sgd"), Decay = Decay(a),
        })),
        ["lars"] = static (groups, a) => new Lars(groups, new LarsOptions { Momentum = a.Number("momentum"), Dampening = a.Number("dampening"), TrustCoefficient = a.Number("trust_coefficient"), Nesterov = a.Flag("nesterov"), Maximize = a.Flag("maximize") }),
        ["adabelief"] = static (groups, a) => new AdaBelief(groups, Moments(a, new AdaBeliefOptions
        {
            Rectify = a.Flag("rectify"), RectifyThreshold = a.Number("n_sma_threshold"), DegenerateToSgd = a.Flag("degenerated_to_sgd"), AmsGrad = a.Flag("ams_bound"), Decay = Decay(a),
        })),
        ["ademamix"] = static (groups, a) => new AdEmaMix(groups, Moments(a, new AdEmaMixOptions { Beta3 = a.Beta(2), Alpha = a.Number("alpha"), WarmupSteps = a.Number("t_alpha_beta3"), Decay = Decay(a) })),
        ["adan"] = static (groups, a) => new Adan(groups, new AdanOptions { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Beta3 = a.Beta(2), Epsilon = a.Number("eps"), MaximumNorm = a.Number("max_grad_norm"), ProximalDecay = !a.Flag("weight_decouple"), Maximize = a.Flag("maximize") }),
        ["adopt"] = static (groups, a) => new Adopt(groups, Moments(a, new AdoptOptions { Decay = Decay(a) })),
        ["schedulefree_adamw"] = static (groups, a) => new ScheduleFreeAdamW(groups, Moments(a, new ScheduleFreeAdamWOptions { WeightPower = a.Number("r"), WeightRatePower = a.Number("weight_lr_power"), WarmupSteps = (long)a.Number("warmup_steps"), Decoupling = a.Number("decoupling_c") })),
        ["prodigy"] = static (groups, a) => new Prodigy(groups, Moments(a, new ProdigyOptions
        {
            Beta3 = a.Number("beta3"), InitialDistance = a.Number("d0"), DistanceCoefficient = a.Number("d_coef"), GrowthRate = a.Number("growth_rate"),
            BiasCorrection = a.Flag("bias_correction"), SafeguardWarmup = a.Flag("safeguard_warmup"), Decay = Decay(a),
        })),
        ["came"] = static (groups, a) => new Came(groups, new CameOptions
        {
            Beta1 = a.Beta(0), Beta2 = a.Beta(1), Beta3 = a.Beta(2), Epsilon = a.Number("eps1"), ResidualEpsilon = a.Number("eps2"), ClipThreshold = a.Number("clip_threshold"),
            AmsGrad = a.Flag("ams_bound"), Decay = Decay(a), Maximize = a.Flag("maximize"),
        }),
        ["shampoo"] = static (groups, a) => new Shampoo(groups, new ShampooOptions { Momentum = a.Number("momentum"), RootInterval = a.Int("preconditioning_compute_steps"), MatrixEpsilon = a.Number("matrix_eps"), Decay = Decay(a), Maximize = a.Flag("maximize") }),
        ["soap"] = static (groups, a) => new Soap(groups, Moments(a, new SoapOptions
        {
            ProductBeta = a.Number("shampoo_beta"), BasisInterval = a.Int("precondition_frequency"), LargestDimension = a.Int("max_precondition_dim"), TurnVectors = a.Flag("precondition_1d"),
            BiasCorrection = a.Flag("correct_bias"), NormalizeUpdate = a.Flag("normalize_gradient"),
        })),
        ["tiger"] = static (groups, a) => new Tiger(groups, new TigerOptions { Beta = a.Number("beta"), Decay = Decay(a), Maximize = a.Flag("maximize") }),
        ["yogi"] = static (groups, a) => new Yogi(groups, Moments(a, new YogiOptions { InitialAccumulator = a.Number("initial_accumulator"), Decay = Decay(a) })),
        ["laprop"] = static (groups, a) => new LaProp(groups, Moments(a, new LaPropOptions { Centered = a.Flag("centered"), StepsBeforeCentered = a.Int("steps_before_using_centered"), AmsGrad = a.Flag("ams_bound"), Decay = Decay(a) })),
        ["mars"] = static (groups, a) => new Mars(groups, Moments(a, new MarsOptions
        {
            Gamma = a.Number("gamma"), CorrectVectors = a.Flag("optimize_1d"), VectorRateFactor = a.Number("lr_1d") / a.Number("lr"), AmsGrad = a.Flag("ams_bound"), Cautious = a.Flag("cautious"),
            VectorBeta1 = a.Doubles("betas_1d")[0], VectorBeta2 = a.Doubles("betas_1d")[1], VectorDecay = a.DoubleOrNull("weight_decay_1d"), Decay = Decay(a),
            Kind = a.String("mars_type") switch { "lion" => MarsKind.Lion, "shampoo" => MarsKind.Shampoo, _ => MarsKind.AdamW },
        })),
        ["sm3"] = static (groups, a) => new Sm3(groups, new Sm3Options { Momentum = a.Number("momentum"), Beta = a.Number("beta"), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize") }),
        ["novograd"] = static (groups, a) => new NovoGrad(groups, Moments(a, new NovoGradOptions { GradientAveraging = a.Flag("grad_averaging"), Decay = Decay(a) })),
        ["adamp"] = static (groups, a) => new AdamP(groups, Moments(a, new AdamPOptions { Delta = a.Number("delta"), DecayRatio = a.Number("wd_ratio"), Nesterov = a.Flag("nesterov"), Decay = Decay(a) })),
    };

    internal static void Add(GoldenRunner runner)
    {
        foreach ((string op, OptimizerHandlers.Maker maker) in s_makers)
        {
            runner.Add(op, (golden, _) =>
            {
                if (op == "soap") SoapHandlers.Trajectory(golden, maker);
                else OptimizerHandlers.Trajectory(golden, maker, DType.Float64);
            }, GoldenPrecision.F64);
        }
    }

    private static T Moments<T>(GoldenAttrs a, T options) where T : MomentOptions => options with { Beta1 = a.Beta(0), Beta2 = a.Beta(1), Epsilon = a.Number("eps"), Maximize = a.Flag("maximize") };

    private static DecayForm Decay(GoldenAttrs a) => !a.Flag("weight_decouple") ? DecayForm.Coupled : a.Flag("fixed_decay") ? DecayForm.Fixed : DecayForm.Decoupled;
}

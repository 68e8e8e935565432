using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="NovoGrad"/>.</summary>
public sealed record NovoGradOptions : MomentOptions
{
    /// <summary>Coupled decay, β₁ 0.95 and β₂ 0.98, as the paper.</summary>
    public NovoGradOptions() => (Decay, Beta1, Beta2) = (DecayForm.Coupled, 0.95, 0.98);

    /// <summary>Whether a gradient enters the mean with weight 1 - β₁; else with 1.</summary>
    public bool GradientAveraging { get; init; }
}

/// <summary>Adam with one mean square for each layer: its gradient is scaled to about length 1 before it enters the mean.</summary>
/// <remarks>v = β₂ v + (1 - β₂) |g|²;  m = β₁ m + (g / (sqrt(v) + ε) + λ p);  p -= lr m   (Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1).</remarks>
public sealed class NovoGrad(IReadOnlyList<ParameterGroup> groups, NovoGradOptions? options = null) : Optimizer<NovoGradOptions>(groups, options)
{
    private const int MeanSquare = 0;

    private protected override int NumberCount => 1;

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, NovoGradOptions options) => [("moment1", parameter.Shape)];

    private protected override void Update(Slot<NovoGradOptions> slot)
    {
        NovoGradOptions o = slot.Options;
        Tensor g = slot.ScaledGradient();
        ref double square = ref slot.Number(MeanSquare);
        double norm = GradientClipping.Norm(g);
        square = slot.Steps == 1 ? norm * norm : square * o.Beta2 + norm * norm * (1 - o.Beta2);
        g /= Math.Sqrt(square) + o.Epsilon;
        slot.Decay();
        if (o.Decay == DecayForm.Coupled) g += slot.Parameter * slot.Group.WeightDecay;
        Tensor m = slot.Mix(0, o.Beta1, g, o.GradientAveraging ? 1 - o.Beta1 : 1);
        slot.Move(m, slot.Rate);
    }
}

using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Lars"/>.</summary>
public sealed record LarsOptions : OptimizerOptions
{
    /// <summary>How much of the last direction is kept. Default 0.9.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>How much of the gradient is left out of the direction. Default 0.</summary>
    public double Dampening { get; init; }

    /// <summary>A layer's step as a share of its size: η. Default 1e-3.</summary>
    public double TrustCoefficient { get; init; } = 1e-3;

    /// <summary>Whether the direction looks one step ahead.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Momentum);
        RequireShare(Dampening);
        RequireNotNegative(TrustCoefficient);
    }
}

/// <summary>Momentum with a rate for each layer, in proportion to its weights over its gradients. Vectors take the plain step.</summary>
/// <remarks>ratio = η |p| / (|g| + λ |p|);  v = μ v + ratio (g + λ p);  p -= lr v   (You et al. 2017, arXiv:1708.03888, algorithm 1, in the form of pytorch-optimizer).</remarks>
public sealed class Lars(IReadOnlyList<ParameterGroup> groups, LarsOptions? options = null) : Optimizer<LarsOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, LarsOptions options) => options.Momentum > 0 ? [("momentum", parameter.Shape)] : [];

    private protected override void Update(Slot<LarsOptions> slot)
    {
        LarsOptions o = slot.Options;
        Tensor g = slot.ScaledGradient();
        if (slot.Parameter.Rank > 1)
        {
            double weight = GradientClipping.Norm(slot.Parameter), length = GradientClipping.Norm(g), ratio = weight > 0 && length > 0 ? o.TrustCoefficient * weight / (length + slot.Group.WeightDecay * weight) : 1;
            g = (g + slot.Parameter * slot.Group.WeightDecay) * ratio;
        }
        if (o.Momentum > 0)
        {
            Tensor v = slot.Mix(0, o.Momentum, g, 1 - o.Dampening);
            g = o.Nesterov ? g + v * o.Momentum : v;
        }
        slot.Move(g, slot.Rate);
    }
}

using System.Numerics;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Sophia"/>; the defaults are the paper's.</summary>
public sealed record SophiaOptions : OptimizerOptions
{
    /// <summary>How much of the mean gradient is kept each step. Default 0.96.</summary>
    public double Beta1 { get; init; } = 0.96;

    /// <summary>How much of the mean curvature is kept at each estimate. Default 0.99.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>Multiplies the curvature: the smaller, the more values are clipped. Default 0.05 (Gauss-Newton-Bartlett); 0.01 with Hutchinson.</summary>
    public double Gamma { get; init; } = 0.05;

    /// <summary>The least divisor. Default 1e-12.</summary>
    public double Epsilon { get; init; } = 1e-12;

    /// <summary>Every how many steps a training loop estimates the curvature, by Gauss-Newton-Bartlett. Default 10.</summary>
    public int EstimateEvery { get; init; } = 10;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Beta1);
        RequireShare(Beta2);
        Require(Gamma > 0, Gamma, "must be positive");
        Require(EstimateEvery > 0, EstimateEvery, "must be positive");
    }
}

/// <summary>Divides the mean gradient by an estimate of the Hessian's diagonal, and clips every value to 1.</summary>
/// <remarks>
/// p = (1 - lr λ) p - lr clip(m / max(γ h, ε), 1);  h = β₂ h + (1 - β₂) ĥ every ten steps or so, ĥ from
/// <see cref="ObserveHutchinson"/> or <see cref="ObserveGaussNewtonBartlett"/> (Liu et al. 2023, arXiv:2305.14342, algorithm 3).
/// </remarks>
public sealed class Sophia(IReadOnlyList<ParameterGroup> groups, SophiaOptions? options = null) : Optimizer<SophiaOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, SophiaOptions options) => [("moment1", parameter.Shape), ("curvature", parameter.Shape)];

    /// <summary>Whether a training loop estimates the curvature before this step.</summary>
    internal bool EstimatesAt(long step) => Slots.Length > 0 && step % Slots[0].Options.EstimateEvery == 0;

    private protected override void Update(Slot<SophiaOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Options));

    /// <summary>Takes an estimate u · (H u), u standard normal, into account (Liu et al. 2023, algorithm 1; Hutchinson 1989).</summary>
    /// <param name="loss">The loss, recorded by operations that have second derivatives.</param>
    /// <param name="generator">Draws u.</param>
    public void ObserveHutchinson(Tensor loss, RandomGenerator generator)
    {
        Tensor[] parameters = [.. Slots.Select(static s => s.Parameter)];
        Tensor?[] gradients = Gradients.Of(loss, parameters, createGraph: true);
        Tensor[] directions = [.. parameters.Select(p => generator.FillGaussian(Tensor.Uninitialized(p.Shape, p.DType)))];
        Tensor? along = null;
        for (int i = 0; i < parameters.Length; i++)
            if (gradients[i] is { Tracks: true } g) along = along is null ? (g * directions[i]).Sum() : along + (g * directions[i]).Sum();
        Tensor?[] products = along is null ? new Tensor?[parameters.Length] : Gradients.Of(along, parameters);
        using GradMode.Restorer mode = GradMode.Off();
        for (int i = 0; i < parameters.Length; i++)
            if (products[i] is { } product) Observe(Slots[i], product * directions[i]);
    }

    /// <summary>Takes the gradients as they stand into account, which must be those of the mean loss on labels drawn from the model itself: ĥ = B g² (Liu et al. 2023, algorithm 2).</summary>
    /// <param name="count">How many labels the mean was over: B.</param>
    public void ObserveGaussNewtonBartlett(long count)
    {
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        foreach (Slot<SophiaOptions> slot in Slots)
            if (slot.Parameter.Grad is { } g) Observe(slot, g.Detach().Square() * count);
    }

    private static void Observe(Slot<SophiaOptions> slot, Tensor curvature) => slot.Mix(1, slot.Options.Beta2, curvature, 1 - slot.Options.Beta2);

    private readonly struct Rule(double rate, SophiaOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _gamma = options.Gamma, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), beta1 = Lanes<T>.Of(_beta1), rest1 = Lanes<T>.Of(1 - _beta1), gamma = Lanes<T>.Of(_gamma), eps = Lanes<T>.Of(_epsilon);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> m = x.A[i] * beta1 + x.Gradient(i) * rest1;
                x.A[i] = m;
                Vector<T> ratio = Vector.Min(Vector.Max(m / Vector.Max(x.B[i] * gamma, eps), -Vector<T>.One), Vector<T>.One);
                x.Weights[i] = x.Kept(i) - ratio * lr;
            }
        }
    }
}

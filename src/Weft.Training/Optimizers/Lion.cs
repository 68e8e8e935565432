using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Lion"/>; the defaults are the paper's.</summary>
public sealed record LionOptions : OptimizerOptions
{
    /// <summary>How much of the mean gradient enters the direction. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>How much of the mean gradient is kept each step. Default 0.99.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Beta1);
        RequireShare(Beta2);
    }
}

/// <summary>Every weight moves by the rate, in the direction of a sign: half of Adam's memory. Use a third to a tenth of Adam's rate, and as much more decay.</summary>
/// <remarks>p = (1 - lr λ) p - lr sign(β₁ m + (1 - β₁) g);  m = β₂ m + (1 - β₂) g   (Chen et al. 2023, arXiv:2302.06675, algorithm 2).</remarks>
public sealed class Lion(IReadOnlyList<ParameterGroup> groups, LionOptions? options = null) : Optimizer<LionOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, LionOptions options) => [("moment1", parameter.Shape)];

    private protected override void Update(Slot<LionOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Options.Beta1, slot.Options.Beta2));

    private readonly struct Rule(double rate, double beta1, double beta2) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), b1 = Lanes<T>.Of(beta1), b2 = Lanes<T>.Of(beta2), rest1 = Lanes<T>.Of(1 - beta1), rest2 = Lanes<T>.Of(1 - beta2);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), m = x.A[i];
                x.Weights[i] = x.Kept(i) - Signs.Of(m * b1 + g * rest1) * lr;
                x.A[i] = m * b2 + g * rest2;
            }
        }
    }
}

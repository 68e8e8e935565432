using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adadelta"/>; the defaults are torch's.</summary>
public sealed record AdadeltaOptions : OptimizerOptions
{
    /// <summary>Coupled decay.</summary>
    public AdadeltaOptions() => Decay = DecayForm.Coupled;

    /// <summary>How much of the mean squares is kept each step. Default 0.9.</summary>
    public double Rho { get; init; } = 0.9;

    /// <summary>Starts the updates and keeps the quotient finite. Default 1e-6.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Rho);
        RequireNotNegative(Epsilon);
    }
}

/// <summary>Steps as long as recent steps were, in proportion to the gradient's recent size: it needs no rate of its own (use 1).</summary>
/// <remarks>v = ρ v + (1 - ρ) g²;  Δ = sqrt(u + ε) / sqrt(v + ε) g;  u = ρ u + (1 - ρ) Δ²;  p -= lr Δ   (Zeiler 2012, arXiv:1212.5701, algorithm 1).</remarks>
public sealed class Adadelta(IReadOnlyList<ParameterGroup> groups, AdadeltaOptions? options = null) : Optimizer<AdadeltaOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdadeltaOptions options) => [("gradient2", parameter.Shape), ("step2", parameter.Shape)];

    private protected override void Update(Slot<AdadeltaOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Options.Rho, slot.Options.Epsilon));

    private readonly struct Rule(double rate, double rho, double epsilon) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), keep = Lanes<T>.Of(rho), rest = Lanes<T>.Of(1 - rho), eps = Lanes<T>.Of(epsilon);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), v = x.A[i] * keep + g * g * rest, u = x.B[i];
                Vector<T> delta = Vector.SquareRoot(u + eps) / Vector.SquareRoot(v + eps) * g;
                x.A[i] = v;
                x.B[i] = u * keep + delta * delta * rest;
                x.Weights[i] = x.Kept(i) - delta * lr;
            }
        }
    }
}

using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Rprop"/>; the defaults are torch's.</summary>
public sealed record RpropOptions : OptimizerOptions
{
    /// <summary>What a step is multiplied by after a change of sign: η⁻. Default 0.5.</summary>
    public double Shrink { get; init; } = 0.5;

    /// <summary>What a step is multiplied by while the sign holds: η⁺. Default 1.2.</summary>
    public double Grow { get; init; } = 1.2;

    /// <summary>The shortest step. Default 1e-6.</summary>
    public double MinimumStep { get; init; } = 1e-6;

    /// <summary>The longest step. Default 50.</summary>
    public double MaximumStep { get; init; } = 50;

    /// <inheritdoc/>
    public override void Validate()
    {
        Require(Shrink is > 0 and < 1, Shrink, "must be between 0 and 1");
        Require(Grow > 1, Grow, "must be above 1");
        Require(MinimumStep >= 0 && MinimumStep <= MaximumStep, MinimumStep, $"must be between 0 and maximumStep {MaximumStep}");
    }
}

/// <summary>Looks at the sign of the gradient alone; every weight has a step of its own. For whole batches: noise changes signs.</summary>
/// <remarks>
/// The step grows while the sign holds and shrinks when it changes; then the gradient counts as 0 for this step. The rate is the
/// first step of every weight and has no effect later (Riedmiller and Braun 1993, without weight backtracking).
/// </remarks>
public sealed class Rprop(IReadOnlyList<ParameterGroup> groups, RpropOptions? options = null) : Optimizer<RpropOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, RpropOptions options) => [("gradient", parameter.Shape), ("size", parameter.Shape)];

    private protected override void Update(Slot<RpropOptions> slot)
    {
        if (slot.Steps == 1) slot.State[1].Fill(slot.Rate);
        slot.Apply(new Rule(slot.Options));
    }

    private readonly struct Rule(RpropOptions options) : IUpdateRule
    {
        private readonly double _shrink = options.Shrink, _grow = options.Grow, _minimum = options.MinimumStep, _maximum = options.MaximumStep;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> shrink = Lanes<T>.Of(_shrink), grow = Lanes<T>.Of(_grow), minimum = Lanes<T>.Of(_minimum), maximum = Lanes<T>.Of(_maximum), zero = Vector<T>.Zero;
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), product = g * x.A[i];
                Vector<T> factor = Vector.ConditionalSelect(Vector.GreaterThan(product, zero), grow, Vector.ConditionalSelect(Vector.LessThan(product, zero), shrink, Vector<T>.One));
                Vector<T> size = Vector.Min(Vector.Max(x.B[i] * factor, minimum), maximum);
                g = Vector.ConditionalSelect(Vector.LessThan(product, zero), zero, g);
                x.A[i] = g;
                x.B[i] = size;
                x.Weights[i] = x.Kept(i) - Signs.Of(g) * size;
            }
        }
    }
}

/// <summary>Signs of vectors.</summary>
internal static class Signs
{
    /// <summary>-1, 0 or 1 in every lane.</summary>
    internal static Vector<T> Of<T>(Vector<T> x) where T : unmanaged, IFloatingPointIeee754<T> =>
        Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<T>.Zero), Vector<T>.One, Vector.ConditionalSelect(Vector.LessThan(x, Vector<T>.Zero), -Vector<T>.One, Vector<T>.Zero));
}

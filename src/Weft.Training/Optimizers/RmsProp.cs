using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="RmsProp"/>; the defaults are torch's.</summary>
public sealed record RmsPropOptions : OptimizerOptions
{
    /// <summary>Coupled decay.</summary>
    public RmsPropOptions() => Decay = DecayForm.Coupled;

    /// <summary>How much of the mean squared gradient is kept each step. Default 0.99.</summary>
    public double Alpha { get; init; } = 0.99;

    /// <summary>Keeps the quotient finite; it stands outside of the root. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>How much of the last direction is kept. Default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>Whether the gradients are scaled by their deviation rather than their size (Graves 2013, arXiv:1308.0850, eq. 38 to 45).</summary>
    public bool Centered { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Alpha);
        RequireNotNegative(Epsilon);
        RequireNotNegative(Momentum);
    }
}

/// <summary>Gradients divided by their recent size.</summary>
/// <remarks>v = α v + (1 - α) g²;  p -= lr g / (sqrt(v) + ε)   (Tieleman and Hinton 2012, Coursera lecture 6.5, slide 29).</remarks>
public sealed class RmsProp(IReadOnlyList<ParameterGroup> groups, RmsPropOptions? options = null) : Optimizer<RmsPropOptions>(groups, options)
{
    // A place in the list is a place in the rule: with either of the last two, both are there.
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, RmsPropOptions options)
    {
        yield return ("mean2", parameter.Shape);
        if (options.Momentum == 0 && !options.Centered) yield break;
        yield return ("direction", parameter.Shape);
        yield return ("mean1", parameter.Shape);
    }

    private protected override void Update(Slot<RmsPropOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Options));

    private readonly struct Rule(double rate, RmsPropOptions options) : IUpdateRule
    {
        private readonly double _alpha = options.Alpha, _epsilon = options.Epsilon, _momentum = options.Momentum;
        private readonly bool _centered = options.Centered;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), alpha = Lanes<T>.Of(_alpha), rest = Lanes<T>.Of(1 - _alpha), eps = Lanes<T>.Of(_epsilon), mu = Lanes<T>.Of(_momentum);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), v = x.A[i] * alpha + g * g * rest;
                x.A[i] = v;
                if (_centered)
                {
                    Vector<T> mean = x.C[i] + (g - x.C[i]) * rest;
                    x.C[i] = mean;
                    v -= mean * mean;
                }
                Vector<T> direction = g / (Vector.SquareRoot(v) + eps);
                if (_momentum > 0) x.B[i] = direction = x.B[i] * mu + direction;
                x.Weights[i] = x.Kept(i) - direction * lr;
            }
        }
    }
}

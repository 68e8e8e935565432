using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adan"/>; the defaults are the paper's.</summary>
public sealed record AdanOptions : OptimizerOptions
{
    /// <summary>How much of the mean gradient is kept each step. Default 0.98.</summary>
    public double Beta1 { get; init; } = 0.98;

    /// <summary>How much of the mean difference of gradients is kept each step. Default 0.92.</summary>
    public double Beta2 { get; init; } = 0.92;

    /// <summary>How much of the mean square is kept each step. Default 0.99.</summary>
    public double Beta3 { get; init; } = 0.99;

    /// <summary>Keeps the quotient finite. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The norm to which all gradients together are clipped; 0, the default, for none.</summary>
    public double MaximumNorm { get; init; }

    /// <summary>Whether decay divides by 1 + lr λ after the step, as the authors have it; else it multiplies before. Default: yes.</summary>
    public bool ProximalDecay { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Beta1);
        RequireShare(Beta2);
        RequireShare(Beta3);
        RequireNotNegative(MaximumNorm);
    }
}

/// <summary>Nesterov momentum from differences of gradients, so that no gradient at another place is needed.</summary>
/// <remarks>
/// m = β₁ m + (1 - β₁) g;  d = β₂ d + (1 - β₂) (g - g₋);  n = β₃ n + (1 - β₃) (g + β₂ (g - g₋))²;  p -= lr (m̂ + β₂ d̂) / (sqrt(n̂) + ε)
/// (Xie et al. 2022, arXiv:2208.06677, algorithm 1).
/// </remarks>
public sealed class Adan(IReadOnlyList<ParameterGroup> groups, AdanOptions? options = null) : Optimizer<AdanOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdanOptions options) =>
        [("moment1", parameter.Shape), ("difference", parameter.Shape), ("moment2", parameter.Shape), ("gradient", parameter.Shape)];

    private protected override void UpdateAll(ReadOnlySpan<Slot<AdanOptions>> slots)
    {
        if (Options.MaximumNorm > 0)
        {
            double clip = Math.Min(1, Options.MaximumNorm / (Norm(slots) + Options.Epsilon));
            foreach (Slot<AdanOptions> slot in slots) slot.Scale *= clip;
        }
        base.UpdateAll(slots);
    }

    private protected override void Update(Slot<AdanOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Steps, slot.Group.WeightDecay, slot.Options));

    private readonly struct Rule(double rate, double steps, double decay, AdanOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _beta3 = options.Beta3, _epsilon = options.Epsilon;
        private readonly bool _proximal = options.ProximalDecay;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> b1 = Lanes<T>.Of(_beta1), b2 = Lanes<T>.Of(_beta2), b3 = Lanes<T>.Of(_beta3), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2), rest3 = Lanes<T>.Of(1 - _beta3);
            Vector<T> eps = Lanes<T>.Of(_epsilon), root = Lanes<T>.Of(1 / Math.Sqrt(1 - Math.Pow(_beta3, steps))), divisor = Lanes<T>.Of(1 + rate * decay);
            Vector<T> sizeM = Lanes<T>.Of(rate / (1 - Math.Pow(_beta1, steps))), sizeD = Lanes<T>.Of(rate * _beta2 / (1 - Math.Pow(_beta2, steps)));
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), change = steps == 1 ? Vector<T>.Zero : g - x.D[i], look = g + change * b2;
                Vector<T> m = x.A[i] * b1 + g * rest1, d = x.B[i] * b2 + change * rest2, n = x.C[i] * b3 + look * look * rest3;
                x.A[i] = m;
                x.B[i] = d;
                x.C[i] = n;
                x.D[i] = g;
                Vector<T> scale = Vector.SquareRoot(n) * root + eps, p = (_proximal ? x.Weights[i] : x.Kept(i)) - m * sizeM / scale - d * sizeD / scale;
                x.Weights[i] = _proximal ? p / divisor : p;
            }
        }
    }
}

using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="RAdam"/>; the defaults are torch's.</summary>
public sealed record RAdamOptions : MomentOptions
{
    /// <summary>Coupled decay.</summary>
    public RAdamOptions() => Decay = DecayForm.Coupled;
}

/// <summary>Adam that does not divide by the squares until they can be trusted, and so needs no warm-up.</summary>
/// <remarks>ρₜ = ρ - 2 t β₂ᵗ / (1 - β₂ᵗ), ρ = 2 / (1 - β₂) - 1; plain momentum while ρₜ ≤ 5, then Adam's step times the rectification (Liu et al. 2020, arXiv:1908.03265, algorithm 2).</remarks>
public sealed class RAdam(IReadOnlyList<ParameterGroup> groups, RAdamOptions? options = null) : Optimizer<RAdamOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, RAdamOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<RAdamOptions> slot)
    {
        RAdamOptions o = slot.Options;
        double rectification = Rectification.Of(o.Beta2, slot.Steps, threshold: 5, inclusive: false);
        double size = slot.Rate / (1 - Math.Pow(o.Beta1, slot.Steps));
        slot.Apply(new Rule(double.IsNaN(rectification) ? size : size * rectification * Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps)), !double.IsNaN(rectification), o));
    }

    private readonly struct Rule(double size, bool adaptive, RAdamOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> beta1 = Lanes<T>.Of(_beta1), beta2 = Lanes<T>.Of(_beta2), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2), eps = Lanes<T>.Of(_epsilon), step = Lanes<T>.Of(size);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), m = x.A[i] * beta1 + g * rest1, v = x.B[i] * beta2 + g * g * rest2;
                x.A[i] = m;
                x.B[i] = v;
                x.Weights[i] = x.Kept(i) - (adaptive ? m * step / (Vector.SquareRoot(v) + eps) : m * step);
            }
        }
    }
}

/// <summary>How far an early mean of squares is to be trusted.</summary>
internal static class Rectification
{
    /// <summary>The factor of Liu et al. 2020, arXiv:1908.03265, eq. 5 and 6; NaN while the approximated length of the mean is below the threshold.</summary>
    internal static double Of(double beta2, double step, double threshold, bool inclusive)
    {
        double limit = 2 / (1 - beta2) - 1, power = Math.Pow(beta2, step), length = limit - 2 * step * power / (1 - power);
        if (length < threshold || (length == threshold && !inclusive)) return double.NaN;
        return Math.Sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length));
    }
}

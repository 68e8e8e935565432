using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="AdaBelief"/>.</summary>
public sealed record AdaBeliefOptions : MomentOptions
{
    /// <summary>A small ε, as the authors advise.</summary>
    public AdaBeliefOptions() => Epsilon = 1e-16;

    /// <summary>Whether the largest mean so far is divided by.</summary>
    public bool AmsGrad { get; init; }

    /// <summary>Whether early steps are rectified, as in <see cref="RAdam"/>.</summary>
    public bool Rectify { get; init; }

    /// <summary>The length of the mean from which its squares are trusted. Default 5.</summary>
    public double RectifyThreshold { get; init; } = 5;

    /// <summary>Whether steps before that are plain momentum; else there are none. Default: yes.</summary>
    public bool DegenerateToSgd { get; init; } = true;
}

/// <summary>Adam that divides by how far gradients stray from their mean: long steps where the gradient is what was expected.</summary>
/// <remarks>s = β₂ s + (1 - β₂) (g - m)² + ε in place of v   (Zhuang et al. 2020, arXiv:2010.07468, algorithm 2).</remarks>
public sealed class AdaBelief(IReadOnlyList<ParameterGroup> groups, AdaBeliefOptions? options = null) : Optimizer<AdaBeliefOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdaBeliefOptions options)
    {
        yield return ("moment1", parameter.Shape);
        yield return ("deviation2", parameter.Shape);
        if (options.AmsGrad) yield return ("largest2", parameter.Shape);
    }

    private protected override void Update(Slot<AdaBeliefOptions> slot)
    {
        AdaBeliefOptions o = slot.Options;
        double size = slot.Rate / (1 - Math.Pow(o.Beta1, slot.Steps)), root = 1 / Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps));
        bool adaptive = true;
        if (o.Rectify)
        {
            double factor = Rectification.Of(o.Beta2, slot.Steps, o.RectifyThreshold, inclusive: true);
            adaptive = !double.IsNaN(factor);
            size *= adaptive ? factor / root : o.DegenerateToSgd ? 1 : 0;
            root = 1;
        }
        slot.Apply(new Rule(size, root, adaptive, o));
    }

    private readonly struct Rule(double size, double rootFactor, bool adaptive, AdaBeliefOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;
        private readonly bool _largest = options.AmsGrad;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> beta1 = Lanes<T>.Of(_beta1), beta2 = Lanes<T>.Of(_beta2), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2);
            Vector<T> eps = Lanes<T>.Of(_epsilon), step = Lanes<T>.Of(size), root = Lanes<T>.Of(rootFactor), floor = Lanes<T>.Of(SquareFloor.Value);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), m = x.A[i] * beta1 + g * rest1, s = x.B[i] * beta2 + (g - m) * (g - m) * rest2 + eps;
                x.A[i] = m;
                x.B[i] = s;
                if (_largest) x.C[i] = s = Vector.Max(x.C[i], s);
                x.Weights[i] = x.Kept(i) - (adaptive ? m * step / ((Vector.SquareRoot(s + floor) + eps) * root) : m * step);
            }
        }
    }
}

/// <summary>What pytorch-optimizer adds to mean squares under a root.</summary>
internal static class SquareFloor
{
    internal const double Value = 1e-15;
}

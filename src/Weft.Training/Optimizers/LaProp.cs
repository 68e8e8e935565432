using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="LaProp"/>; the defaults are the paper's.</summary>
public sealed record LaPropOptions : MomentOptions
{
    /// <summary>ε 1e-15.</summary>
    public LaPropOptions() => Epsilon = 1e-15;

    /// <summary>Whether gradients are scaled by their deviation rather than their size.</summary>
    public bool Centered { get; init; }

    /// <summary>The steps that are scaled by size before. Default 10.</summary>
    public int StepsBeforeCentered { get; init; } = 10;

    /// <summary>Whether the largest mean square so far is divided by.</summary>
    public bool AmsGrad { get; init; }
}

/// <summary>Adam that scales each gradient before it enters the mean, which sets momentum free from scaling.</summary>
/// <remarks>m = β₁ m + (1 - β₁) lr g / (sqrt(v / (1 - β₂ᵗ)) + ε);  p = (p - m / bias) (1 - lr λ)   (Ziyin et al. 2020, arXiv:2002.04839, algorithm 1).</remarks>
public sealed class LaProp(IReadOnlyList<ParameterGroup> groups, LaPropOptions? options = null) : Optimizer<LaPropOptions>(groups, options)
{
    // The mean of the rates, which corrects the bias of a mean into which they went.
    private const int MeanRate = 0;

    private protected override int NumberCount => 1;

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, LaPropOptions options)
    {
        yield return ("moment1", parameter.Shape);
        yield return ("moment2", parameter.Shape);
        if (!options.Centered && !options.AmsGrad) yield break;
        yield return ("mean1", parameter.Shape);
        yield return ("largest2", parameter.Shape);
    }

    private protected override void Update(Slot<LaPropOptions> slot)
    {
        LaPropOptions o = slot.Options;
        ref double mean = ref slot.Number(MeanRate);
        mean = mean * o.Beta1 + (1 - o.Beta1) * slot.Rate;
        // The reference rounds this factor to single precision, whatever the parameter's type.
        slot.Apply(new Rule(slot.Rate, slot.Rate == 0 ? 1 : (float)(slot.Rate / mean), 1 / Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps)), o.Centered && slot.Steps > o.StepsBeforeCentered, o));
    }

    private readonly struct Rule(double rate, double size, double rootFactor, bool subtractMean, LaPropOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;
        private readonly bool _centered = options.Centered, _largest = options.AmsGrad;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> beta1 = Lanes<T>.Of(_beta1), beta2 = Lanes<T>.Of(_beta2), share = Lanes<T>.Of((1 - _beta1) * rate), rest2 = Lanes<T>.Of(1 - _beta2);
            Vector<T> eps = Lanes<T>.Of(_epsilon), step = Lanes<T>.Of(size), root = Lanes<T>.Of(rootFactor), floor = Lanes<T>.Of(SquareFloor.Value);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), v = x.B[i] * beta2 + g * g * rest2;
                x.B[i] = v;
                if (_centered) x.C[i] = x.C[i] * beta2 + g * rest2;
                if (subtractMean) v -= x.C[i] * x.C[i];
                if (_largest) x.D[i] = v = Vector.Max(x.D[i], v);
                Vector<T> m = x.A[i] * beta1 + g * share / ((Vector.SquareRoot(v + floor) + eps) * root);
                x.A[i] = m;
                x.Weights[i] -= m * step;
                x.Weights[i] = x.Kept(i);
            }
        }
    }
}

using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adopt"/>; the defaults are the paper's.</summary>
public sealed record AdoptOptions : MomentOptions
{
    /// <summary>Coupled decay, β₂ 0.9999 and ε 1e-6.</summary>
    public AdoptOptions() => (Decay, Beta2, Epsilon) = (DecayForm.Coupled, 0.9999, 1e-6);
}

/// <summary>Adam that divides each gradient by the squares before it, and so converges for every β₂.</summary>
/// <remarks>
/// m = β₁ m + (1 - β₁) clip(g / max(sqrt(v), ε), t^¼);  p -= lr m;  v = β₂ v + (1 - β₂) g²; the first step only sets v = g²
/// (Taniguchi et al. 2024, arXiv:2411.02853, algorithm 2).
/// </remarks>
public sealed class Adopt(IReadOnlyList<ParameterGroup> groups, AdoptOptions? options = null) : Optimizer<AdoptOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdoptOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<AdoptOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Steps, slot.Options));

    private readonly struct Rule(double rate, double steps, AdoptOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> rest1 = Lanes<T>.Of(1 - _beta1), b2 = Lanes<T>.Of(_beta2), rest2 = Lanes<T>.Of(1 - _beta2), eps = Lanes<T>.Of(_epsilon), lr = Lanes<T>.Of(rate), limit = Lanes<T>.Of(Math.Pow(steps, 0.25));
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), kept = x.Kept(i);
                if (steps == 1)
                {
                    x.B[i] = g * g;
                    x.Weights[i] = kept;
                    continue;
                }
                Vector<T> scaled = Vector.Min(Vector.Max(g / Vector.Max(Vector.SquareRoot(x.B[i]), eps), -limit), limit), m = x.A[i] + (scaled - x.A[i]) * rest1;
                x.A[i] = m;
                x.B[i] = x.B[i] * b2 + g * g * rest2;
                x.Weights[i] = kept - m * lr;
            }
        }
    }
}

using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adamax"/>; the defaults are torch's.</summary>
public sealed record AdamaxOptions : MomentOptions
{
    /// <summary>Coupled decay.</summary>
    public AdamaxOptions() => Decay = DecayForm.Coupled;
}

/// <summary>Adam with the largest recent gradient in place of the root of the mean square.</summary>
/// <remarks>m = β₁ m + (1 - β₁) g;  u = max(β₂ u, |g| + ε);  p -= lr / (1 - β₁ᵗ) m / u   (Kingma and Ba 2015, arXiv:1412.6980, algorithm 2).</remarks>
public sealed class Adamax(IReadOnlyList<ParameterGroup> groups, AdamaxOptions? options = null) : Optimizer<AdamaxOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdamaxOptions options) => [("moment1", parameter.Shape), ("largest", parameter.Shape)];

    private protected override void Update(Slot<AdamaxOptions> slot) => slot.Apply(new Rule(slot.Rate / (1 - Math.Pow(slot.Options.Beta1, slot.Steps)), slot.Options));

    private readonly struct Rule(double size, AdamaxOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> beta1 = Lanes<T>.Of(_beta1), beta2 = Lanes<T>.Of(_beta2), rest1 = Lanes<T>.Of(1 - _beta1), eps = Lanes<T>.Of(_epsilon), step = Lanes<T>.Of(size);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), m = x.A[i] * beta1 + g * rest1, u = Vector.Max(x.B[i] * beta2, Vector.Abs(g) + eps);
                x.A[i] = m;
                x.B[i] = u;
                x.Weights[i] = x.Kept(i) - m * step / u;
            }
        }
    }
}

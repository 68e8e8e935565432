using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="AdEmaMix"/>; the defaults are the paper's.</summary>
public sealed record AdEmaMixOptions : MomentOptions
{
    /// <summary>How much of the slow mean gradient is kept each step. Default 0.9999.</summary>
    public double Beta3 { get; init; } = 0.9999;

    /// <summary>The weight of the slow mean. Default 5.</summary>
    public double Alpha { get; init; } = 5;

    /// <summary>Steps over which α and β₃ rise to their values; 0, the default, for at once.</summary>
    public double WarmupSteps { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireShare(Beta3);
        RequireNotNegative(Alpha);
        RequireNotNegative(WarmupSteps);
    }
}

/// <summary>AdamW with a second, slow mean of gradients, so that old ones still count.</summary>
/// <remarks>p -= lr (m₁ / (1 - β₁ᵗ) + α m₂) / (sqrt(v / (1 - β₂ᵗ)) + ε), m₂ = β₃ m₂ + (1 - β₃) g (Pagliardini et al. 2024, arXiv:2409.03137, algorithm 1).</remarks>
public sealed class AdEmaMix(IReadOnlyList<ParameterGroup> groups, AdEmaMixOptions? options = null) : Optimizer<AdEmaMixOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdEmaMixOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape), ("slow1", parameter.Shape)];

    private protected override void Update(Slot<AdEmaMixOptions> slot)
    {
        AdEmaMixOptions o = slot.Options;
        double t = slot.Steps, alpha = o.Alpha, beta3 = o.Beta3;
        if (o.WarmupSteps > 0)
        {
            double share = t / o.WarmupSteps, log1 = Math.Log(o.Beta1), log3 = Math.Log(o.Beta3);
            alpha = Math.Min(alpha * share, alpha);
            beta3 = Math.Min(Math.Exp(log1 * log3 / ((1 - share) * log3 + share * log1)), beta3);
        }
        slot.Apply(new Rule(slot.Rate / (1 - Math.Pow(o.Beta1, t)), slot.Rate * alpha, 1 / Math.Sqrt(1 - Math.Pow(o.Beta2, t)), beta3, o));
    }

    private readonly struct Rule(double size, double slowSize, double rootFactor, double beta3, AdEmaMixOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> b1 = Lanes<T>.Of(_beta1), b2 = Lanes<T>.Of(_beta2), b3 = Lanes<T>.Of(beta3), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2), rest3 = Lanes<T>.Of(1 - beta3);
            Vector<T> eps = Lanes<T>.Of(_epsilon), step = Lanes<T>.Of(size), root = Lanes<T>.Of(rootFactor), slowStep = Lanes<T>.Of(slowSize);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), m = x.A[i] * b1 + g * rest1, v = x.B[i] * b2 + g * g * rest2, slow = x.C[i] * b3 + g * rest3;
                x.A[i] = m;
                x.B[i] = v;
                x.C[i] = slow;
                x.Weights[i] = x.Kept(i) - (m * step + slow * slowStep) / (Vector.SquareRoot(v) * root + eps);
            }
        }
    }
}

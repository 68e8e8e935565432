using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="NAdam"/>; the defaults are torch's.</summary>
public sealed record NAdamOptions : MomentOptions
{
    /// <summary>Coupled decay.</summary>
    public NAdamOptions() => Decay = DecayForm.Coupled;

    /// <summary>How fast the momentum warms up: ψ. Default 0.004.</summary>
    public double MomentumDecay { get; init; } = 0.004;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireNotNegative(MomentumDecay);
    }
}

/// <summary>Adam whose momentum looks one step ahead.</summary>
/// <remarks>
/// μₜ = β₁ (1 - 0.96^(tψ) / 2);  p -= lr ((1 - μₜ) / (1 - Πμ) g + μₜ₊₁ / (1 - Πμ μₜ₊₁) m) / (sqrt(v / (1 - β₂ᵗ)) + ε)
/// (Dozat 2016, ICLR workshop, algorithm 2, in the form of torch.optim.NAdam).
/// </remarks>
public sealed class NAdam(IReadOnlyList<ParameterGroup> groups, NAdamOptions? options = null) : Optimizer<NAdamOptions>(groups, options)
{
    // The product of all momenta so far.
    private const int Product = 0;

    private protected override int NumberCount => 1;

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, NAdamOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<NAdamOptions> slot)
    {
        NAdamOptions o = slot.Options;
        double t = slot.Steps, now = Momentum(o, t), next = Momentum(o, t + 1);
        ref double product = ref slot.Number(Product);
        product = t == 1 ? (float)now : (float)product * (float)now; // torch keeps it in single precision, whatever the parameter's type
        slot.Apply(new Rule(slot.Rate * (1 - now) / (1 - product), slot.Rate * next / (1 - product * next), 1 / (1 - Math.Pow(o.Beta2, t)), o));
    }

    private static double Momentum(NAdamOptions options, double step) => options.Beta1 * (1 - 0.5 * Math.Pow(0.96, step * options.MomentumDecay));

    private readonly struct Rule(double gradientRate, double momentRate, double correction, NAdamOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> beta1 = Lanes<T>.Of(_beta1), beta2 = Lanes<T>.Of(_beta2), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2);
            Vector<T> eps = Lanes<T>.Of(_epsilon), rateG = Lanes<T>.Of(gradientRate), rateM = Lanes<T>.Of(momentRate), scale = Lanes<T>.Of(correction);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), m = x.A[i] * beta1 + g * rest1, v = x.B[i] * beta2 + g * g * rest2;
                x.A[i] = m;
                x.B[i] = v;
                Vector<T> root = Vector.SquareRoot(v * scale) + eps;
                x.Weights[i] = x.Kept(i) - g * rateG / root - m * rateM / root;
            }
        }
    }
}

using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adagrad"/>; the defaults are torch's.</summary>
public sealed record AdagradOptions : OptimizerOptions
{
    /// <summary>Coupled decay.</summary>
    public AdagradOptions() => Decay = DecayForm.Coupled;

    /// <summary>How fast the rate falls: lr / (1 + (t - 1) rateDecay). Default 0.</summary>
    public double RateDecay { get; init; }

    /// <summary>What the sum of squares starts from. Default 0.</summary>
    public double InitialAccumulator { get; init; }

    /// <summary>Keeps the quotient finite. Default 1e-10.</summary>
    public double Epsilon { get; init; } = 1e-10;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireNotNegative(RateDecay);
        RequireNotNegative(InitialAccumulator);
        RequireNotNegative(Epsilon);
    }
}

/// <summary>Every weight has a rate of its own, which falls with the gradients it has seen.</summary>
/// <remarks>s += g²;  p -= lr / (1 + (t - 1) decay) g / (sqrt(s) + ε)   (Duchi, Hazan and Singer 2011, JMLR 12, eq. 1).</remarks>
public sealed class Adagrad(IReadOnlyList<ParameterGroup> groups, AdagradOptions? options = null) : Optimizer<AdagradOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdagradOptions options) => [("sum2", parameter.Shape)];

    private protected override void Update(Slot<AdagradOptions> slot)
    {
        AdagradOptions o = slot.Options;
        if (slot.Steps == 1) slot.State[0].Fill(o.InitialAccumulator);
        slot.Apply(new Rule(slot.Rate / (1 + (slot.Steps - 1) * o.RateDecay), o.Epsilon));
    }

    private readonly struct Rule(double rate, double epsilon) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), eps = Lanes<T>.Of(epsilon);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), s = x.A[i] + g * g;
                x.A[i] = s;
                x.Weights[i] = x.Kept(i) - g * lr / (Vector.SquareRoot(s) + eps);
            }
        }
    }
}

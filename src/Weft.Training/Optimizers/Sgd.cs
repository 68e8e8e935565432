using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Sgd"/>; the defaults are torch's.</summary>
public sealed record SgdOptions : OptimizerOptions
{
    /// <summary>Coupled decay.</summary>
    public SgdOptions() => Decay = DecayForm.Coupled;

    /// <summary>How much of the last direction is kept. Default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>How much of the gradient is left out of the direction. Default 0.</summary>
    public double Dampening { get; init; }

    /// <summary>Whether the direction looks one step ahead (Nesterov 1983, in the form of Sutskever et al. 2013).</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireNotNegative(Momentum);
        Require(!Nesterov || (Momentum > 0 && Dampening == 0), Nesterov, "needs a momentum and no dampening");
    }
}

/// <summary>Stochastic gradient descent, with momentum.</summary>
/// <remarks>
/// v = μ v + (1 - τ) g, the first v being g;  p -= lr v, or with Nesterov p -= lr (g + μ v)
/// (Polyak 1964; Sutskever et al. 2013, PMLR 28, eq. 3 and 4, in the form of torch.optim.SGD).
/// </remarks>
public sealed class Sgd(IReadOnlyList<ParameterGroup> groups, SgdOptions? options = null) : Optimizer<SgdOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, SgdOptions options) =>
        options.Momentum != 0 ? [("momentum", parameter.Shape)] : [];

    private protected override void Update(Slot<SgdOptions> slot)
    {
        SgdOptions o = slot.Options;
        if (o.Momentum == 0) slot.Apply(new Plain(slot.Rate));
        else slot.Apply(new WithMomentum(slot.Rate, slot.Steps == 1 ? 0 : o.Momentum, slot.Steps == 1 ? 1 : 1 - o.Dampening, o.Nesterov ? o.Momentum : 0));
    }

    private readonly struct Plain(double rate) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate);
            for (int i = 0; i < x.Count; i++) x.Weights[i] = x.Kept(i) - x.Gradient(i) * lr;
        }
    }

    private readonly struct WithMomentum(double rate, double momentum, double share, double ahead) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), mu = Lanes<T>.Of(momentum), rest = Lanes<T>.Of(share), look = Lanes<T>.Of(ahead);
            bool nesterov = ahead != 0;
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), v = x.A[i] * mu + g * rest;
                x.A[i] = v;
                x.Weights[i] = x.Kept(i) - (nesterov ? g + v * look : v) * lr;
            }
        }
    }
}

using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="AveragedSgd"/>; the defaults are torch's.</summary>
public sealed record AveragedSgdOptions : OptimizerOptions
{
    /// <summary>Coupled decay.</summary>
    public AveragedSgdOptions() => Decay = DecayForm.Coupled;

    /// <summary>Pulls the weights to zero and sets how fast the rate falls. Default 1e-4.</summary>
    public double Lambda { get; init; } = 1e-4;

    /// <summary>The power of the rate's fall. Default 0.75.</summary>
    public double Alpha { get; init; } = 0.75;

    /// <summary>The step after which averaging begins. Default 1e6.</summary>
    public double AveragingStart { get; init; } = 1e6;

    /// <inheritdoc/>
    public override void Validate() => RequireNotNegative(Lambda);
}

/// <summary>Gradient descent with a falling rate that also keeps the average of its iterates.</summary>
/// <remarks>
/// ηₜ = lr / (1 + λ lr t)^α, the first being lr;  p = (1 - λ η) p - η g;  average += (p - average) / max(1, t - t₀)
/// (Polyak and Juditsky 1992, in the form of torch.optim.ASGD). The weights are the iterate; <see cref="Averages"/> is the average.
/// </remarks>
public sealed class AveragedSgd(IReadOnlyList<ParameterGroup> groups, AveragedSgdOptions? options = null) : Optimizer<AveragedSgdOptions>(groups, options)
{
    /// <summary>The average of each parameter, in the order of the groups.</summary>
    public IEnumerable<(Tensor Parameter, Tensor Average)> Averages => Slots.Select(static s => (s.Parameter, s.State[0]));

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AveragedSgdOptions options) => [("average", parameter.Shape)];

    private protected override void Update(Slot<AveragedSgdOptions> slot)
    {
        AveragedSgdOptions o = slot.Options;
        // torch works rate and share out at the end of the step before and keeps them in single precision, whatever the parameter's type.
        double before = slot.Steps - 1, eta = (float)(before == 0 ? slot.Rate : slot.Rate / Math.Pow(1 + o.Lambda * slot.Rate * before, o.Alpha));
        double share = before == 0 ? 1 : (float)(1 / Math.Max(1, before - o.AveragingStart));
        slot.Apply(new Rule(eta, 1 - o.Lambda * eta, share));
    }

    private readonly struct Rule(double eta, double kept, double share) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> rate = Lanes<T>.Of(eta), keep = Lanes<T>.Of(kept), mu = Lanes<T>.Of(share);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> p = x.Kept(i) * keep - x.Gradient(i) * rate;
                x.Weights[i] = p;
                x.A[i] += (p - x.A[i]) * mu;
            }
        }
    }
}

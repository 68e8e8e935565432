using System.Numerics;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="ScheduleFreeAdamW"/>; the defaults are the authors'.</summary>
public sealed record ScheduleFreeAdamWOptions : MomentOptions
{
    /// <summary>The power of the step in an iterate's weight in the average: r. Default 0.</summary>
    public double WeightPower { get; init; }

    /// <summary>The power of the largest rate in it. Default 2.</summary>
    public double WeightRatePower { get; init; } = 2;

    /// <summary>Steps over which the rate rises. Default 0.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>Above 0: the newest iterate's share in the average is (1 - β₁) times this as large, at most 1. Default 0.</summary>
    public double Decoupling { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Require(Beta1 > 0, Beta1, "must be above 0: the average is found from it");
        RequireNotNegative(Decoupling);
    }
}

/// <summary>AdamW without a schedule: gradients are taken between the fast iterate z and its average x, and the average is the model.</summary>
/// <remarks>
/// y = (1 - β₁) z + β₁ x is what is trained;  z -= lr (g(y) / (sqrt(v̂) + ε) + λ y);  x = (1 - c) x + c z, c = weight / Σ weights
/// (Defazio et al. 2024, arXiv:2405.15682, algorithm 1). The parameters hold y; around a measurement or a save call <see cref="ShowAverage"/> and <see cref="ShowTrained"/>.
/// Give it a constant rate.
/// </remarks>
public sealed class ScheduleFreeAdamW(IReadOnlyList<ParameterGroup> groups, ScheduleFreeAdamWOptions? options = null) : Optimizer<ScheduleFreeAdamWOptions>(groups, options), IShowsAverage
{
    private const int WeightSum = 0, LargestRate = 1;

    private bool _showsAverage;

    private protected override int NumberCount => 2;

    /// <inheritdoc/>
    public void ShowAverage() => Show(average: true);

    /// <inheritdoc/>
    public void ShowTrained() => Show(average: false);

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, ScheduleFreeAdamWOptions options) => [("fast", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<ScheduleFreeAdamWOptions> slot)
    {
        if (_showsAverage) throw new InvalidOperationException("ScheduleFreeAdamW: the parameters show the average; call ShowTrained() before the next step.");
        ScheduleFreeAdamWOptions o = slot.Options;
        if (slot.Steps == 1) slot.State[0].CopyFrom(slot.Parameter);
        double rate = slot.Steps < o.WarmupSteps ? slot.Rate * slot.Steps / o.WarmupSteps : slot.Rate;
        ref double sum = ref slot.Number(WeightSum), largest = ref slot.Number(LargestRate);
        largest = Math.Max(largest, rate);
        double weight = Math.Pow(slot.Steps, o.WeightPower) * Math.Pow(largest, o.WeightRatePower);
        sum += weight;
        double share = sum == 0 ? 0 : weight / sum;
        if (o.Decoupling > 0) share = Math.Min(1, share * (1 - o.Beta1) * o.Decoupling);
        slot.Apply(new Rule(rate, share, slot.Group.WeightDecay, 1 / (1 - Math.Pow(o.Beta2, slot.Steps)), o));
    }

    // y = x + (1 - β₁) (z - x)   =>   x = y + (1 - 1 / β₁) (z - y)
    private void Show(bool average)
    {
        if (_showsAverage == average) return;
        _showsAverage = average;
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        foreach (Slot<ScheduleFreeAdamWOptions> slot in Slots)
            if (slot.Steps > 0) slot.Parameter.CopyFrom(slot.Parameter.Lerp(slot.State[0], average ? 1 - 1 / slot.Options.Beta1 : 1 - slot.Options.Beta1));
    }

    private readonly struct Rule(double rate, double share, double decay, double correction, ScheduleFreeAdamWOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> b2 = Lanes<T>.Of(_beta2), rest2 = Lanes<T>.Of(1 - _beta2), eps = Lanes<T>.Of(_epsilon), scale = Lanes<T>.Of(correction), floor = Lanes<T>.Of(SquareFloor.Value);
            Vector<T> lr = Lanes<T>.Of(rate), lambda = Lanes<T>.Of(decay), c = Lanes<T>.Of(share), step = Lanes<T>.Of(rate * (_beta1 * (1 - share) - 1));
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), v = x.B[i] * b2 + g * g * rest2, y = x.Weights[i], z = x.A[i];
                x.B[i] = v;
                Vector<T> direction = g / (Vector.SquareRoot(v * scale + floor) + eps) + y * lambda;
                x.Weights[i] = y + (z - y) * c + direction * step;
                x.A[i] = z - direction * lr;
            }
        }
    }
}

/// <summary>An optimizer that trains other weights than those that are to be used.</summary>
public interface IShowsAverage
{
    /// <summary>Puts the weights that are to be measured and saved into the parameters.</summary>
    void ShowAverage();

    /// <summary>Puts the weights that are trained back.</summary>
    void ShowTrained();
}

using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Prodigy"/>; the defaults are the authors'.</summary>
public sealed record ProdigyOptions : MomentOptions
{
    /// <summary>How much of the distance's sums is kept each step; 0, the default, means sqrt(β₂).</summary>
    public double Beta3 { get; init; }

    /// <summary>The first guess of the distance. Default 1e-6.</summary>
    public double InitialDistance { get; init; } = 1e-6;

    /// <summary>Multiplies the estimate. Default 1.</summary>
    public double DistanceCoefficient { get; init; } = 1;

    /// <summary>By how much the distance may grow in a step. Default: without limit.</summary>
    public double GrowthRate { get; init; } = double.PositiveInfinity;

    /// <summary>Whether Adam's bias is corrected.</summary>
    public bool BiasCorrection { get; init; }

    /// <summary>Whether the rate is left out of the denominator, for schedules with a warm-up.</summary>
    public bool SafeguardWarmup { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Require(InitialDistance > 0, InitialDistance, "must be positive");
        Require(GrowthRate > 1, GrowthRate, "must be above 1");
    }
}

/// <summary>Adam that finds its own rate, by estimating how far the solution is from the start. Give it a rate of 1.</summary>
/// <remarks>d̂ = Σ d² g·(p₀ - p) / |Σ d² g|₁, d = max(d, d̂);  p -= d m / (sqrt(v) + d ε)   (Mishchenko and Defazio 2023, arXiv:2306.06101, algorithm 4).</remarks>
public sealed class Prodigy(IReadOnlyList<ParameterGroup> groups, ProdigyOptions? options = null) : Optimizer<ProdigyOptions>(groups, options)
{
    private const int Numerator = 0, Distance = 1, LargestDistance = 2;

    // Of the step in progress.
    private double _distance, _rate;

    private protected override int NumberCount => 3;

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, ProdigyOptions options) =>
        [("sum", parameter.Shape), ("start", parameter.Shape), ("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    // The distance is one for all parameters; it is kept with the first.
    private protected override void UpdateAll(ReadOnlySpan<Slot<ProdigyOptions>> slots)
    {
        ProdigyOptions o = Options;
        Slot<ProdigyOptions>? first = null;
        foreach (Slot<ProdigyOptions> slot in slots) if (slot.IsActive) first ??= slot;
        if (first is null) return;
        ref double kept = ref slots[0].Number(Distance), largest = ref slots[0].Number(LargestDistance);
        if (kept == 0) kept = largest = o.InitialDistance;
        double beta3 = o.Beta3 > 0 ? o.Beta3 : Math.Sqrt(o.Beta2), d = kept, correction = 1;
        if (o.BiasCorrection) correction = (1 - Math.Pow(o.Beta1, StepCount)) / Math.Sqrt(1 - Math.Pow(o.Beta2, StepCount));
        double rate = d * first.Rate / correction;
        // The reference keeps both sums in single precision, whatever the parameters' type.
        float numerator = (float)(slots[0].Number(Numerator)) * (float)beta3, denominator = 0;
        foreach (Slot<ProdigyOptions> slot in slots)
        {
            if (!slot.IsActive) continue;
            using MemoryScope scope = MemoryScope.Enter();
            Tensor p = slot.Parameter, g = slot.ScaledGradient();
            if (slot.Steps == 1) slot.State[1].CopyFrom(p);
            numerator = (float)(numerator + (double)(float)(g * (slot.State[1] - p)).Sum().Item() * (float)(d / o.InitialDistance * rate));
            slot.Mix(2, o.Beta1, g, d * (1 - o.Beta1));
            slot.Mix(3, o.Beta2, g.Square(), d * d * (1 - o.Beta2));
            denominator += (float)slot.Mix(0, beta3, g, d / o.InitialDistance * (o.SafeguardWarmup ? d : rate)).Absolute().Sum().Item();
        }
        slots[0].Number(Numerator) = numerator;
        if (denominator == 0) return;
        double estimate = (float)o.DistanceCoefficient * numerator / denominator;
        if (d == o.InitialDistance) d = Math.Max(d, estimate);
        largest = Math.Max(largest, estimate);
        d = Math.Min(largest, d * o.GrowthRate);
        kept = d;
        (_distance, _rate) = (d, rate);
        base.UpdateAll(slots);
    }

    private protected override void Update(Slot<ProdigyOptions> slot)
    {
        slot.Decay(_rate);
        slot.Move(slot.State[2] / (slot.State[3].Sqrt() + _distance * slot.Options.Epsilon), _rate);
    }
}

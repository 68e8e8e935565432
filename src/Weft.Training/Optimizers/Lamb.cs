using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Lamb"/>.</summary>
public sealed record LambOptions : MomentOptions
{
    /// <summary>ε 1e-6, as the paper.</summary>
    public LambOptions() => Epsilon = 1e-6;

    /// <summary>Whether a gradient enters the mean with weight 1 - β₁; else with 1. Default: yes.</summary>
    public bool GradientAveraging { get; init; } = true;

    /// <summary>Whether all gradients together are first clipped to <see cref="MaximumNorm"/>.</summary>
    public bool ClipFirst { get; init; }

    /// <summary>The norm for that. Default 1.</summary>
    public double MaximumNorm { get; init; } = 1;

    /// <summary>Whether the layer's ratio is left out: Adam.</summary>
    public bool WithoutRatio { get; init; }

    /// <summary>Whether early steps are rectified, as in <see cref="RAdam"/>.</summary>
    public bool Rectify { get; init; }

    /// <summary>The length of the mean from which its squares are trusted. Default 5.</summary>
    public double RectifyThreshold { get; init; } = 5;

    /// <summary>Whether steps before that are plain momentum; else they go the other way at full length, as in the reference.</summary>
    public bool DegenerateToSgd { get; init; }
}

/// <summary>Adam whose step is as long as the layer's weights are large, for very large batches.</summary>
/// <remarks>p -= lr min(|p|, 10) / (|u| + ε) u, u = m / (sqrt(v) + ε)   (You et al. 2020, arXiv:1904.00962, algorithm 2, in the form of pytorch-optimizer).</remarks>
public sealed class Lamb(IReadOnlyList<ParameterGroup> groups, LambOptions? options = null) : Optimizer<LambOptions>(groups, options)
{
    // φ of the paper: weights larger than this count as this large.
    private const double LargestWeightNorm = 10;

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, LambOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void UpdateAll(ReadOnlySpan<Slot<LambOptions>> slots)
    {
        if (Options.ClipFirst)
        {
            double clip = Math.Min(1, Options.MaximumNorm / (Norm(slots) + Options.Epsilon));
            foreach (Slot<LambOptions> slot in slots) slot.Scale *= clip;
        }
        base.UpdateAll(slots);
    }

    private protected override void Update(Slot<LambOptions> slot)
    {
        LambOptions o = slot.Options;
        Tensor g = slot.Gradient(), m = slot.Mix(0, o.Beta1, g, o.GradientAveraging ? 1 - o.Beta1 : 1), v = slot.Mix(1, o.Beta2, g.Square(), 1 - o.Beta2);
        double size = slot.Rate / (1 - Math.Pow(o.Beta1, slot.Steps)), rectification = o.Rectify ? Rectification.Of(o.Beta2, slot.Steps, o.RectifyThreshold, inclusive: true) : 1;
        bool adaptive = !double.IsNaN(rectification);
        if (!adaptive) size *= o.DegenerateToSgd ? 1 : -1;
        else if (o.Rectify) size *= rectification * Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps));
        slot.Decay();
        Tensor update = adaptive ? m / (v.Sqrt() + o.Epsilon) : m;
        double weight = Math.Min(GradientClipping.Norm(slot.Parameter), LargestWeightNorm), length = GradientClipping.Norm(o.Rectify ? slot.Parameter - update * size : update);
        double ratio = o.WithoutRatio || weight == 0 || length == 0 ? 1 : weight / (length + o.Epsilon);
        slot.Move(update, size * ratio);
    }
}

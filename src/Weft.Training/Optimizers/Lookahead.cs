using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

/// <summary>Slow weights that every some steps go part of the way to the fast ones, which begin anew from there.</summary>
/// <remarks>φ += α (θ - φ), θ = φ every k steps   (Zhang et al. 2019, arXiv:1907.08610, algorithm 1).</remarks>
public sealed class Lookahead : Optimizer
{
    private readonly Optimizer _inner;
    private readonly (Tensor Fast, Tensor Slow)[] _weights;
    private readonly int _interval;
    private readonly double _share;

    /// <summary>Wraps an optimizer; the slow weights begin as the parameters are now.</summary>
    /// <param name="inner">What moves the fast weights.</param>
    /// <param name="interval">Steps between: k. Default 5, as the paper.</param>
    /// <param name="share">How far the slow weights go: α. Default 0.5, as the paper.</param>
    public Lookahead(Optimizer inner, int interval = 5, double share = 0.5) : base(inner.Groups)
    {
        if (interval < 1) throw new ArgumentException($"Lookahead: interval {interval} must be at least 1.");
        if (share is not (> 0 and <= 1)) throw new ArgumentException(FormattableString.Invariant($"Lookahead: share {share} must be above 0 and at most 1."));
        (_inner, _interval, _share) = (inner, interval, share);
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        _weights = [.. inner.Groups.SelectMany(static g => g.Parameters).Select(static p => (p, Tensor.Zeros(p.Shape, p.DType).CopyFrom(p.Detach())))];
    }

    /// <inheritdoc/>
    public override long StepCount
    {
        get => _inner.StepCount;
        set => _inner.StepCount = value;
    }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> State => _inner.State.Concat(_weights.Select(static w => KeyValuePair.Create("slow." + w.Fast.Name, w.Slow)));

    /// <inheritdoc/>
    public override void Step(double learningRate, double gradientScale = 1)
    {
        _inner.Step(learningRate, gradientScale);
        if (StepCount % _interval != 0) return;
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        foreach ((Tensor fast, Tensor slow) in _weights)
        {
            slow.CopyFrom(slow.Lerp(fast, _share));
            fast.CopyFrom(slow);
        }
    }
}

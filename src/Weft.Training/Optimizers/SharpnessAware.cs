using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

/// <summary>Steps by the gradient at the worst point nearby, which leads to flat minima. A step costs two gradients.</summary>
/// <remarks>
/// ε = ρ g / |g| (adaptive: ρ p² g / |p g|);  the gradient at p + ε moves p (Foret et al. 2021, arXiv:2010.01412, eq. 2; Kwon et al. 2021,
/// arXiv:2102.11600, eq. 7). Compute gradients, <see cref="Ascend"/>, compute them again on the same batch, <see cref="Step"/>.
/// </remarks>
public sealed class SharpnessAware : Optimizer
{
    // Keeps the quotient finite, as the authors' code.
    private const double Epsilon = 1e-12;

    private readonly Optimizer _inner;
    private readonly (Tensor Parameter, Tensor Home)[] _weights;
    private readonly double _radius;
    private readonly bool _adaptive;
    private bool _away;

    /// <summary>Wraps an optimizer.</summary>
    /// <param name="inner">What moves the weights.</param>
    /// <param name="radius">How far the worst point may be: ρ. Default 0.05, as the paper.</param>
    /// <param name="adaptive">Whether distances are measured in proportion to each weight.</param>
    public SharpnessAware(Optimizer inner, double radius = 0.05, bool adaptive = false) : base(inner.Groups)
    {
        if (!(radius > 0)) throw new ArgumentException(FormattableString.Invariant($"SharpnessAware: radius {radius} must be positive."));
        (_inner, _radius, _adaptive) = (inner, radius, adaptive);
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        _weights = [.. inner.Groups.SelectMany(static g => g.Parameters).Select(static p => (p, Tensor.Zeros(p.Shape, p.DType)))];
    }

    /// <inheritdoc/>
    public override long StepCount
    {
        get => _inner.StepCount;
        set => _inner.StepCount = value;
    }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> State => _inner.State;

    /// <summary>Goes to the worst point nearby and clears the gradients.</summary>
    public void Ascend()
    {
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        double sum = 0;
        foreach ((Tensor p, _) in _weights)
            if (p.Grad is { } g) sum += Math.Pow(GradientClipping.Norm(_adaptive ? p * g : g), 2);
        double scale = _radius / (Math.Sqrt(sum) + Epsilon);
        foreach ((Tensor p, Tensor home) in _weights)
        {
            home.CopyFrom(p);
            if (p.Grad is { } g) p.CopyFrom(p + (_adaptive ? p * p * g : g) * scale);
        }
        _away = true;
        ClearGradients();
    }

    /// <summary>Returns, and steps by the gradients found at the worst point.</summary>
    public override void Step(double learningRate, double gradientScale = 1)
    {
        if (!_away) throw new InvalidOperationException("SharpnessAware: call Ascend() and compute the gradients again before each step.");
        Return();
        _inner.Step(learningRate, gradientScale);
    }

    /// <summary>Returns from the worst point without a step: for a batch that is given up.</summary>
    public void Return()
    {
        if (!_away) return;
        using GradMode.Restorer mode = GradMode.Off();
        foreach ((Tensor p, Tensor home) in _weights) p.CopyFrom(home);
        _away = false;
    }
}

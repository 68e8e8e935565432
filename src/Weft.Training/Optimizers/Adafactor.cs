using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adafactor"/>; the defaults are torch's.</summary>
public sealed record AdafactorOptions : OptimizerOptions
{
    /// <summary>The share of the newest square at step t is t to this power. Default -0.8.</summary>
    public double Beta2Decay { get; init; } = -0.8;

    /// <summary>The least divisor; null means the precision of the parameter's type.</summary>
    public double? Epsilon { get; init; }

    /// <summary>The least size of a parameter that its step is measured by. Default 1e-3.</summary>
    public double ScaleEpsilon { get; init; } = 1e-3;

    /// <summary>The largest root-mean-square of an update before it is scaled. Default 1.</summary>
    public double ClipThreshold { get; init; } = 1;

    /// <inheritdoc/>
    public override void Validate()
    {
        Require(Beta2Decay <= 0, Beta2Decay, "must not be positive");
        RequireNotNegative(ScaleEpsilon);
        Require(ClipThreshold > 0, ClipThreshold, "must be positive");
    }
}

/// <summary>Adam's scaling from the row and column sums of squares alone: memory of n + m numbers for a matrix of n by m.</summary>
/// <remarks>
/// R and C are running means of g² over columns and rows;  V = R C / mean(R);  u = g / sqrt(V), clipped to a root-mean-square of d;
/// p -= max(ε₂, rms(p)) min(lr, 1 / sqrt(t)) u   (Shazeer and Stern 2018, arXiv:1804.04235, algorithm 4, in the form of torch.optim.Adafactor).
/// </remarks>
public sealed class Adafactor(IReadOnlyList<ParameterGroup> groups, AdafactorOptions? options = null) : Optimizer<AdafactorOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdafactorOptions options) => parameter.Rank > 1
        ? [("rows", parameter.Shape.With(parameter.Rank - 1, 1)), ("columns", parameter.Shape.With(parameter.Rank - 2, 1))]
        : [("moment2", parameter.Shape)];

    private protected override void Update(Slot<AdafactorOptions> slot)
    {
        AdafactorOptions o = slot.Options;
        Tensor p = slot.Parameter, g = slot.Gradient();
        double epsilon = o.Epsilon ?? (p.DType == DType.Float32 ? Math.Pow(2, -23) : Math.Pow(2, -52)), newest = Math.Pow(slot.Steps, o.Beta2Decay);
        double length = Math.Max(o.ScaleEpsilon, RootMeanSquare.Of(p)) * Math.Min(slot.Rate, 1 / Math.Sqrt(slot.Steps));
        slot.Decay();
        Tensor squares = g.Square(), estimate;
        if (p.Rank > 1)
        {
            Tensor rows = slot.Mix(0, 1 - newest, squares.Mean(-1, keepDimension: true), newest);      // [.., N, 1]
            Tensor columns = slot.Mix(1, 1 - newest, squares.Mean(-2, keepDimension: true), newest);   // [.., 1, M]
            estimate = rows * columns / rows.Mean(-2, keepDimension: true).Maximum(epsilon);            // [.., N, M]
        }
        else
            estimate = slot.Mix(0, 1 - newest, squares, newest);
        Tensor update = g * estimate.Maximum(epsilon * epsilon).Rsqrt();
        slot.Move(update, length / Math.Max(1, RootMeanSquare.Of(update) / o.ClipThreshold));
    }
}

/// <summary>The size of a tensor's elements.</summary>
internal static class RootMeanSquare
{
    internal static double Of(Tensor x) => GradientClipping.Norm(x) / Math.Sqrt(x.Count);
}

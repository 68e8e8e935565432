using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="AdafactorOriginal"/>; the defaults are those of transformers.</summary>
public sealed record AdafactorOriginalOptions : OptimizerOptions
{
    /// <summary>Added to every squared gradient. Default 1e-30.</summary>
    public double Epsilon { get; init; } = 1e-30;

    /// <summary>The least size of a parameter that its step is measured by. Default 1e-3.</summary>
    public double ScaleEpsilon { get; init; } = 1e-3;

    /// <summary>The largest root-mean-square of an update before it is scaled. Default 1.</summary>
    public double ClipThreshold { get; init; } = 1;

    /// <summary>The share of the newest square at step t is t to this power. Default -0.8.</summary>
    public double Beta2Decay { get; init; } = -0.8;

    /// <summary>How much of the mean update is kept each step; 0, the default, keeps none and needs no memory for it.</summary>
    public double Beta1 { get; init; }

    /// <summary>Whether steps are in proportion to the parameter's size. Default: yes.</summary>
    public bool ScaleParameter { get; init; } = true;

    /// <summary>Whether the rate is worked out from the step, min(0.01, 1 / sqrt(t)); the given rate then has no effect. Default: yes.</summary>
    public bool RelativeStep { get; init; } = true;

    /// <summary>Whether the relative step starts from 1e-6 t.</summary>
    public bool WarmupInitial { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Beta1);
        Require(Beta2Decay <= 0, Beta2Decay, "must not be positive");
        Require(ClipThreshold > 0, ClipThreshold, "must be positive");
        Require(!WarmupInitial || RelativeStep, WarmupInitial, "needs relativeStep");
    }
}

/// <summary>Adafactor as its authors have it: relative steps and, if wanted, a first moment.</summary>
/// <remarks>Shazeer and Stern 2018, arXiv:1804.04235, algorithms 4 and 5, in the form of transformers' Adafactor.</remarks>
public sealed class AdafactorOriginal(IReadOnlyList<ParameterGroup> groups, AdafactorOriginalOptions? options = null) : Optimizer<AdafactorOriginalOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdafactorOriginalOptions options)
    {
        if (parameter.Rank > 1)
        {
            yield return ("rows", parameter.Shape.With(parameter.Rank - 1, 1));
            yield return ("columns", parameter.Shape.With(parameter.Rank - 2, 1));
        }
        else
            yield return ("moment2", parameter.Shape);
        if (options.Beta1 > 0) yield return ("moment1", parameter.Shape);
    }

    private protected override void Update(Slot<AdafactorOriginalOptions> slot)
    {
        AdafactorOriginalOptions o = slot.Options;
        Tensor p = slot.Parameter, g = slot.Gradient(), squares = g.Square() + o.Epsilon;
        double newest = Math.Pow(slot.Steps, o.Beta2Decay);
        double length = o.RelativeStep ? Math.Min(o.WarmupInitial ? 1e-6 * slot.Steps : 1e-2, 1 / Math.Sqrt(slot.Steps)) : slot.Rate;
        if (o.ScaleParameter) length *= Math.Max(o.ScaleEpsilon, RootMeanSquare.Of(p));
        Tensor update = FactoredSquares.Rsqrt(slot, 0, squares, 1 - newest, newest) * g;
        update *= length / Math.Max(1, RootMeanSquare.Of(update) / o.ClipThreshold);
        if (o.Beta1 > 0) update = slot.Mix(slot.State.Length - 1, o.Beta1, update, 1 - o.Beta1);
        slot.Decay(length);
        slot.Move(update, 1);
    }
}

/// <summary>A mean of squares that is kept as its row and column means.</summary>
internal static class FactoredSquares
{
    /// <summary>Mixes squares into the state from an index on, and gives one over the root of the mean: (R / mean(R))^-½ C^-½, or of the whole where the parameter is a vector.</summary>
    internal static Tensor Rsqrt<TOptions>(Slot<TOptions> slot, int index, Tensor squares, double keep, double share) where TOptions : OptimizerOptions
    {
        if (slot.Parameter.Rank < 2) return slot.Mix(index, keep, squares, share).Rsqrt();
        Tensor rows = slot.Mix(index, keep, squares.Mean(-1, keepDimension: true), share);             // [.., N, 1]
        Tensor columns = slot.Mix(index + 1, keep, squares.Mean(-2, keepDimension: true), share);      // [.., 1, M]
        return (rows / rows.Mean(-2, keepDimension: true)).Rsqrt() * columns.Rsqrt();                   // [.., N, M]
    }
}

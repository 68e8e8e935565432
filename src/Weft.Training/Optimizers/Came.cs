using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Came"/>; the defaults are the paper's.</summary>
public sealed record CameOptions : OptimizerOptions
{
    /// <summary>How much of the mean update is kept each step. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>How much of the mean squares is kept each step. Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>How much of the mean squared residuals is kept each step. Default 0.9999.</summary>
    public double Beta3 { get; init; } = 0.9999;

    /// <summary>Added to every squared gradient. Default 1e-30.</summary>
    public double Epsilon { get; init; } = 1e-30;

    /// <summary>Added to every squared residual. Default 1e-16.</summary>
    public double ResidualEpsilon { get; init; } = 1e-16;

    /// <summary>The largest root-mean-square of an update before it is scaled. Default 1.</summary>
    public double ClipThreshold { get; init; } = 1;

    /// <summary>Whether the largest mean square so far is divided by.</summary>
    public bool AmsGrad { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Beta1);
        RequireShare(Beta2);
        RequireShare(Beta3);
    }
}

/// <summary>Adafactor that trusts an update less where it strays from its mean.</summary>
/// <remarks>u = g / sqrt(V), clipped;  m = β₁ m + (1 - β₁) u;  S = factored mean of (u - m)²;  p -= lr m / sqrt(S)   (Luo et al. 2023, arXiv:2307.02047, algorithm 2).</remarks>
public sealed class Came(IReadOnlyList<ParameterGroup> groups, CameOptions? options = null) : Optimizer<CameOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, CameOptions options)
    {
        yield return ("moment1", parameter.Shape);
        if (parameter.Rank < 2)
            yield return ("moment2", parameter.Shape);
        else
        {
            Shape rows = parameter.Shape.With(parameter.Rank - 1, 1), columns = parameter.Shape.With(parameter.Rank - 2, 1);
            yield return ("rows", rows);
            yield return ("columns", columns);
            yield return ("residual_rows", rows);
            yield return ("residual_columns", columns);
        }
        if (options.AmsGrad) yield return ("largest", parameter.Shape);
    }

    private protected override void Update(Slot<CameOptions> slot)
    {
        CameOptions o = slot.Options;
        bool factored = slot.Parameter.Rank > 1;
        Tensor g = slot.Gradient(), inverse = FactoredSquares.Rsqrt(slot, 1, g.Square() + o.Epsilon, o.Beta2, 1 - o.Beta2);
        if (o.AmsGrad)
        {
            Tensor largest = slot.State[^1];
            largest.CopyFrom(largest.Maximum(1.0 / inverse));
            inverse = (largest / o.Beta2).Rsqrt();
        }
        Tensor u = inverse * g;
        u /= Math.Max(1, RootMeanSquare.Of(u) / o.ClipThreshold);
        Tensor m = slot.Mix(0, o.Beta1, u, 1 - o.Beta1);
        Tensor update = factored ? FactoredSquares.Rsqrt(slot, 3, (u - m).Square() + o.ResidualEpsilon, o.Beta3, 1 - o.Beta3) * m : m;
        slot.Decay();
        slot.Move(update, slot.Rate);
    }
}

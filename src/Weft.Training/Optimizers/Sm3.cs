using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Sm3"/>; the defaults are the authors'.</summary>
public sealed record Sm3Options : OptimizerOptions
{
    /// <summary>How much of the mean update is kept each step. Default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>How much of the squares is kept each step; 0, the default, sums them as Adagrad does.</summary>
    public double Beta { get; init; }

    /// <summary>Keeps the quotient finite. Default 1e-30.</summary>
    public double Epsilon { get; init; } = 1e-30;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Momentum);
        Require(Beta is >= 0 and <= 1, Beta, "must be between 0 and 1");
    }
}

/// <summary>Adagrad in the memory of one number for each row and each column.</summary>
/// <remarks>ν = min over dimensions of their sums + g²;  each sum becomes the largest ν of its slice;  p -= lr g / sqrt(ν)   (Anil et al. 2019, arXiv:1901.11150, algorithm SM3-II).</remarks>
public sealed class Sm3(IReadOnlyList<ParameterGroup> groups, Sm3Options? options = null) : Optimizer<Sm3Options>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, Sm3Options options)
    {
        for (int k = 0; k < Math.Max(1, parameter.Rank); k++)
        {
            int[] sizes = [.. Enumerable.Range(0, parameter.Rank).Select(d => d == k ? parameter.Shape[d] : 1)];
            yield return ($"sum{k}", new Shape(sizes));
        }
        if (options.Momentum > 0) yield return ("momentum", parameter.Shape);
    }

    private protected override void Update(Slot<Sm3Options> slot)
    {
        Sm3Options o = slot.Options;
        Tensor g = slot.Gradient(), least = slot.State[0];
        int rank = slot.Parameter.Rank;
        for (int k = 1; k < rank; k++) least = least.Minimum(slot.State[k]);
        if (o.Beta > 0) least *= o.Beta;
        Tensor squares = least + g.Square() * (1 - o.Beta);
        for (int k = 0; k < Math.Max(1, rank); k++)
        {
            Tensor largest = squares;
            for (int d = 0; d < rank; d++) if (d != k) largest = largest.Max(d, keepDimension: true);
            slot.State[k].CopyFrom(o.Beta > 0 ? slot.State[k].Maximum(largest) : largest);
        }
        Tensor update = (squares + o.Epsilon).Rsqrt() * g;
        slot.Decay();
        slot.Move(o.Momentum > 0 ? slot.Mix(slot.State.Length - 1, o.Momentum, update, 1 - o.Momentum) : update, slot.Rate);
    }
}

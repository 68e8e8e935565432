using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Tiger"/>.</summary>
public sealed record TigerOptions : OptimizerOptions
{
    /// <summary>How much of the mean gradient is kept each step. Default 0.965.</summary>
    public double Beta { get; init; } = 0.965;

    /// <inheritdoc/>
    public override void Validate() => RequireShare(Beta);
}

/// <summary>The sign of the mean gradient: <see cref="Lion"/> with one mean for both uses.</summary>
/// <remarks>p = (1 - lr λ) p;  m = β m + (1 - β) g;  p -= lr sign(m)   (Su 2023, "Tiger: a tight-fisted optimizer").</remarks>
public sealed class Tiger(IReadOnlyList<ParameterGroup> groups, TigerOptions? options = null) : Optimizer<TigerOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, TigerOptions options) => [("moment1", parameter.Shape)];

    private protected override void Update(Slot<TigerOptions> slot) => slot.Apply(new Rule(slot.Rate, slot.Options.Beta));

    private readonly struct Rule(double rate, double beta) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> lr = Lanes<T>.Of(rate), keep = Lanes<T>.Of(beta), rest = Lanes<T>.Of(1 - beta);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> m = x.A[i] * keep + x.Gradient(i) * rest;
                x.A[i] = m;
                x.Weights[i] = x.Kept(i) - Signs.Of(m) * lr;
            }
        }
    }
}

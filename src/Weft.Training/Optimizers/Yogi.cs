using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Yogi"/>.</summary>
public sealed record YogiOptions : MomentOptions
{
    /// <summary>ε 1e-3, as the paper advises.</summary>
    public YogiOptions() => Epsilon = 1e-3;

    /// <summary>What both means start from. Default 1e-6.</summary>
    public double InitialAccumulator { get; init; } = 1e-6;
}

/// <summary>Adam whose mean square moves by at most the newest square, so that the rate cannot leap.</summary>
/// <remarks>v -= (1 - β₂) sign(v - g²) g²   (Zaheer et al. 2018, "Adaptive methods for nonconvex optimization", algorithm 2).</remarks>
public sealed class Yogi(IReadOnlyList<ParameterGroup> groups, YogiOptions? options = null) : Optimizer<YogiOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, YogiOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<YogiOptions> slot)
    {
        YogiOptions o = slot.Options;
        if (slot.Steps == 1) foreach (Tensor state in slot.State) state.Fill(o.InitialAccumulator);
        slot.Apply(new Rule(slot.Rate / (1 - Math.Pow(o.Beta1, slot.Steps)), 1 / Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps)), o));
    }

    private readonly struct Rule(double size, double rootFactor, YogiOptions options) : IUpdateRule
    {
        private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;

        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> beta1 = Lanes<T>.Of(_beta1), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2), eps = Lanes<T>.Of(_epsilon), step = Lanes<T>.Of(size), root = Lanes<T>.Of(rootFactor);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> g = x.Gradient(i), square = g * g, m = x.A[i] * beta1 + g * rest1, v = x.B[i] - Signs.Of(x.B[i] - square) * square * rest2;
                x.A[i] = m;
                x.B[i] = v;
                x.Weights[i] = x.Kept(i) - m * step / (Vector.SquareRoot(v) * root + eps);
            }
        }
    }
}

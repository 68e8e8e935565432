using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Adam"/>; the defaults are torch's.</summary>
public record AdamOptions : MomentOptions
{
    /// <summary>Coupled decay.</summary>
    public AdamOptions() => Decay = DecayForm.Coupled;

    /// <summary>Whether the largest mean squared gradient so far is divided by (Reddi et al. 2018, arXiv:1904.09237, algorithm 2).</summary>
    public bool AmsGrad { get; init; }
}

/// <summary>Steps of about the same length for every weight, whatever the size of its gradients.</summary>
/// <remarks>
/// m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p -= lr m / (1 - β₁ᵗ) / (sqrt(v) / sqrt(1 - β₂ᵗ) + ε)
/// (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1; ε stands where PyTorch has it).
/// </remarks>
public sealed class Adam(IReadOnlyList<ParameterGroup> groups, AdamOptions? options = null) : Optimizer<AdamOptions>(groups, options)
{
    private readonly ElementwiseUpdate.Batch<AdamRule> _batch = new();

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdamOptions options) => AdamRule.Remember(parameter, options);

    private protected override void Update(Slot<AdamOptions> slot) => _batch.Add(slot, new AdamRule(slot.Rate, slot.Steps, slot.Options));

    private protected override void UpdateAll(ReadOnlySpan<Slot<AdamOptions>> slots)
    {
        base.UpdateAll(slots);
        _batch.Run();
    }
}

/// <summary>The step that <see cref="Adam"/> and <see cref="AdamW"/> share.</summary>
internal readonly struct AdamRule(double rate, double steps, AdamOptions options) : IUpdateRule
{
    private readonly double _beta1 = options.Beta1, _beta2 = options.Beta2, _epsilon = options.Epsilon;
    private readonly double _stepSize = rate / (1 - Math.Pow(options.Beta1, steps)), _rootFactor = 1 / Math.Sqrt(1 - Math.Pow(options.Beta2, steps));
    private readonly bool _largest = options.AmsGrad;

    internal static IEnumerable<(string, Shape)> Remember(Tensor parameter, AdamOptions options)
    {
        yield return ("moment1", parameter.Shape);
        yield return ("moment2", parameter.Shape);
        if (options.AmsGrad) yield return ("largest2", parameter.Shape);
    }

    public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
    {
        Vector<T> beta1 = Lanes<T>.Of(_beta1), beta2 = Lanes<T>.Of(_beta2), rest1 = Lanes<T>.Of(1 - _beta1), rest2 = Lanes<T>.Of(1 - _beta2);
        Vector<T> epsilon = Lanes<T>.Of(_epsilon), size = Lanes<T>.Of(_stepSize), root = Lanes<T>.Of(_rootFactor);
        for (int i = 0; i < x.Count; i++)
        {
            Vector<T> g = x.Gradient(i), m = x.A[i] * beta1 + g * rest1, v = x.B[i] * beta2 + g * g * rest2;
            x.A[i] = m;
            x.B[i] = v;
            if (_largest) x.C[i] = v = Vector.Max(x.C[i], v);
            x.Weights[i] = x.Kept(i) - m * size / (Vector.SquareRoot(v) * root + epsilon);
        }
    }
}

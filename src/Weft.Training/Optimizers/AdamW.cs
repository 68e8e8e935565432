using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="AdamW"/>: those of <see cref="Adam"/>, with decoupled decay.</summary>
public sealed record AdamWOptions : AdamOptions
{
    /// <summary>Decoupled decay.</summary>
    public AdamWOptions() => Decay = DecayForm.Decoupled;
}

/// <summary>Adam with decoupled weight decay.</summary>
/// <remarks>
/// p *= 1 - lr λ;  m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p -= lr m / (1 - β₁ᵗ) / (sqrt(v) / sqrt(1 - β₂ᵗ) + ε)
/// (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2; ε stands where PyTorch has it).
/// </remarks>
public sealed class AdamW : Optimizer<AdamWOptions>
{
    private readonly ElementwiseUpdate.Batch<AdamRule> _batch = new();

    /// <summary>Makes the optimizer with moments of zero.</summary>
    /// <param name="groups">What it updates.</param>
    /// <param name="beta1">How much of the mean gradient is kept each step.</param>
    /// <param name="beta2">How much of the mean squared gradient is kept each step.</param>
    /// <param name="epsilon">Keeps the quotient finite.</param>
    public AdamW(IReadOnlyList<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
        : this(groups, new AdamWOptions { Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon })
    {
    }

    /// <summary>Makes the optimizer with moments of zero.</summary>
    /// <param name="groups">What it updates.</param>
    /// <param name="options">Its options.</param>
    public AdamW(IReadOnlyList<ParameterGroup> groups, AdamWOptions options) : base(groups, options)
    {
    }

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdamWOptions options) => AdamRule.Remember(parameter, options);

    private protected override void Update(Slot<AdamWOptions> slot) => _batch.Add(slot, new AdamRule(slot.Rate, slot.Steps, slot.Options));

    private protected override void UpdateAll(ReadOnlySpan<Slot<AdamWOptions>> slots)
    {
        base.UpdateAll(slots);
        _batch.Run();
    }
}

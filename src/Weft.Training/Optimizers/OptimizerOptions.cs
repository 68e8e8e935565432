using System.Runtime.CompilerServices;

namespace Weft.Training.Optimizers;

/// <summary>How weight decay λ acts.</summary>
public enum DecayForm
{
    /// <summary>On the weights: p *= 1 - rate · λ (Loshchilov and Hutter 2019, arXiv:1711.05101).</summary>
    Decoupled,

    /// <summary>Through the gradient: g += λ p, an L2 penalty.</summary>
    Coupled,

    /// <summary>On the weights, whatever the rate: p *= 1 - λ.</summary>
    Fixed,
}

/// <summary>What every optimizer can be told; each adds its own.</summary>
public abstract record OptimizerOptions
{
    /// <summary>Whether the objective is climbed rather than descended: the gradient is negated first.</summary>
    public bool Maximize { get; init; }

    /// <summary>How a group's weight decay acts.</summary>
    public DecayForm Decay { get; init; }

    /// <summary>Throws if a value is out of range.</summary>
    /// <exception cref="ArgumentException">Names the option, its value and the rule.</exception>
    public virtual void Validate()
    {
    }

    /// <summary>Fails unless 0 ≤ value &lt; 1.</summary>
    private protected static void RequireShare(double value, [CallerArgumentExpression(nameof(value))] string option = "") =>
        Require(value is >= 0 and < 1, value, "must be at least 0 and below 1", option);

    /// <summary>Fails unless value ≥ 0.</summary>
    private protected static void RequireNotNegative(double value, [CallerArgumentExpression(nameof(value))] string option = "") =>
        Require(value >= 0, value, "must not be negative", option);

    private protected static void Require(bool holds, object value, string rule, [CallerArgumentExpression(nameof(value))] string option = "")
    {
        if (!holds) throw new ArgumentException(FormattableString.Invariant($"{char.ToLowerInvariant(option[0])}{option[1..]} {value} {rule}."));
    }
}

/// <summary>Options of an optimizer that keeps a mean of gradients and one of their squares.</summary>
public abstract record MomentOptions : OptimizerOptions
{
    /// <summary>How much of the mean gradient is kept each step. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>How much of the mean squared gradient is kept each step. Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Keeps the quotient finite. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Beta1);
        RequireShare(Beta2);
        RequireNotNegative(Epsilon);
    }
}

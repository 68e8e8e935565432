using System.Numerics;

namespace Weft.Inference.Sampling;

/// <summary>Replaces NaN by 0 and the infinities by the largest finite numbers.</summary>
public sealed class RemoveNonFinite : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        T largest = T.BitDecrement(T.PositiveInfinity);
        foreach (ref T logit in logits)
        {
            if (T.IsNaN(logit)) logit = T.Zero;
            else if (T.IsInfinity(logit)) logit = T.IsPositive(logit) ? largest : -largest;
        }
    }
}

/// <summary>Turns logits into log-probabilities.</summary>
public sealed class LogNormalization : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids) => Scratch.LogSoftmax<T>(logits, logits);
}

/// <summary>Draws a text away from what the model would say without the prompt (Ho and Salimans 2022, arXiv:2207.12598; for language Sanchez et al. 2023, arXiv:2306.17806).</summary>
public static class ClassifierFreeGuidance
{
    /// <summary>logits = unconditional + scale · (logits - unconditional), in place.</summary>
    /// <param name="logits">With the prompt: [V].</param>
    /// <param name="unconditional">Without it: [V].</param>
    /// <param name="scale">1 changes nothing, above 1 follows the prompt more.</param>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    public static void Apply<T>(Span<T> logits, ReadOnlySpan<T> unconditional, double scale) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (logits.Length != unconditional.Length) throw new ArgumentException($"classifier-free guidance: {logits.Length} logits with and {unconditional.Length} without the prompt.");
        T factor = T.CreateChecked(scale);
        for (int i = 0; i < logits.Length; i++) logits[i] = unconditional[i] + factor * (logits[i] - unconditional[i]);
    }
}

using System.Numerics;

namespace Weft.Inference.Sampling;

/// <summary>Memory that processors reuse from token to token, and what several of them compute in it.</summary>
internal static class Scratch
{
    /// <summary>Memory for so many numbers.</summary>
    internal static Span<T> Of<T>(ref Array? memory, int length)
    {
        if (memory is not T[] array || array.Length < length) memory = array = new T[length];
        return array.AsSpan(0, length);
    }

    /// <summary>The ids 0, 1, 2, .. to be sorted along.</summary>
    internal static Span<int> Order(ref int[]? memory, int length)
    {
        if (memory is null || memory.Length < length) memory = new int[length];
        Span<int> order = memory.AsSpan(0, length);
        for (int i = 0; i < length; i++) order[i] = i;
        return order;
    }

    /// <summary>x - ln Σ e^x, and the entropy of the distribution in nats; impossible tokens count 0.</summary>
    internal static T LogSoftmax<T>(ReadOnlySpan<T> logits, Span<T> logProbabilities) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T maximum = T.NegativeInfinity, sum = T.Zero, entropy = T.Zero;
        foreach (T logit in logits) maximum = T.Max(maximum, logit);
        foreach (T logit in logits) sum += T.Exp(logit - maximum);
        T log = T.Log(sum);
        for (int i = 0; i < logits.Length; i++)
        {
            T value = logProbabilities[i] = logits[i] - maximum - log, probability = T.Exp(value);
            if (probability > T.Zero) entropy -= probability * value;
        }
        return entropy;
    }

    /// <summary>The n-th largest logit; the smallest if there are fewer.</summary>
    internal static T Largest<T>(ReadOnlySpan<T> logits, int number, ref Array? memory) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (number == 1)
        {
            T maximum = T.NegativeInfinity;
            foreach (T logit in logits) maximum = T.Max(maximum, logit);
            return maximum;
        }
        Span<T> sorted = Of<T>(ref memory, logits.Length);
        logits.CopyTo(sorted);
        sorted.Sort();
        return sorted[^Math.Min(number, sorted.Length)];
    }

    internal static int RequireMinimum(int minimum) => minimum >= 1 ? minimum : throw new ArgumentException($"the number of tokens that stay in any case is {minimum}, but must be at least 1.");
}

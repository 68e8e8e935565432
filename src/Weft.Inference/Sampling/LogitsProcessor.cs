using System.Numerics;

namespace Weft.Inference.Sampling;

/// <summary>Changes the logits before a token is drawn: removes tokens (minus infinity), or makes them more or less likely.</summary>
/// <remarks>A processor may keep scratch memory, so one instance serves one text at a time.</remarks>
public abstract class LogitsProcessor
{
    /// <summary>Changes the logits of the next token in place.</summary>
    /// <param name="logits">One number per token id: [V].</param>
    /// <param name="ids">The text so far, prompt included.</param>
    public abstract void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids) where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>Divides logits by a temperature: below 1 the likely becomes likelier, above 1 the draw becomes wilder.</summary>
public sealed class Temperature : LogitsProcessor
{
    private readonly double _temperature;

    /// <summary>Takes a positive temperature.</summary>
    public Temperature(double temperature) =>
        _temperature = temperature > 0 ? temperature : throw new ArgumentException($"temperature {temperature} must be above 0 (0 means the likeliest token always).");

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        T temperature = T.CreateChecked(_temperature);
        foreach (ref T logit in logits) logit /= temperature;
    }
}

/// <summary>Keeps the k likeliest tokens, and all that tie with the last of them (Fan et al. 2018, arXiv:1805.04833).</summary>
public sealed class TopK : LogitsProcessor
{
    private readonly int _count;
    private Array? _scratch;

    /// <summary>Takes the number of tokens to keep.</summary>
    public TopK(int count) => _count = count > 0 ? count : throw new ArgumentException($"top-k {count} must be at least 1.");

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_count >= logits.Length) return;
        Span<T> sorted = Scratch.Of<T>(ref _scratch, logits.Length);
        logits.CopyTo(sorted);
        sorted.Sort();
        T threshold = sorted[^_count];
        foreach (ref T logit in logits) if (logit < threshold) logit = T.NegativeInfinity;
    }
}

/// <summary>Keeps the likeliest tokens until their probability reaches p (Holtzman et al. 2020, arXiv:1904.09751).</summary>
/// <remarks>A token stays while the probability of those before it is below p, so the likeliest always stays.</remarks>
public sealed class TopP : LogitsProcessor
{
    private readonly double _mass;
    private readonly int _minimum;
    private Array? _values;
    private int[]? _order;

    /// <summary>Takes the probability to keep, in [0, 1], and how many tokens stay in any case.</summary>
    public TopP(double mass, int minimum = 1)
    {
        _mass = mass is >= 0 and <= 1 ? mass : throw new ArgumentException($"top-p {mass} must be between 0 and 1.");
        _minimum = Scratch.RequireMinimum(minimum);
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_mass >= 1) return;
        Span<T> ascending = Scratch.Of<T>(ref _values, logits.Length);
        Span<int> order = Scratch.Order(ref _order, logits.Length);
        logits.CopyTo(ascending);
        ascending.Sort(order);
        T maximum = ascending[^1], total = T.Zero;
        foreach (ref T value in ascending)
        {
            value = T.Exp(value - maximum);
            total += value;
        }
        // As the reference does: walk up from the least likely, and drop while the tail's mass is at most 1 - p.
        T tail = T.Zero, limit = T.CreateChecked(1 - _mass);
        for (int i = 0; i < ascending.Length - _minimum; i++)
        {
            tail += ascending[i] / total;
            if (tail > limit) break;
            logits[order[i]] = T.NegativeInfinity;
        }
    }
}

/// <summary>Keeps tokens that are at least a fraction as likely as the likeliest (Nguyen et al. 2024, arXiv:2407.01082).</summary>
public sealed class MinP : LogitsProcessor
{
    private readonly double _fraction;
    private readonly int _minimum;
    private Array? _scratch;

    /// <summary>Takes the fraction, in [0, 1], and how many tokens stay in any case.</summary>
    public MinP(double fraction, int minimum = 1)
    {
        _fraction = fraction is >= 0 and <= 1 ? fraction : throw new ArgumentException($"min-p {fraction} must be between 0 and 1.");
        _minimum = Scratch.RequireMinimum(minimum);
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_fraction == 0) return;
        T threshold = Scratch.Largest(logits, 1, ref _scratch) + T.Log(T.CreateChecked(_fraction));
        if (_minimum > 1) threshold = T.Min(threshold, Scratch.Largest(logits, _minimum, ref _scratch));
        foreach (ref T logit in logits) if (logit < threshold) logit = T.NegativeInfinity;
    }
}

/// <summary>Makes tokens that the text already holds less likely (Keskar et al. 2019, arXiv:1909.05858, section 4.1).</summary>
/// <remarks>A positive logit is divided by the penalty and a negative one multiplied, once for each distinct token.</remarks>
public sealed class RepetitionPenalty : LogitsProcessor
{
    private readonly double _penalty;
    private readonly int _ignored;
    private bool[] _seen = [];

    /// <summary>Takes the penalty (above 1 discourages repetition, 1 does nothing), and how many tokens at the beginning do not count.</summary>
    public RepetitionPenalty(double penalty, int ignored = 0)
    {
        _penalty = penalty > 0 ? penalty : throw new ArgumentException($"repetition penalty {penalty} must be above 0.");
        _ignored = ignored >= 0 ? ignored : throw new ArgumentException($"repetition penalty: {ignored} ignored tokens must be 0 or above.");
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_seen.Length < logits.Length) _seen = new bool[logits.Length];
        T penalty = T.CreateChecked(_penalty);
        ids = ids[Math.Min(_ignored, ids.Length)..];
        foreach (int id in ids)
        {
            if (_seen[id]) continue;
            _seen[id] = true;
            logits[id] = logits[id] < T.Zero ? logits[id] * penalty : logits[id] / penalty;
        }
        foreach (int id in ids) _seen[id] = false;
    }
}

namespace Weft.Inference.Sampling;

/// <summary>Keeps tokens whose surprise is near the expected one, until their probability reaches a mass (Meister et al. 2022, arXiv:2202.00666).</summary>
public sealed class TypicalP : LogitsProcessor
{
    private readonly double _mass;
    private readonly int _minimum;
    private Array? _logProbabilities, _distances;
    private int[]? _order;

    /// <summary>Takes the probability to keep, in (0, 1), and how many tokens stay in any case.</summary>
    public TypicalP(double mass, int minimum = 1)
    {
        _mass = mass is > 0 and < 1 ? mass : throw new ArgumentException($"typical-p {mass} must be between 0 and 1.");
        _minimum = Scratch.RequireMinimum(minimum);
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        Span<T> log = Scratch.Of<T>(ref _logProbabilities, logits.Length), distance = Scratch.Of<T>(ref _distances, logits.Length);
        Span<int> order = Scratch.Order(ref _order, logits.Length);
        T entropy = Scratch.LogSoftmax(logits, log);
        for (int i = 0; i < log.Length; i++) distance[i] = T.Abs(-log[i] - entropy);
        distance.Sort(order);
        // As the reference does: the token that brings the mass to its goal still counts, and all that tie with it.
        T mass = T.CreateChecked(_mass), sum = T.Zero;
        int last = 0;
        for (; last < order.Length - 1; last++)
        {
            sum += T.Exp(log[order[last]]);
            if (sum >= mass) break;
        }
        T limit = distance[last];
        for (int i = _minimum; i < order.Length; i++) if (distance[i] > limit) logits[order[i]] = T.NegativeInfinity;
    }
}

/// <summary>Removes tokens less likely than a fixed bound (Hewitt et al. 2022, arXiv:2210.15191, section 3).</summary>
public sealed class EpsilonCutoff : LogitsProcessor
{
    private readonly double _epsilon;
    private readonly int _minimum;
    private Array? _logProbabilities, _sorted;

    /// <summary>Takes the bound, in (0, 1), and how many tokens stay in any case.</summary>
    public EpsilonCutoff(double epsilon, int minimum = 1)
    {
        _epsilon = epsilon is > 0 and < 1 ? epsilon : throw new ArgumentException($"epsilon cutoff {epsilon} must be between 0 and 1.");
        _minimum = Scratch.RequireMinimum(minimum);
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        Span<T> log = Scratch.Of<T>(ref _logProbabilities, logits.Length);
        Scratch.LogSoftmax(logits, log);
        T kept = Scratch.Largest(logits, _minimum, ref _sorted), bound = T.CreateChecked(_epsilon);
        for (int i = 0; i < logits.Length; i++) if (T.Exp(log[i]) < bound && logits[i] < kept) logits[i] = T.NegativeInfinity;
    }
}

/// <summary>Removes tokens less likely than min(ε, √ε e^-entropy): a bound that sinks where the model is unsure (Hewitt et al. 2022, arXiv:2210.15191, eq. 4).</summary>
public sealed class EtaCutoff : LogitsProcessor
{
    private readonly double _epsilon;
    private readonly int _minimum;
    private Array? _logProbabilities, _sorted;

    /// <summary>Takes ε, in (0, 1), and how many tokens stay in any case.</summary>
    public EtaCutoff(double epsilon, int minimum = 1)
    {
        _epsilon = epsilon is > 0 and < 1 ? epsilon : throw new ArgumentException($"eta cutoff {epsilon} must be between 0 and 1.");
        _minimum = Scratch.RequireMinimum(minimum);
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        Span<T> log = Scratch.Of<T>(ref _logProbabilities, logits.Length);
        T entropy = Scratch.LogSoftmax(logits, log), epsilon = T.CreateChecked(_epsilon), bound = T.Min(epsilon, T.Sqrt(epsilon) * T.Exp(-entropy));
        T kept = Scratch.Largest(logits, _minimum, ref _sorted);
        for (int i = 0; i < logits.Length; i++) if (T.Exp(log[i]) < bound && logits[i] < kept) logits[i] = T.NegativeInfinity;
    }
}

/// <summary>Keeps the likeliest tokens that together hold a share of the entropy (Baghaei Potraghloo et al. 2025, arXiv:2509.02510).</summary>
public sealed class TopH : LogitsProcessor
{
    private readonly double _share;
    private readonly int _considered;
    private Array? _values;
    private int[]? _order;

    /// <summary>Takes the share, in (0, 1], and how many of the likeliest tokens are looked at; the others are removed.</summary>
    public TopH(double share, int considered = 100)
    {
        _share = share is > 0 and <= 1 ? share : throw new ArgumentException($"top-h {share} must be above 0 and at most 1.");
        _considered = considered >= 1 ? considered : throw new ArgumentException($"top-h looks at {considered} tokens, but must at 1 at least.");
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        Span<T> ascending = Scratch.Of<T>(ref _values, logits.Length);
        Span<int> order = Scratch.Order(ref _order, logits.Length);
        logits.CopyTo(ascending);
        ascending.Sort(order);
        Span<T> top = ascending[^Math.Min(_considered, ascending.Length)..];
        T limit = Scratch.LogSoftmax<T>(top, top) * T.CreateChecked(_share), sum = T.Zero;
        int kept = 0;
        for (int i = top.Length - 1; i >= 0; i--, kept++)
        {
            T probability = T.Exp(top[i]);
            if (probability > T.Zero) sum -= probability * top[i];
            if (kept > 0 && !(sum <= limit)) break;
        }
        for (int i = 0; i < order.Length - kept; i++) logits[order[i]] = T.NegativeInfinity;
    }
}

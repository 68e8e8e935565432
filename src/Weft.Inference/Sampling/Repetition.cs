namespace Weft.Inference.Sampling;

/// <summary>Lowers the logits of tokens that the text holds: by one amount, and by another for each time (OpenAI's API documentation).</summary>
/// <remarks>logit - presence · [count > 0] - frequency · count. Negative penalties encourage repetition.</remarks>
public sealed class PresenceFrequencyPenalty : LogitsProcessor
{
    private readonly double _presence, _frequency;
    private readonly int _ignored;
    private int[] _counts = [];

    /// <summary>Takes the two penalties, and how many tokens at the beginning do not count.</summary>
    public PresenceFrequencyPenalty(double presence, double frequency, int ignored = 0)
    {
        if (!double.IsFinite(presence) || !double.IsFinite(frequency)) throw new ArgumentException($"presence penalty {presence} and frequency penalty {frequency} must be finite.");
        if (ignored < 0) throw new ArgumentException($"presence and frequency penalty: {ignored} ignored tokens must be 0 or above.");
        (_presence, _frequency, _ignored) = (presence, frequency, ignored);
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_counts.Length < logits.Length) _counts = new int[logits.Length];
        ids = ids[Math.Min(_ignored, ids.Length)..];
        foreach (int id in ids) _counts[id]++;
        T presence = T.CreateChecked(_presence), frequency = T.CreateChecked(_frequency);
        foreach (int id in ids)
        {
            if (_counts[id] == 0) continue;
            logits[id] = logits[id] - presence - frequency * T.CreateChecked(_counts[id]);
            _counts[id] = 0;
        }
    }
}

/// <summary>The inverse of <see cref="RepetitionPenalty"/> on the tokens of a source text: what it says becomes likelier.</summary>
public sealed class EncoderRepetitionPenalty : LogitsProcessor
{
    private readonly RepetitionPenalty _inverse;
    private readonly int[] _source;

    /// <summary>Takes the penalty (above 1 favours the source's tokens) and the source.</summary>
    public EncoderRepetitionPenalty(double penalty, ReadOnlySpan<int> source)
    {
        if (!(penalty > 0)) throw new ArgumentException($"encoder repetition penalty {penalty} must be above 0.");
        (_inverse, _source) = (new RepetitionPenalty(1 / penalty), source.ToArray());
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids) => _inverse.Apply(logits, _source);
}

/// <summary>Removes every token that would complete a sequence of n tokens which the text already holds (Paulus et al. 2017, arXiv:1705.04304, section 2.5).</summary>
public sealed class NoRepeatNgram : LogitsProcessor
{
    private readonly int _size;

    /// <summary>Takes n.</summary>
    public NoRepeatNgram(int size) => _size = size >= 1 ? size : throw new ArgumentException($"no-repeat n-gram size {size} must be at least 1.");

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids) => Remove(logits, ids, ids, _size);

    // Every token that follows the text's last n - 1 tokens somewhere in `source`.
    internal static void Remove<T>(Span<T> logits, ReadOnlySpan<int> source, ReadOnlySpan<int> ids, int size) where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        if (ids.Length < size - 1) return;
        ReadOnlySpan<int> end = ids[^(size - 1)..];
        for (int i = 0; i + size <= source.Length; i++)
            if (source.Slice(i, size - 1).SequenceEqual(end)) logits[source[i + size - 1]] = T.NegativeInfinity;
    }
}

/// <summary>Removes every token that would complete a sequence of n tokens which a source text holds.</summary>
public sealed class EncoderNoRepeatNgram : LogitsProcessor
{
    private readonly int _size;
    private readonly int[] _source;

    /// <summary>Takes n and the source.</summary>
    public EncoderNoRepeatNgram(int size, ReadOnlySpan<int> source)
    {
        if (size < 1) throw new ArgumentException($"encoder no-repeat n-gram size {size} must be at least 1.");
        (_size, _source) = (size, source.ToArray());
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids) => NoRepeatNgram.Remove(logits, _source, ids, _size);
}

namespace Weft.Inference.Sampling;

/// <summary>Adds a number to the logit of a sequence's last token, where the text ends in the tokens before it.</summary>
/// <remarks>A sequence of one token always applies: that is OpenAI's logit bias.</remarks>
public sealed class SequenceBias : LogitsProcessor
{
    private readonly (int[] Sequence, double Bias)[] _biases;

    /// <summary>Takes sequences of token ids and what each adds; minus infinity forbids.</summary>
    public SequenceBias(IEnumerable<(int[] Sequence, double Bias)> biases)
    {
        _biases = [.. biases];
        foreach ((int[] sequence, double bias) in _biases)
        {
            if (sequence.Length == 0 || sequence.Any(static id => id < 0)) throw new ArgumentException($"sequence bias: [{string.Join(", ", sequence)}] is no sequence of token ids.");
            if (double.IsNaN(bias)) throw new ArgumentException($"sequence bias: the bias of [{string.Join(", ", sequence)}] is not a number.");
        }
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        foreach ((int[] sequence, double bias) in _biases)
        {
            if (!ids.EndsWith(sequence.AsSpan()[..^1])) continue;
            if (sequence[^1] >= logits.Length) throw new ArgumentException($"sequence bias: token id {sequence[^1]} is not below the vocabulary's {logits.Length}.");
            logits[sequence[^1]] += T.CreateChecked(bias);
        }
    }
}

/// <summary>Removes tokens that would complete a forbidden sequence.</summary>
public sealed class BadWords : LogitsProcessor
{
    private readonly SequenceBias _forbidden;

    /// <summary>Takes the sequences, and the tokens that end a text: those alone cannot be forbidden.</summary>
    public BadWords(IEnumerable<int[]> sequences, params ReadOnlySpan<int> endIds)
    {
        int[] ends = endIds.ToArray();
        _forbidden = new SequenceBias(sequences.Where(s => s.Length != 1 || !ends.Contains(s[0])).Select(static s => (s, double.NegativeInfinity)));
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids) => _forbidden.Apply(logits, ids);
}

/// <summary>Removes tokens: always, or only where the text has one certain length (such as that of the prompt).</summary>
public sealed class SuppressTokens : LogitsProcessor
{
    private readonly int[] _ids;
    private readonly int? _length;

    /// <summary>Takes the tokens, and the length in tokens at which they are removed; null for any.</summary>
    public SuppressTokens(ReadOnlySpan<int> ids, int? atLength = null) => (_ids, _length) = (ids.ToArray(), atLength);

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_length is { } length && ids.Length != length) return;
        foreach (int id in _ids) logits[id] = T.NegativeInfinity;
    }
}

/// <summary>Allows only the tokens that a function of the text so far names.</summary>
public sealed class PrefixConstraint : LogitsProcessor
{
    private readonly AllowedTokens _allowed;
    private bool[] _marks = [];

    /// <summary>The tokens that may follow a text.</summary>
    public delegate ReadOnlySpan<int> AllowedTokens(ReadOnlySpan<int> ids);

    /// <summary>Takes the function.</summary>
    public PrefixConstraint(AllowedTokens allowed) => _allowed = allowed;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">No token is allowed.</exception>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (_marks.Length < logits.Length) _marks = new bool[logits.Length];
        ReadOnlySpan<int> allowed = _allowed(ids);
        if (allowed.IsEmpty) throw new InvalidOperationException($"prefix constraint: no token may follow a text of {ids.Length} tokens.");
        foreach (int id in allowed) _marks[id] = true;
        for (int i = 0; i < logits.Length; i++) if (!_marks[i]) logits[i] = T.NegativeInfinity;
        foreach (int id in allowed) _marks[id] = false;
    }
}

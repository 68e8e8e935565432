namespace Weft.Inference.Sampling;

/// <summary>Keeps a text from ending before it has a number of tokens.</summary>
/// <remarks>For a minimum of new tokens, add the length of the prompt.</remarks>
public sealed class MinimumLength : LogitsProcessor
{
    private readonly int _length;
    private readonly int[] _endIds;

    /// <summary>Takes the least length in tokens, prompt included, and the tokens that end a text.</summary>
    public MinimumLength(int length, params ReadOnlySpan<int> endIds)
    {
        if (length < 0) throw new ArgumentException($"minimum length {length} must be 0 or above.");
        (_length, _endIds) = (length, endIds.ToArray());
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (ids.Length >= _length) return;
        foreach (int id in _endIds) logits[id] = T.NegativeInfinity;
    }
}

/// <summary>Where the text has a certain length, leaves only certain tokens, all equally likely.</summary>
/// <remarks>With length 1 it forces the first token, with the greatest length less 1 the end of the text.</remarks>
public sealed class ForcedTokens : LogitsProcessor
{
    private readonly int _length;
    private readonly int[] _ids;

    /// <summary>Takes the length in tokens after which they are forced, and the tokens.</summary>
    public ForcedTokens(int length, params ReadOnlySpan<int> ids)
    {
        if (length < 0 || ids.IsEmpty) throw new ArgumentException($"forced tokens: length {length} must be 0 or above, and there must be a token.");
        (_length, _ids) = (length, ids.ToArray());
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (ids.Length != _length) return;
        logits.Fill(T.NegativeInfinity);
        foreach (int id in _ids) logits[id] = T.Zero;
    }
}

/// <summary>Makes the end of the text likelier with every token beyond a length.</summary>
/// <remarks>logit + |logit| (factor^(length - start) - 1).</remarks>
public sealed class ExponentialLengthDecay : LogitsProcessor
{
    private readonly int _start;
    private readonly double _factor;
    private readonly int[] _endIds;

    /// <summary>Takes the length at which it begins, prompt included, the factor per token, and the tokens that end a text.</summary>
    public ExponentialLengthDecay(int start, double factor, params ReadOnlySpan<int> endIds)
    {
        if (!(factor > 0)) throw new ArgumentException($"length decay: factor {factor} must be above 0.");
        (_start, _factor, _endIds) = (start, factor, endIds.ToArray());
    }

    /// <inheritdoc/>
    public override void Apply<T>(Span<T> logits, ReadOnlySpan<int> ids)
    {
        if (ids.Length <= _start) return;
        T growth = T.CreateChecked(Math.Pow(_factor, ids.Length - _start) - 1);
        foreach (int id in _endIds) logits[id] += T.Abs(logits[id]) * growth;
    }
}

using Weft.Tensors;

namespace Weft.Training.Data;

/// <summary>How much of what a model reads is hidden from it.</summary>
/// <param name="TokenRate">The probability that a single token is hidden (Bowman et al. 2016, arXiv:1511.06349, section 3.1: word dropout).</param>
/// <param name="SpanRate">The share of tokens that are hidden in spans, about.</param>
/// <param name="SpanLength">The mean length of a span; lengths are geometric (Joshi et al. 2020, SpanBERT, arXiv:1907.10529, section 3.1).</param>
/// <param name="MaskId">What stands in a hidden token's place; null takes a random token each time.</param>
public sealed record TokenCorruption(double TokenRate, double SpanRate, double SpanLength, int? MaskId);

/// <summary>Batches whose inputs are damaged and whose targets are not: the model must lean on more than the last few tokens.</summary>
/// <remarks>What is hidden is a pure function of the seed and of the micro-step's index, as the batch is.</remarks>
public sealed class CorruptedBatches : TokenBatches
{
    // A token takes at most two draws, a span two more; 2^28 draws are kept free for each micro-step.
    private const ulong DrawsPerMicroStep = 1 << 28;
    private readonly TokenBatches _inner;
    private readonly TokenCorruption _corruption;
    private readonly int _vocabularySize;
    private readonly RandomGenerator _generator;

    /// <summary>Damages the batches of another source.</summary>
    /// <exception cref="ArgumentException">A rate is not in [0, 1), a span is shorter than 1, or the mask is not in the vocabulary.</exception>
    public CorruptedBatches(TokenBatches inner, TokenCorruption corruption, int vocabularySize, ulong seed)
    {
        if (corruption.TokenRate is not (>= 0 and < 1) || corruption.SpanRate is not (>= 0 and < 1)) throw new ArgumentException($"CorruptedBatches: rates {corruption.TokenRate} and {corruption.SpanRate} must be in [0, 1).");
        if (!(corruption.SpanLength >= 1)) throw new ArgumentException($"CorruptedBatches: a span length of {corruption.SpanLength} must be at least 1.");
        if (corruption.MaskId is { } mask && (uint)mask >= (uint)vocabularySize) throw new ArgumentException($"CorruptedBatches: the mask {mask} is not one of {vocabularySize} tokens.");
        (_inner, _corruption, _vocabularySize, _generator) = (inner, corruption, vocabularySize, new RandomGenerator(seed, stream: 4));
    }

    /// <inheritdoc/>
    public override long TokenCount => _inner.TokenCount;

    /// <inheritdoc/>
    public override void Fill(long microStep, TokenBatch batch)
    {
        _inner.Fill(microStep, batch);
        _generator.Position = (ulong)microStep * DrawsPerMicroStep;
        Span<int> inputs = batch.Inputs.AsSpan<int>();
        for (int b = 0; b < batch.BatchSize; b++)
        {
            Span<int> row = inputs.Slice(b * batch.Length, batch.Length);
            HideTokens(row);
            HideSpans(row);
        }
    }

    private void HideTokens(Span<int> row)
    {
        if (_corruption.TokenRate == 0) return;
        for (int t = 0; t < row.Length; t++) if (_generator.NextDouble() < _corruption.TokenRate) row[t] = Replacement();
    }

    // Outside a span one begins with probability r, inside it ends with probability 1 / length. In the long run a share
    // r length / (r length + 1) is hidden, from which r follows.
    private void HideSpans(Span<int> row)
    {
        if (_corruption.SpanRate == 0) return;
        double begin = _corruption.SpanRate / ((1 - _corruption.SpanRate) * _corruption.SpanLength), end = 1 / _corruption.SpanLength;
        bool inside = _generator.NextDouble() < _corruption.SpanRate;
        for (int t = 0; t < row.Length; t++)
        {
            if (inside) row[t] = Replacement();
            inside = _generator.NextDouble() < (inside ? 1 - end : begin);
        }
    }

    private int Replacement() => _corruption.MaskId ?? _generator.NextInt32(_vocabularySize);
}

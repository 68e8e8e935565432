using Weft.Models.Decoder;

namespace Weft.Inference;

/// <summary>One window of a perplexity measurement.</summary>
/// <param name="Start">Where it begins in the text, in tokens.</param>
/// <param name="FirstScored">The first of its tokens that is judged; the ones before it are only read.</param>
/// <param name="Length">Its length in tokens.</param>
/// <param name="NegativeLogLikelihood">The sum over judged tokens of -log p, in nats.</param>
public readonly record struct PerplexityWindow(int Start, int FirstScored, int Length, double NegativeLogLikelihood)
{
    /// <summary>How many tokens are judged.</summary>
    public int ScoredCount => Length - FirstScored;
}

/// <summary>Perplexity of a text in windows: exp of the mean of -log p per token (or word, or byte).</summary>
/// <remarks>
/// Which tokens are judged, and with how much before them, changes the figure, so the definition belongs to it. Windows that do not
/// overlap judge each but the first token; the second half alone is llama.cpp's definition; windows that advance by less than their
/// length judge every token but the text's first once, with at least the overlap before it (the strided form of Hugging Face).
/// </remarks>
public static class Perplexity
{
    /// <summary>Judges a text window by window.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">The text.</param>
    /// <param name="window">Tokens per window, at most the model's context.</param>
    /// <param name="stride">By how many tokens the window advances, 1 to <paramref name="window"/>.</param>
    /// <param name="secondHalfOnly">Judge only the second half of each window; needs a stride of a whole window, and leaves out what is left at the end.</param>
    /// <param name="cancellation">Stops before the next window.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public static IEnumerable<PerplexityWindow> Measure(DecoderModel model, ReadOnlyMemory<int> ids, int window, int stride, bool secondHalfOnly = false, CancellationToken cancellation = default)
    {
        if (window < 2 || window > model.Config.ContextLength) throw new ArgumentException($"window {window} must be 2 to {model.Config.ContextLength}, the model's context.");
        if (stride < 1 || stride > window) throw new ArgumentException($"stride {stride} must be 1 to the window, {window}.");
        if (secondHalfOnly && stride != window) throw new ArgumentException($"The second half alone needs windows that do not overlap: stride {stride}, window {window}.");
        return Windows(model, ids, window, stride, secondHalfOnly, cancellation);
    }

    private static IEnumerable<PerplexityWindow> Windows(DecoderModel model, ReadOnlyMemory<int> ids, int window, int stride, bool secondHalfOnly, CancellationToken cancellation)
    {
        int judged = 0; // everything before this place
        for (int start = 0; judged < ids.Length; start += stride)
        {
            cancellation.ThrowIfCancellationRequested();
            int length = Math.Min(window, ids.Length - start);
            if (secondHalfOnly && length < window) yield break;
            int first = secondHalfOnly ? window / 2 + 1 : Math.Max(1, judged - start);
            judged = start + length;
            if (first >= length) continue;
            double sum = 0;
            foreach (double score in TokenScores.LogProbabilities(model, ids.Span.Slice(start, length), first)) sum -= score;
            yield return new PerplexityWindow(start, first, length, sum);
        }
    }
}

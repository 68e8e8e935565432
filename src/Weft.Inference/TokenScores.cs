using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Weft.Inference;

/// <summary>How probable a model finds the tokens of a text.</summary>
public static class TokenScores
{
    // Logits of this many positions are in memory at once: 64 of a vocabulary of 50,000 take 13 MB.
    private const int PositionsAtOnce = 64;

    /// <summary>log p(ids[t] | ids[..t]) in nats, for every t from <paramref name="first"/> on.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">A text of at least two tokens that fits the model's context.</param>
    /// <param name="first">The first token to judge, at least 1; the ones before it are only read.</param>
    /// <returns>One number per judged token.</returns>
    public static double[] LogProbabilities(DecoderModel model, ReadOnlySpan<int> ids, int first = 1)
    {
        if (first < 1) throw new ArgumentOutOfRangeException(nameof(first), "The first token of a text has nothing before it.");
        if (ids.Length <= first) return [];
        double[] scores = new double[ids.Length - first];
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        Tensor hidden = model.Hidden(Tensor.From(ids, [1, ids.Length]));            // [1, T, C]
        for (int t = first; t < ids.Length; t += PositionsAtOnce)
        {
            using MemoryScope part = MemoryScope.Enter();
            int count = Math.Min(PositionsAtOnce, ids.Length - t);
            Tensor logits = model.Logits(hidden.Narrow(1, t - 1, count).Contiguous()); // [1, n, V]
            int V = logits.Shape[^1];
            for (int i = 0; i < count; i++)
            {
                scores[t - first + i] = logits.DType == DType.Float32
                    ? LogProbability(logits.AsSpan<float>().Slice(i * V, V), ids[t + i])
                    : LogProbability(logits.AsSpan<double>().Slice(i * V, V), ids[t + i]);
            }
        }
        return scores;
    }

    /// <summary>log softmax(logits)[id]. The logits are overwritten.</summary>
    public static double LogProbability(Span<float> logits, int id)
    {
        float maximum = TensorPrimitives.Max<float>(logits), own = logits[id];
        TensorPrimitives.Subtract(logits, maximum, logits);
        TensorPrimitives.Exp(logits, logits);
        return own - (double)maximum - Math.Log(TensorPrimitives.Sum<float>(logits));
    }

    /// <inheritdoc cref="LogProbability(Span{float}, int)"/>
    public static double LogProbability(Span<double> logits, int id)
    {
        double maximum = TensorPrimitives.Max<double>(logits), sum = 0;
        foreach (double logit in logits) sum += Math.Exp(logit - maximum);
        return logits[id] - maximum - Math.Log(sum);
    }
}

namespace Weft.Tensors;

/// <summary>Attention with any mask and any leading dimensions.</summary>
/// <remarks>
/// Shapes: q [.., H, T, D], k [.., G, S, D], v [.., G, S, E] -> [.., H, T, E]. Query head h uses key-value head h / (H / G), and
/// G must divide H. What decoders run on has a faster path of its own: <see cref="CausalAttentionOps"/>.
/// </remarks>
public static class AttentionOps
{
    /// <summary>softmax(q kᵀ · scale + mask) v (Vaswani et al. 2017, arXiv:1706.03762, eq. 1).</summary>
    /// <param name="q">Queries, [.., H, T, D].</param>
    /// <param name="k">Keys, [.., G, S, D].</param>
    /// <param name="v">Values, [.., G, S, E].</param>
    /// <param name="mask">Broadcasts to [.., H, T, S]. Bool: true where a query may see a key. Real: added to the scaled products.
    /// A query that may see no key gets zeros, and zero gradients.</param>
    /// <param name="causal">Query i sees the keys 0..i (with T ≠ S too: the first query stands at the first key).</param>
    /// <param name="scale">By default 1 / √D.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor ScaledDotProductAttention(this Tensor q, Tensor k, Tensor v, Tensor? mask = null, bool causal = false, double? scale = null)
    {
        CheckValues(k, v);
        return Weighted(q.AttentionPattern(k, mask, causal, scale), v);
    }

    /// <summary>How much each query draws from each key: rows that sum to 1, or are 0 where no key may be seen. Shapes: -> [.., H, T, S].</summary>
    /// <inheritdoc cref="ScaledDotProductAttention"/>
    public static Tensor AttentionPattern(this Tensor q, Tensor k, Tensor? mask = null, bool causal = false, double? scale = null)
    {
        Tensor scores = Products(q, k) * (scale ?? 1 / Math.Sqrt(q.Shape[^1]));     // [.., H, T, S]
        int T = scores.Shape[^2], S = scores.Shape[^1];
        if (causal) scores = scores.MaskedFill(Triangles.UpperMask(T, S, 1), double.NegativeInfinity);
        if (mask is null) return scores.Softmax();
        if (mask.Rank > scores.Rank || Shape.Broadcast(scores.Shape, mask.Shape, "Attention") != scores.Shape)
            throw new ArgumentException($"Attention: mask {mask.Shape} does not broadcast to the weights {scores.Shape}.");
        scores = mask.DType == DType.Bool ? scores.MaskedFill(mask.LogicalNot(), double.NegativeInfinity) : scores + mask;
        if (S == 0) return scores;
        // Rows of nothing but -infinity would become NaN, and their gradients too.
        Tensor blind = scores.Detach().Max(-1, keepDimension: true).Equal(double.NegativeInfinity); // [.., H, T, 1]
        return scores.MaskedFill(blind, 0).Softmax().MaskedFill(blind, 0);
    }

    /// <summary>Causal attention in which the last query stands at the last key, as with a key-value cache.</summary>
    /// <param name="q">Queries, [.., H, T, D].</param>
    /// <param name="k">Keys, [.., G, S, D].</param>
    /// <param name="v">Values, [.., G, S, E].</param>
    /// <param name="scale">By default 1 / √D.</param>
    /// <param name="softcap">Scaled products become cap · tanh(product / cap) (Gemma 2, arXiv:2408.00118, section 2).</param>
    /// <param name="window">Only the last so many keys are seen, a query's own among them (Beltagy et al. 2020, arXiv:2004.05150).</param>
    /// <exception cref="ArgumentException">The shapes do not fit, or the window is not positive.</exception>
    public static Tensor WindowAttention(this Tensor q, Tensor k, Tensor v, double? scale = null, double? softcap = null, int? window = null)
    {
        CheckValues(k, v);
        if (window < 1) throw new ArgumentException($"WindowAttention: window {window} must be at least 1.");
        Tensor scores = Products(q, k) * (scale ?? 1 / Math.Sqrt(q.Shape[^1]));     // [.., H, T, S]
        if (softcap is { } cap) scores = scores.Softcap(cap);
        int T = scores.Shape[^2], S = scores.Shape[^1], last = S - T;               // query i stands at key i + last
        Tensor hidden = Triangles.UpperMask(T, S, last + 1);
        if (window is { } w) hidden = hidden.LogicalOr(Triangles.UpperMask(T, S, last - w + 1).LogicalNot());
        return Weighted(scores.MaskedSoftmax(hidden), v);
    }

    /// <summary>Causal attention with the weights φ(q) · φ(k) / Σ φ(q) · φ(k), φ(x) = elu(x) + 1 (Katharopoulos et al. 2020, arXiv:2006.16236, eq. 7).</summary>
    /// <remarks>Computed from all products at once, so quadratic in T here; a recurrent form would give the same numbers.</remarks>
    public static Tensor LinearAttention(this Tensor q, Tensor k, Tensor v)
    {
        CheckValues(k, v);
        Tensor weights = Products(q.Elu() + 1.0, k.Elu() + 1.0).Tril();             // [.., H, T, S]
        return Weighted(weights, v) / weights.Sum(-1, keepDimension: true);
    }

    // q kᵀ for each head.
    private static Tensor Products(Tensor q, Tensor k)
    {
        if (q.Rank < 2 || k.Rank != q.Rank || q.Shape[^1] != k.Shape[^1] || !GroupsFit(q, k))
            throw new ArgumentException($"Attention: queries {q.Shape} and keys {k.Shape}: head sizes must agree, and key heads divide query heads.");
        if (!IsGrouped(q, k)) return q.MatMul(k.Transpose());
        return Split(q, k.Shape[^3]).MatMul(k.Unsqueeze(-3).Transpose()).Reshape(Join(q.Shape, k.Shape[^2])); // [.., H, T, S]
    }

    // Values summed by a pattern of weights.
    private static Tensor Weighted(Tensor pattern, Tensor v)
    {
        if (!GroupsFit(pattern, v)) throw new ArgumentException($"Attention: the heads of values {v.Shape} do not divide those of the weights {pattern.Shape}.");
        if (!IsGrouped(pattern, v)) return pattern.MatMul(v);
        return Split(pattern, v.Shape[^3]).MatMul(v.Unsqueeze(-3)).Reshape(Join(pattern.Shape, v.Shape[^1])); // [.., H, T, E]
    }

    private static void CheckValues(Tensor k, Tensor v)
    {
        if (v.Rank != k.Rank || k.Rank < 2 || v.Shape[^2] != k.Shape[^2]) throw new ArgumentException($"Attention: keys {k.Shape} and values {v.Shape}: there must be as many of both.");
    }

    private static bool GroupsFit(Tensor q, Tensor k) => q.Rank < 3 || q.Shape[^3] == k.Shape[^3] || (k.Shape[^3] > 0 && q.Shape[^3] % k.Shape[^3] == 0);

    private static bool IsGrouped(Tensor q, Tensor k) => q.Rank >= 3 && q.Shape[^3] != k.Shape[^3];

    // [.., H, T, X] -> [.., G, H / G, T, X]
    private static Tensor Split(Tensor x, int groups) =>
        x.Reshape(new Shape([.. x.Shape.AsSpan()[..^3], groups, x.Shape[^3] / groups, x.Shape[^2], x.Shape[^1]]));

    // [.., H, T, X] with another last size
    private static Shape Join(Shape shape, int last) => shape.With(shape.Rank - 1, last);
}

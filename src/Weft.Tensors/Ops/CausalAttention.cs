using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Attention in which a token sees itself and the tokens before it.</summary>
/// <remarks>
/// Shapes: q [B, T, H, D], k and v [B, S, G, D]. The last query stands at the last key, so with a cache S &gt; T. Query head h
/// uses key-value head h / (H / G).
/// </remarks>
public static class CausalAttentionOps
{
    /// <summary>softmax(q kᵀ · scale + causal mask) v. Shapes: -> [B, T, H, D].</summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor CausalAttention(this Tensor q, Tensor k, Tensor v, double scale)
    {
        Check(q, k);
        if (v.Shape != k.Shape) throw new ArgumentException($"CausalAttention: keys {k.Shape} and values {v.Shape} differ.");
        return q.DType == DType.Float32 && q.Count > 0 ? FusedCausalAttention.Run(q, k, v, scale) : Composition(q, k, v, scale);
    }

    /// <summary>Attention of queries, keys and values that one map has put side by side. Shapes: [B, T, H + 2 G, D], queries first -> [B, T, H, D].</summary>
    /// <param name="queriesKeysValues">H heads of queries, G of keys, G of values.</param>
    /// <param name="headCount">H.</param>
    /// <param name="scale">Multiplies the products, usually 1 / sqrt(D).</param>
    /// <exception cref="ArgumentException">The heads do not divide so.</exception>
    public static Tensor PackedCausalAttention(this Tensor queriesKeysValues, int headCount, double scale)
    {
        Elementwise.RequireFloating(queriesKeysValues, nameof(PackedCausalAttention));
        int groups = queriesKeysValues.Rank == 4 ? (queriesKeysValues.Shape[2] - headCount) / 2 : 0;
        if (headCount < 1 || groups < 1 || headCount % groups != 0 || headCount + 2 * groups != queriesKeysValues.Shape[2])
            throw new ArgumentException($"PackedCausalAttention: {queriesKeysValues.Shape} does not hold {headCount} heads of queries and as many of keys as of values, which divide them.");
        return queriesKeysValues.DType == DType.Float32 && queriesKeysValues.Count > 0 ? FusedCausalAttention.RunPacked(queriesKeysValues, headCount, scale) : PackedComposition(queriesKeysValues, headCount, scale);
    }

    internal static Tensor PackedComposition(Tensor all, int headCount, double scale)
    {
        int groups = (all.Shape[2] - headCount) / 2;
        return Composition(all.Narrow(2, 0, headCount), all.Narrow(2, headCount, groups), all.Narrow(2, headCount + groups, groups), scale);
    }

    internal static Tensor Composition(Tensor q, Tensor k, Tensor v, double scale) => q.CausalAttentionPattern(k, scale).AttendTo(v);

    /// <summary>How much each query draws from each key: softmax(q kᵀ · scale + mask). Shapes: -> [B, H, T, S]; rows sum to 1.</summary>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="scale">Multiplies the products, usually 1 / sqrt(D).</param>
    /// <param name="keyMask">[B, S] Bool: which keys are real; null means all. A query that sees none gets a row of zeros.</param>
    public static Tensor CausalAttentionPattern(this Tensor q, Tensor k, double scale, Tensor? keyMask = null)
    {
        Check(q, k);
        int B = q.Shape[0], T = q.Shape[1], H = q.Shape[2], D = q.Shape[3], S = k.Shape[1], G = k.Shape[2];
        Tensor queries = q.Permute(0, 2, 1, 3).Reshape(B, G, H / G, T, D);          // [B, G, H/G, T, D]
        Tensor keys = k.Permute(0, 2, 3, 1).Unsqueeze(2);                           // [B, G, 1, D, S]
        Tensor products = (queries.MatMul(keys) * scale).Reshape(B, H, T, S);       // [B, H, T, S]
        Tensor hidden = Triangles.UpperMask(T, S, S - T + 1);                       // [T, S]
        if (keyMask is not null)
        {
            if (keyMask.Shape != new Shape(B, S)) throw new ArgumentException($"CausalAttention: the key mask is {keyMask.Shape}, but must be [{B}, {S}].");
            hidden = keyMask.LogicalNot().Reshape(B, 1, 1, S).LogicalOr(hidden);    // [B, 1, T, S]
        }
        Tensor pattern = products.MaskedSoftmax(hidden);
        return keyMask is null ? pattern : pattern.MaskedFill(hidden, 0); // a row of nothing but masked keys is NaN before this
    }

    /// <summary>Sums values by a pattern of weights. Shapes: pattern [B, H, T, S], v [B, S, G, D] -> [B, T, H, D].</summary>
    public static Tensor AttendTo(this Tensor pattern, Tensor v)
    {
        int B = pattern.Shape[0], H = pattern.Shape[1], T = pattern.Shape[2], S = pattern.Shape[3], G = v.Shape[2], D = v.Shape[3];
        Tensor values = v.Permute(0, 2, 1, 3).Unsqueeze(2);                         // [B, G, 1, S, D]
        return pattern.Reshape(B, G, H / G, T, S).MatMul(values).Reshape(B, H, T, D).Permute(0, 2, 1, 3); // [B, T, H, D]
    }

    /// <summary>Turns pairs of elements i and i + D/2 by the angles of a table.</summary>
    /// <remarks>Shapes: x [B, T, H, D]; cos and sin [T, D/2] or [B, T, D/2] -> [B, T, H, D]. y1 = x1 cos - x2 sin, y2 = x2 cos + x1 sin.</remarks>
    public static Tensor Rotary(this Tensor x, Tensor cos, Tensor sin)
    {
        int half = x.Shape[^1] / 2;
        if (x.Rank != 4 || x.Shape[3] != 2 * half || cos.Shape != sin.Shape || cos.Shape[^1] != half || cos.Shape[^2] != x.Shape[1])
            throw new ArgumentException($"Rotary: tables {cos.Shape} and {sin.Shape} do not fit {x.Shape}.");
        bool fused = x.DType == DType.Float32 && x.Count > 0 && !cos.Tracks && !sin.Tracks; // angles that are learned take the other path
        return fused ? FusedRotary.Run(x, cos, sin, inverse: false) : RotaryComposition(x, cos, sin);
    }

    internal static Tensor RotaryComposition(Tensor x, Tensor cos, Tensor sin)
    {
        int half = x.Shape[^1] / 2;
        (cos, sin) = (cos.Unsqueeze(-2), sin.Unsqueeze(-2));                        // [.., T, 1, D/2]
        Tensor a = x.Narrow(3, 0, half), b = x.Narrow(3, half, half);
        return Tensor.Concat([a * cos - b * sin, b * cos + a * sin], 3);
    }

    private static void Check(Tensor q, Tensor k)
    {
        if (q.Rank != 4 || k.Rank != 4 || q.Shape[0] != k.Shape[0] || q.Shape[3] != k.Shape[3] || k.Shape[2] == 0 || q.Shape[2] % k.Shape[2] != 0 || q.Shape[1] > k.Shape[1])
            throw new ArgumentException($"CausalAttention: queries {q.Shape} and keys {k.Shape}: batch and head size must agree, key heads divide query heads, and queries not outnumber keys.");
    }
}

using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>How queries and keys become weights: scale, cap, slopes, window, mask, sink, softmax.</summary>
/// <remarks>
/// s = cap tanh(scale q kᵀ / cap) - slope · distance, hidden where the key is later than the query, outside the window or
/// padding; then softmax over the keys and, if there is one, the sink. What is not asked for is left out. Key j is in the window W of
/// query i when i - W &lt; j ≤ i (Beltagy et al. 2020, arXiv:2004.05150, section 3.1).
/// </remarks>
internal sealed class AttentionScores : Layer
{
    private readonly double _softCap;
    private readonly double[]? _slopes;

    internal AttentionScores(string name, int headCount, double scale, int window, double softCap, bool sinks, bool slopes, DType dtype)
    {
        (Scale, Window, _softCap) = (scale, window, softCap);
        Sinks = sinks ? Parameter(name + ".sinks", [headCount], dtype) : null;
        _slopes = slopes ? PositionTables.AlibiSlopes(headCount) : null;
    }

    /// <summary>What products are multiplied by.</summary>
    internal double Scale { get; }

    /// <summary>How many keys a query sees, its own included; 0 for all.</summary>
    internal int Window { get; }

    /// <summary>A logit per head that draws no value: [H]; null for none.</summary>
    internal Tensor? Sinks { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => Sinks is null ? [] : [Sinks];

    /// <summary>Whether this is softmax(scale q kᵀ + causal mask), so that a fused kernel serves.</summary>
    /// <param name="keyCount">S: how many keys there are.</param>
    internal bool IsPlain(int keyCount) => _softCap == 0 && _slopes is null && Sinks is null && (Window == 0 || keyCount <= Window);

    /// <summary>The keys and values that the last token sees, for a step of one token. Shapes: [B, S, G, D] -> [B, min(S, W), G, D].</summary>
    internal (Tensor Keys, Tensor Values) InWindow(Tensor k, Tensor v)
    {
        int S = k.Shape[1];
        return Window == 0 || S <= Window ? (k, v) : (k.Narrow(1, S - Window, Window), v.Narrow(1, S - Window, Window));
    }

    /// <summary>The weights. Shapes: q [B, T, H, D], k [B, S, G, D] -> [B, H, T, S].</summary>
    /// <param name="q">Queries; the last stands at the last key.</param>
    /// <param name="k">Keys.</param>
    /// <param name="keyMask">Which keys are real, [B, S] Bool; null means all. A query that sees none gets a row of zeros.</param>
    internal Tensor Pattern(Tensor q, Tensor k, Tensor? keyMask)
    {
        int B = q.Shape[0], T = q.Shape[1], H = q.Shape[2], D = q.Shape[3], S = k.Shape[1], G = k.Shape[2];
        if (IsPlain(S)) return q.CausalAttentionPattern(k, Scale, keyMask);
        Tensor queries = q.Permute(0, 2, 1, 3).Reshape(B, G, H / G, T, D);          // [B, G, H/G, T, D]
        Tensor keys = k.Permute(0, 2, 3, 1).Unsqueeze(2);                           // [B, G, 1, D, S]
        Tensor scores = (queries.MatMul(keys) * Scale).Reshape(B, H, T, S);         // [B, H, T, S]
        if (_softCap != 0) scores = scores.Softcap(_softCap);
        if (_slopes is not null) scores += Slopes(keyMask, T, S, q.DType);
        Tensor hidden = Hidden(T, S, keyMask);                                      // [T, S] or [B, 1, T, S]
        scores = scores.MaskedFill(hidden, double.NegativeInfinity);
        if (Sinks is not null) scores = Tensor.Concat([scores, Sinks.Reshape(1, H, 1, 1).Expand([B, H, T, 1])], 3); // [B, H, T, S + 1]
        Tensor pattern = scores.Softmax();
        if (Sinks is not null) pattern = pattern.Narrow(3, 0, S);                   // rows sum to less than 1
        return keyMask is null ? pattern : pattern.MaskedFill(hidden, 0);           // a row of nothing but masked keys is NaN before this
    }

    // -slope · distance from the query to the key, counted in real tokens. Shapes: -> [1 or B, H, T, S].
    private Tensor Slopes(Tensor? keyMask, int T, int S, DType dtype)
    {
        Tensor slopes = Tensor.From(_slopes!, [1, _slopes!.Length, 1, 1]).To(dtype);
        Tensor positions = keyMask is null ? Tensor.Arange(S, dtype: dtype).Reshape(1, S) : keyMask.To(dtype).CumulativeSum(1); // [1 or B, S]
        Tensor keys = positions.Unsqueeze(1).Unsqueeze(1), queries = positions.Narrow(1, S - T, T).Unsqueeze(1).Unsqueeze(3); // [.., 1, 1, S], [.., 1, T, 1]
        return slopes * (keys - queries);
    }

    private Tensor Hidden(int T, int S, Tensor? keyMask)
    {
        Tensor hidden = Triangles.UpperMask(T, S, S - T + 1);                       // [T, S]: later keys
        if (Window > 0 && S > Window) hidden = Triangles.UpperMask(T, S, S - T - Window + 1).LogicalNot().LogicalOr(hidden); // keys before the window
        if (keyMask is not null) hidden = keyMask.LogicalNot().Reshape(keyMask.Shape[0], 1, 1, S).LogicalOr(hidden); // [B, 1, T, S]
        return hidden;
    }
}

using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Each token gathers information from itself and the tokens before it.</summary>
/// <remarks>
/// softmax(q kᵀ / sqrt(D) + mask) v per head (Vaswani et al. 2017, arXiv:1706.03762, eq. 1). With fewer key-value heads than
/// query heads, query head h uses key-value head h / (H / G) (Ainslie et al. 2023, arXiv:2305.13245). What families do to queries,
/// keys and scores beyond that are parts that a model is put together from.
/// Shapes: x [B, T, C] -> [B, T, C].
/// </remarks>
public sealed class CausalSelfAttention : SelfAttention
{
    private readonly string _name, _pattern;
    private readonly int _block, _headCount, _keyValueHeadCount, _headSize;
    private readonly QueryKeyNorm? _norm;
    private readonly RotaryPositions? _rotary;
    private readonly AttentionScores _scores;
    private readonly double _clip;
    private readonly bool _asIs; // nothing is done to queries and keys

    internal CausalSelfAttention(string name, int block, DecoderConfig config, QueryKeyNorm? norm, RotaryPositions? rotary, AttentionScores scores, DType dtype)
    {
        (_name, _pattern, _block) = (name, name + ".pattern", block);
        (_headCount, _keyValueHeadCount, _headSize) = (config.HeadCount, config.ResolvedKeyValueHeadCount, config.ResolvedHeadSize);
        (_norm, _rotary, _scores, _clip) = (norm, rotary, scores, config.Attention.Clip);
        _asIs = norm is null && rotary is null && _clip == 0;
        QueryKeyValue = new Linear(name + ".query_key_value", config.HiddenSize, (_headCount + 2 * _keyValueHeadCount) * _headSize, config.ResolvedQueryKeyValueBias, dtype);
        Output = new Linear(name + ".output", _headCount * _headSize, config.HiddenSize, config.ResolvedAttentionOutputBias, dtype);
    }

    /// <summary>Queries of all heads, then keys, then values, in one map: [(H + 2 G) D, C].</summary>
    public Linear QueryKeyValue { get; }

    /// <summary>Back to the residual stream: [C, H D].</summary>
    public Linear Output { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. QueryKeyValue.Parameters, .. _norm?.Parameters ?? [], .. _scores.Parameters, .. Output.Parameters];

    internal override Tensor Forward(Tensor x, ForwardSettings settings)
    {
        int B = x.Shape[0], T = x.Shape[1], H = _headCount, G = _keyValueHeadCount, D = _headSize;
        Tensor all = QueryKeyValue.Forward(x).Reshape(B, T, H + 2 * G, D);          // [B, T, H + 2G, D]
        bool fused = settings.Dropout is not { TouchesAttention: true } && settings.KeyMask is null && settings.Tap is null;
        if (fused && _asIs && settings.Cache is null && _scores.IsPlain(T)) return Output.Forward(all.PackedCausalAttention(H, _scores.Scale).Reshape(B, T, H * D));
        Tensor q = all.Narrow(2, 0, H), k = all.Narrow(2, H, G), v = all.Narrow(2, H + G, G);
        if (_norm is not null) (q, k) = _norm.Forward(q, k);
        if (_clip > 0) (q, k, v) = (q.Clamp(-_clip, _clip), k.Clamp(-_clip, _clip), v.Clamp(-_clip, _clip));
        if (_rotary is not null)
        {
            int first = settings.Cache?.Count ?? 0;
            q = _rotary.Apply(q, first, settings.Positions);                        // [B, T, H, D]
            k = _rotary.Apply(k, first, settings.Positions);                        // [B, T, G, D]
        }
        if (settings.Cache is { } cache) (k, v) = cache.Append(_block, k, v);       // [B, S, G, D]

        if (fused && T == 1) (k, v) = _scores.InWindow(k, v);
        Tensor y = fused && _scores.IsPlain(k.Shape[1]) ? q.CausalAttention(k, v, _scores.Scale) : WithPattern(q, k, v, settings); // [B, T, H, D]
        return Output.Forward(y.Reshape(B, T, H * D));                              // [B, T, C]
    }

    // The same with the matrix of weights at hand: for padding, dropout on the weights, those who look at them, and scores that no kernel has.
    private Tensor WithPattern(Tensor q, Tensor k, Tensor v, ForwardSettings settings)
    {
        Tensor pattern = _scores.Pattern(q, k, settings.KeyMask);                   // [B, H, T, S]
        settings.Tap?.Invoke(_pattern, pattern);
        if (settings.Dropout is { } dropout) pattern = dropout.Apply(pattern, _pattern);
        return pattern.AttendTo(v);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{_name}: {_headCount} heads of {_headSize}, {_keyValueHeadCount} for keys and values";
}

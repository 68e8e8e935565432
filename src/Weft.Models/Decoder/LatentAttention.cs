using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Attention whose keys and values are made from one small vector per token.</summary>
/// <remarks>
/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, eq. 9 to 19): c = norm(Wdkv x); k, v = Wukv c per head; the turning part
/// of a key comes straight from x and is shared by all heads; queries may come from a small vector of their own. The cache holds the
/// keys and values of the heads, as transformers' does. Shapes: x [B, T, C] -> [B, T, C].
/// </remarks>
public sealed class LatentAttention : SelfAttention
{
    // The norms within use this whatever the configuration says, in DeepSeek's code and in transformers.
    private const double InnerEpsilon = 1e-6;

    private readonly string _name, _pattern;
    private readonly int _block, _headCount;
    private readonly LatentAttentionConfig _latent;
    private readonly RotaryPositions? _rotary;
    private readonly AttentionScores _scores;

    internal LatentAttention(string name, int block, DecoderConfig config, LatentAttentionConfig latent, RotaryPositions? rotary, AttentionScores scores, DType dtype)
    {
        (_name, _pattern, _block, _headCount, _latent, _rotary, _scores) = (name, name + ".pattern", block, config.HeadCount, latent, rotary, scores);
        int C = config.HiddenSize, H = config.HeadCount;
        bool bias = config.ResolvedQueryKeyValueBias;
        if (latent.QueryRank > 0)
        {
            QueryLatent = new Linear(name + ".query_latent", C, latent.QueryRank, bias, dtype);
            QueryNorm = new RmsNorm(name + ".query_norm", latent.QueryRank, InnerEpsilon, dtype);
        }
        Query = new Linear(name + ".query", latent.QueryRank > 0 ? latent.QueryRank : C, H * latent.HeadSize, bias: false, dtype);
        KeyValueLatent = new Linear(name + ".key_value_latent", C, latent.KeyValueRank + latent.RotarySize, bias, dtype);
        KeyValueNorm = new RmsNorm(name + ".key_value_norm", latent.KeyValueRank, InnerEpsilon, dtype);
        KeyValue = new Linear(name + ".key_value", latent.KeyValueRank, H * (latent.PlainSize + latent.ValueSize), bias: false, dtype);
        Output = new Linear(name + ".output", H * latent.ValueSize, C, config.ResolvedAttentionOutputBias, dtype);
    }

    /// <summary>To the small vector of queries: [Rq, C]; null where queries come from x.</summary>
    public Linear? QueryLatent { get; }

    /// <summary>Normalises it.</summary>
    public RmsNorm? QueryNorm { get; }

    /// <summary>To queries: per head the plain part, then the turning one: [H D, Rq or C].</summary>
    public Linear Query { get; }

    /// <summary>To the small vector of keys and values, then the turning part of the key: [R + Dr, C].</summary>
    public Linear KeyValueLatent { get; }

    /// <summary>Normalises the small vector.</summary>
    public RmsNorm KeyValueNorm { get; }

    /// <summary>To the plain part of keys and the values, head by head: [H (Dp + Dv), R].</summary>
    public Linear KeyValue { get; }

    /// <summary>Back to the residual stream: [C, H Dv].</summary>
    public Linear Output { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
    [
        .. QueryLatent?.Parameters ?? [], .. QueryNorm?.Parameters ?? [], .. Query.Parameters, .. KeyValueLatent.Parameters, .. KeyValueNorm.Parameters, .. KeyValue.Parameters,
        .. _scores.Parameters, .. Output.Parameters,
    ];

    internal override Tensor Forward(Tensor x, ForwardSettings settings)
    {
        int B = x.Shape[0], T = x.Shape[1], H = _headCount, P = _latent.PlainSize, R = _latent.RotarySize, V = _latent.ValueSize, N = _latent.KeyValueRank;
        Tensor q = Query.Forward(QueryLatent is null ? x : QueryNorm!.Forward(QueryLatent.Forward(x))).Reshape(B, T, H, P + R); // [B, T, H, P + R]
        Tensor small = KeyValueLatent.Forward(x);                                   // [B, T, N + R]
        Tensor both = KeyValue.Forward(KeyValueNorm.Forward(small.Narrow(2, 0, N))).Reshape(B, T, H, P + V); // [B, T, H, P + V]
        Tensor turnedQuery = q.Narrow(3, P, R), turnedKey = small.Narrow(2, N, R).Reshape(B, T, 1, R);
        if (_rotary is not null)
        {
            int first = settings.Cache?.Count ?? 0;
            turnedQuery = _rotary.Apply(turnedQuery, first, settings.Positions);    // [B, T, H, R]
            turnedKey = _rotary.Apply(turnedKey, first, settings.Positions);        // [B, T, 1, R]
        }
        q = Tensor.Concat([q.Narrow(3, 0, P), turnedQuery], 3);                     // [B, T, H, P + R]
        Tensor k = Tensor.Concat([both.Narrow(3, 0, P), turnedKey.Expand([B, T, H, R])], 3); // [B, T, H, P + R]
        Tensor v = both.Narrow(3, P, V);                                            // [B, T, H, V]
        if (settings.Cache is { } cache) (k, v) = cache.Append(_block, k, v);       // [B, S, H, ..]

        Tensor pattern = _scores.Pattern(q, k, settings.KeyMask);                   // [B, H, T, S]
        settings.Tap?.Invoke(_pattern, pattern);
        if (settings.Dropout is { } dropout) pattern = dropout.Apply(pattern, _pattern);
        return Output.Forward(pattern.AttendTo(v).Reshape(B, T, H * V));            // [B, T, C]
    }

    /// <inheritdoc/>
    public override string ToString() => $"{_name}: {_headCount} heads of {_latent.HeadSize}, keys and values from {_latent.KeyValueRank}";
}

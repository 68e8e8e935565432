using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.EncoderDecoder;

/// <summary>One transformer layer of an encoder-decoder: attention to its own text, in the decoder attention to what was read, and the feed-forward network.</summary>
/// <remarks>
/// Each part joins the residual stream as norm(x + part(x)) (Vaswani et al. 2017, arXiv:1706.03762) or as x + part(norm(x))
/// (Raffel et al. 2020, arXiv:1910.10683). Shapes: x [B, T, C], memory [B, S, C] -> [B, T, C].
/// </remarks>
public sealed class EncoderDecoderBlock : Layer
{
    private readonly string _name;
    private readonly int _index;
    private readonly EncoderDecoderConfig _config;

    internal EncoderDecoderBlock(string name, int index, EncoderDecoderConfig config, bool decodes, DType dtype)
    {
        (_name, _index, _config) = (name, index, config);
        int heads = decodes ? config.DecoderHeadCount : config.EncoderHeadCount, F = decodes ? config.DecoderFeedForwardSize : config.EncoderFeedForwardSize;
        double? scale = config.ScaleAttention ? null : 1;
        bool bias = !config.RmsNorms;
        Attention = new SequenceAttention(name + ".attention", config.HiddenSize, heads, config.HeadSize, bias, scale, dtype);
        AttentionNorm = EncoderDecoderModel.CreateNorm(name + ".attention_norm", config, dtype);
        if (decodes)
        {
            CrossAttention = new SequenceAttention(name + ".cross_attention", config.HiddenSize, heads, config.HeadSize, bias, scale, dtype);
            CrossAttentionNorm = EncoderDecoderModel.CreateNorm(name + ".cross_attention_norm", config, dtype);
        }
        Gate = config.Gated ? new Linear(name + ".feed_forward.gate", config.HiddenSize, F, bias, dtype) : null;
        Expand = new Linear(name + ".feed_forward.expand", config.HiddenSize, F, bias, dtype);
        Contract = new Linear(name + ".feed_forward.contract", F, config.HiddenSize, bias, dtype);
        FeedForwardNorm = EncoderDecoderModel.CreateNorm(name + ".feed_forward_norm", config, dtype);
    }

    /// <summary>Mixes the tokens of its own text.</summary>
    public SequenceAttention Attention { get; }

    /// <summary>Of that part.</summary>
    public Normalization AttentionNorm { get; }

    /// <summary>Brings in what was read; null in the encoder.</summary>
    public SequenceAttention? CrossAttention { get; }

    /// <summary>Of that part; null in the encoder.</summary>
    public Normalization? CrossAttentionNorm { get; }

    /// <summary>The gate of the feed-forward network: [F, C]; null where there is none.</summary>
    public Linear? Gate { get; }

    /// <summary>To the inner width: [F, C].</summary>
    public Linear Expand { get; }

    /// <summary>Back to the residual stream: [C, F].</summary>
    public Linear Contract { get; }

    /// <summary>Of the feed-forward part.</summary>
    public Normalization FeedForwardNorm { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
    [
        .. Attention.Parameters, .. AttentionNorm.Parameters, .. CrossAttention?.Parameters ?? [], .. CrossAttentionNorm?.Parameters ?? [],
        .. Gate?.Parameters ?? [], .. Expand.Parameters, .. Contract.Parameters, .. FeedForwardNorm.Parameters,
    ];

    internal Tensor Forward(Tensor x, Tensor? hidden, Tensor? bias, Tensor? memory, Tensor? memoryHidden, SequenceSettings settings)
    {
        Dropout? dropout = settings.Dropout;
        Action<string, Tensor>? tap = settings.Tap;
        x = Join(x, AttentionNorm, ".attention.result", dropout, y =>
        {
            (Tensor keys, Tensor values) = Attention.Remember(y);
            if (memory is not null && settings.Cache is { } cache) (keys, values) = cache.Append(_index, keys, values);
            return Attention.Forward(y, keys, values, hidden, bias, dropout, tap);
        });
        if (CrossAttention is not null)
        {
            x = Join(x, CrossAttentionNorm!, ".cross_attention.result", dropout, y =>
            {
                (Tensor keys, Tensor values) = settings.Cache?.OfMemory(_index, () => CrossAttention.Remember(memory!)) ?? CrossAttention.Remember(memory!);
                return CrossAttention.Forward(y, keys, values, memoryHidden, dropout: dropout, tap: tap);
            });
        }
        x = Join(x, FeedForwardNorm, ".feed_forward.result", dropout, y =>
        {
            Tensor inner = _config.Activation.Apply((Gate ?? Expand).Forward(y));    // [B, T, F]
            if (Gate is not null) inner *= Expand.Forward(y);
            return Contract.Forward(inner);                                         // [B, T, C]
        });
        tap?.Invoke(_name + ".residual", x);
        return x;
    }

    private Tensor Join(Tensor x, Normalization norm, string site, Dropout? dropout, Func<Tensor, Tensor> part)
    {
        Tensor y = part(_config.NormalizesBefore ? norm.Forward(x) : x);
        if (dropout is not null) y = dropout.Apply(y, _name + site);
        return _config.NormalizesBefore ? x + y : norm.Forward(x + y);
    }
}

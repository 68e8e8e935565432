using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Encoder;

/// <summary>One transformer layer of an encoder: attention, then the feed-forward network, each added and then normalised.</summary>
/// <remarks>x = norm(x + attention(x)); x = norm(x + feed_forward(x)), the post-norm form of Vaswani et al. 2017. Shapes: [B, T, C] -> [B, T, C].</remarks>
public sealed class EncoderBlock : Layer
{
    private readonly ActivationKind _activation;

    internal EncoderBlock(string name, EncoderConfig config, DType dtype)
    {
        _activation = config.Activation;
        Attention = new SequenceAttention(name + ".attention", config.HiddenSize, config.HeadCount, dtype: dtype);
        AttentionNorm = new LayerNorm(name + ".attention_norm", config.HiddenSize, config.NormalizationEpsilon, bias: true, dtype);
        Expand = new Linear(name + ".feed_forward.expand", config.HiddenSize, config.FeedForwardSize, bias: true, dtype);
        Contract = new Linear(name + ".feed_forward.contract", config.FeedForwardSize, config.HiddenSize, bias: true, dtype);
        FeedForwardNorm = new LayerNorm(name + ".feed_forward_norm", config.HiddenSize, config.NormalizationEpsilon, bias: true, dtype);
    }

    /// <summary>Mixes tokens.</summary>
    public SequenceAttention Attention { get; }

    /// <summary>After attention.</summary>
    public LayerNorm AttentionNorm { get; }

    /// <summary>To the inner width: [F, C].</summary>
    public Linear Expand { get; }

    /// <summary>Back to the residual stream: [C, F].</summary>
    public Linear Contract { get; }

    /// <summary>After the feed-forward network.</summary>
    public LayerNorm FeedForwardNorm { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Attention.Parameters, .. AttentionNorm.Parameters, .. Expand.Parameters, .. Contract.Parameters, .. FeedForwardNorm.Parameters];

    // The site is the block's place in the network, which differs from its weights' name where weights are shared.
    internal Tensor Forward(Tensor x, Tensor? hidden, EncoderSettings settings, string site)
    {
        Dropout? dropout = settings.Dropout;
        Action<string, Tensor>? tap = settings.Tap is { } listener ? (_, pattern) => listener(site + ".attention.pattern", pattern) : null;
        (Tensor keys, Tensor values) = Attention.Remember(x);
        Tensor a = Attention.Forward(x, keys, values, hidden, dropout: dropout, tap: tap); // [B, T, C]
        if (dropout is not null) a = dropout.Apply(a, site + ".attention.result");
        x = AttentionNorm.Forward(x + a);
        Tensor f = Contract.Forward(_activation.After(Expand, x));                  // [B, T, C]
        if (dropout is not null) f = dropout.Apply(f, site + ".feed_forward.result");
        x = FeedForwardNorm.Forward(x + f);
        settings.Tap?.Invoke(site + ".residual", x);
        return x;
    }
}

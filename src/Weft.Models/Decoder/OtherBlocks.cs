using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Normalisation after each sum: x = norm(x + attention x); x = norm(x + feed_forward x) (Vaswani et al. 2017, section 5.4; OPT-350m).</summary>
internal sealed class PostNormBlock(string name, double multiplier, SelfAttention attention, Normalization attentionNorm, FeedForwardLayer feedForward, Normalization feedForwardNorm)
    : DecoderBlock(name, multiplier, attention, feedForward)
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Attention.Parameters, .. attentionNorm.Parameters, .. FeedForward.Parameters, .. feedForwardNorm.Parameters];

    private protected override Tensor Compute(Tensor x, ForwardSettings settings)
    {
        x = attentionNorm.Forward(x + Attend(x, settings));                         // [B, T, C]
        return feedForwardNorm.Forward(x + Feed(x, settings));                      // [B, T, C]
    }
}

/// <summary>Normalisation of what is added: x += norm(attention x); x += norm(feed_forward x) (OLMo 2, arXiv:2501.00656, section 3.1).</summary>
internal sealed class OutputNormBlock(string name, double multiplier, SelfAttention attention, Normalization attentionNorm, FeedForwardLayer feedForward, Normalization feedForwardNorm)
    : DecoderBlock(name, multiplier, attention, feedForward)
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Attention.Parameters, .. attentionNorm.Parameters, .. FeedForward.Parameters, .. feedForwardNorm.Parameters];

    private protected override Tensor Compute(Tensor x, ForwardSettings settings)
    {
        x += attentionNorm.Forward(Attend(x, settings));                            // [B, T, C]
        return x + feedForwardNorm.Forward(Feed(x, settings));                      // [B, T, C]
    }
}

/// <summary>Normalisation on both sides: x += norm(attention(norm x)); x += norm(feed_forward(norm x)) (Gemma 2, arXiv:2408.00118, section 2).</summary>
internal sealed class SandwichBlock(string name, double multiplier, Normalization attentionNorm, SelfAttention attention, Normalization attentionOutputNorm,
    Normalization feedForwardNorm, FeedForwardLayer feedForward, Normalization feedForwardOutputNorm) : DecoderBlock(name, multiplier, attention, feedForward)
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
    [
        .. attentionNorm.Parameters, .. Attention.Parameters, .. attentionOutputNorm.Parameters, .. feedForwardNorm.Parameters, .. FeedForward.Parameters, .. feedForwardOutputNorm.Parameters,
    ];

    private protected override Tensor Compute(Tensor x, ForwardSettings settings)
    {
        x += attentionOutputNorm.Forward(Attend(attentionNorm.Forward(x), settings)); // [B, T, C]
        return x + feedForwardOutputNorm.Forward(Feed(feedForwardNorm.Forward(x), settings)); // [B, T, C]
    }
}

/// <summary>Both at once: x += attention(norm₁ x) + feed_forward(norm₂ x) (GPT-NeoX, arXiv:2204.06745, section 2.1); with one norm for both, as in Phi, the second is null.</summary>
internal sealed class ParallelBlock(string name, double multiplier, Normalization attentionNorm, SelfAttention attention, Normalization? feedForwardNorm, FeedForwardLayer feedForward)
    : DecoderBlock(name, multiplier, attention, feedForward)
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. attentionNorm.Parameters, .. Attention.Parameters, .. feedForwardNorm?.Parameters ?? [], .. FeedForward.Parameters];

    private protected override Tensor Compute(Tensor x, ForwardSettings settings)
    {
        Tensor n = attentionNorm.Forward(x);                                        // [B, T, C]
        return x + Attend(n, settings) + Feed(feedForwardNorm?.Forward(x) ?? n, settings); // [B, T, C]
    }
}

/// <summary>The stream itself is normalised: n = norm x; x = n + attention n; m = norm x; x = m + feed_forward m (Bloom's apply_residual_connection_post_layernorm).</summary>
internal sealed class NormedResidualBlock(string name, double multiplier, Normalization attentionNorm, SelfAttention attention, Normalization feedForwardNorm, FeedForwardLayer feedForward)
    : DecoderBlock(name, multiplier, attention, feedForward)
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. attentionNorm.Parameters, .. Attention.Parameters, .. feedForwardNorm.Parameters, .. FeedForward.Parameters];

    private protected override Tensor Compute(Tensor x, ForwardSettings settings)
    {
        x = attentionNorm.Forward(x);                                               // [B, T, C]
        x = feedForwardNorm.Forward(x + Attend(x, settings));                       // [B, T, C]
        return x + Feed(x, settings);                                               // [B, T, C]
    }
}

using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Where a transformer layer normalizes.</summary>
public enum NormalizationPlacement
{
    /// <summary>norm(x + f(x)): the form of 2017 (Vaswani et al., arXiv:1706.03762).</summary>
    After,

    /// <summary>x + f(norm(x)): deep stacks train without a warmup (Xiong et al. 2020, arXiv:2002.04745).</summary>
    Before,
}

/// <summary>What the two transformer layers share: the feed-forward part, and how a part joins the residual stream.</summary>
public abstract class TransformerLayer : Layer
{
    private readonly Func<Tensor, Tensor> _activation;
    private readonly NormalizationPlacement _placement;
    private readonly string _name;

    private protected TransformerLayer(string name, int size, int feedForwardSize, Func<Tensor, Tensor>? activation, NormalizationPlacement placement, double epsilon, bool bias, DType dtype)
    {
        (_name, _activation, _placement) = (name, activation ?? (static x => x.Relu()), placement);
        Expand = new Linear(name + ".feed_forward.expand", size, feedForwardSize, bias, dtype);
        Contract = new Linear(name + ".feed_forward.contract", feedForwardSize, size, bias, dtype);
        FeedForwardNorm = new LayerNorm(name + ".feed_forward_norm", size, epsilon, bias, dtype);
    }

    /// <summary>To the inner width: [F, C].</summary>
    public Linear Expand { get; }

    /// <summary>Back to the residual stream: [C, F].</summary>
    public Linear Contract { get; }

    /// <summary>Of the feed-forward part.</summary>
    public LayerNorm FeedForwardNorm { get; }

    // x + part(x), normalized before or after.
    private protected Tensor Join(Tensor x, Func<Tensor, Tensor> part, LayerNorm norm, string site, Dropout? dropout)
    {
        Tensor y = part(_placement == NormalizationPlacement.Before ? norm.Forward(x) : x);
        if (dropout is not null) y = dropout.Apply(y, _name + site);
        return _placement == NormalizationPlacement.Before ? x + y : norm.Forward(x + y);
    }

    private protected Tensor FeedForward(Tensor x, Dropout? dropout)
    {
        Tensor inner = _activation(Expand.Forward(x));                              // [B, T, F]
        if (dropout is not null) inner = dropout.Apply(inner, _name + ".feed_forward.inner");
        return Contract.Forward(inner);                                             // [B, T, C]
    }

    private protected static void Draw(RandomGenerator generator, params ReadOnlySpan<Linear> maps)
    {
        foreach (Linear map in maps) Initializers.AffineDefault(map.Weight, map.Bias, generator);
    }
}

/// <summary>A layer that reads: self-attention, then a feed-forward network for each token.</summary>
/// <remarks>Shapes: [B, T, C] -> [B, T, C]. Masks say true where a query may see a key. Where dropout is given it acts on the pattern, on both parts' results and inside the feed-forward part.</remarks>
public sealed class TransformerEncoderLayer : TransformerLayer
{
    /// <summary>Makes the layer with zero weights; initialise or load them next.</summary>
    /// <param name="name">What the parameters' names begin with.</param>
    /// <param name="size">C.</param>
    /// <param name="headCount">H, which divides C.</param>
    /// <param name="feedForwardSize">F.</param>
    /// <param name="activation">Inside the feed-forward network; null for ReLU.</param>
    /// <param name="placement">Where it normalizes.</param>
    /// <param name="epsilon">Of the normalizations.</param>
    /// <param name="bias">Whether maps and normalizations have offsets.</param>
    /// <param name="dtype">The element type.</param>
    public TransformerEncoderLayer(string name, int size, int headCount, int feedForwardSize, Func<Tensor, Tensor>? activation = null,
        NormalizationPlacement placement = NormalizationPlacement.After, double epsilon = 1e-5, bool bias = true, DType dtype = DType.Float32)
        : base(name, size, feedForwardSize, activation, placement, epsilon, bias, dtype)
    {
        Attention = new MultiHeadAttention(name + ".attention", size, headCount, bias, dtype: dtype);
        AttentionNorm = new LayerNorm(name + ".attention_norm", size, epsilon, bias, dtype);
    }

    /// <summary>Mixes tokens.</summary>
    public MultiHeadAttention Attention { get; }

    /// <summary>Of the attention.</summary>
    public LayerNorm AttentionNorm { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
        [.. Attention.Parameters, .. AttentionNorm.Parameters, .. Expand.Parameters, .. Contract.Parameters, .. FeedForwardNorm.Parameters];

    /// <summary>Draws first weights as PyTorch's module does.</summary>
    public TransformerEncoderLayer Initialize(RandomGenerator generator)
    {
        Attention.Initialize(generator);
        Draw(generator, Expand, Contract);
        return this;
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, T, C].</param>
    /// <param name="mask">Broadcasts to [B, H, T, T]; Bool, or real and added.</param>
    /// <param name="keyMask">[B, T] Bool: which tokens are real; null means all.</param>
    /// <param name="causal">Token i sees the tokens 0..i.</param>
    /// <param name="dropout">Null for none.</param>
    public Tensor Forward(Tensor x, Tensor? mask = null, Tensor? keyMask = null, bool causal = false, Dropout? dropout = null)
    {
        x = Join(x, y => Attention.Forward(y, mask: mask, keyMask: keyMask, causal: causal, dropout: dropout), AttentionNorm, ".attention.result", dropout);
        return Join(x, y => FeedForward(y, dropout), FeedForwardNorm, ".feed_forward.result", dropout);
    }
}

/// <summary>A layer that writes: self-attention, attention to what an encoder read, then a feed-forward network for each token.</summary>
/// <remarks>Shapes: x [B, T, C] and memory [B, S, C] -> [B, T, C]. Masks say true where a query may see a key.</remarks>
public sealed class TransformerDecoderLayer : TransformerLayer
{
    /// <inheritdoc cref="TransformerEncoderLayer(string, int, int, int, Func{Tensor, Tensor}, NormalizationPlacement, double, bool, DType)"/>
    public TransformerDecoderLayer(string name, int size, int headCount, int feedForwardSize, Func<Tensor, Tensor>? activation = null,
        NormalizationPlacement placement = NormalizationPlacement.After, double epsilon = 1e-5, bool bias = true, DType dtype = DType.Float32)
        : base(name, size, feedForwardSize, activation, placement, epsilon, bias, dtype)
    {
        SelfAttention = new MultiHeadAttention(name + ".self_attention", size, headCount, bias, dtype: dtype);
        CrossAttention = new MultiHeadAttention(name + ".cross_attention", size, headCount, bias, dtype: dtype);
        SelfAttentionNorm = new LayerNorm(name + ".self_attention_norm", size, epsilon, bias, dtype);
        CrossAttentionNorm = new LayerNorm(name + ".cross_attention_norm", size, epsilon, bias, dtype);
    }

    /// <summary>Mixes the tokens written so far.</summary>
    public MultiHeadAttention SelfAttention { get; }

    /// <summary>Draws from the memory.</summary>
    public MultiHeadAttention CrossAttention { get; }

    /// <summary>Of the self-attention.</summary>
    public LayerNorm SelfAttentionNorm { get; }

    /// <summary>Of the attention to the memory.</summary>
    public LayerNorm CrossAttentionNorm { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
    [
        .. SelfAttention.Parameters, .. SelfAttentionNorm.Parameters, .. CrossAttention.Parameters, .. CrossAttentionNorm.Parameters,
        .. Expand.Parameters, .. Contract.Parameters, .. FeedForwardNorm.Parameters,
    ];

    /// <summary>Draws first weights as PyTorch's module does.</summary>
    public TransformerDecoderLayer Initialize(RandomGenerator generator)
    {
        SelfAttention.Initialize(generator);
        CrossAttention.Initialize(generator);
        Draw(generator, Expand, Contract);
        return this;
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, T, C].</param>
    /// <param name="memory">What an encoder made of the source, [B, S, C].</param>
    /// <param name="mask">Broadcasts to [B, H, T, T]; Bool, or real and added.</param>
    /// <param name="memoryMask">Broadcasts to [B, H, T, S].</param>
    /// <param name="keyMask">[B, T] Bool: which tokens are real; null means all.</param>
    /// <param name="memoryKeyMask">[B, S] Bool: which places of the memory are real; null means all.</param>
    /// <param name="causal">Token i sees the tokens 0..i.</param>
    /// <param name="dropout">Null for none.</param>
    public Tensor Forward(Tensor x, Tensor memory, Tensor? mask = null, Tensor? memoryMask = null, Tensor? keyMask = null, Tensor? memoryKeyMask = null, bool causal = false, Dropout? dropout = null)
    {
        x = Join(x, y => SelfAttention.Forward(y, mask: mask, keyMask: keyMask, causal: causal, dropout: dropout), SelfAttentionNorm, ".self_attention.result", dropout);
        x = Join(x, y => CrossAttention.Forward(y, memory, mask: memoryMask, keyMask: memoryKeyMask, dropout: dropout), CrossAttentionNorm, ".cross_attention.result", dropout);
        return Join(x, y => FeedForward(y, dropout), FeedForwardNorm, ".feed_forward.result", dropout);
    }
}

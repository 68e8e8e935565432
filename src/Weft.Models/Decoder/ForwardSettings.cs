using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Looks at activations as they are computed.</summary>
/// <param name="site">The activation's name, such as <c>blocks.5.attention.pattern</c>.</param>
/// <param name="value">The activation.</param>
public delegate void ActivationTap(string site, Tensor value);

/// <summary>What a forward pass does besides computing logits. A model that is given none simply computes them.</summary>
public sealed class ForwardSettings
{
    /// <summary>Keys and values of earlier tokens; the new tokens are appended. Null computes everything anew.</summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>The source of dropout masks; null outside training.</summary>
    public Dropout? Dropout { get; init; }

    /// <summary>Whether blocks compute their activations again in the backward pass instead of keeping them. Without effect where a cache or a tap is in use.</summary>
    public bool CheckpointActivations { get; init; }

    /// <summary>Called with each named activation; null costs nothing.</summary>
    public ActivationTap? Tap { get; init; }

    /// <summary>The position of each token, [B, T] Int32; null counts from the cache's length.</summary>
    public Tensor? Positions { get; init; }

    /// <summary>Which keys are real tokens, [B, S] Bool, S with the cached ones; null means all.</summary>
    public Tensor? KeyMask { get; init; }

    /// <summary>Receives the router's logits, [N, E], of each block with experts, in order; they carry gradients. Null costs nothing.</summary>
    public IList<Tensor>? RouterLogits { get; init; }
}

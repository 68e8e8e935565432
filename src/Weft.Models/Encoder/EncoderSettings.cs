using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Encoder;

/// <summary>What an encoder's forward pass takes besides token ids.</summary>
public sealed class EncoderSettings
{
    /// <summary>Which of two texts a token belongs to, [B, T] Int32; null means the first.</summary>
    public Tensor? TokenTypes { get; init; }

    /// <summary>Which tokens are real, [B, T] Bool; null means all.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>The source of dropout masks; null outside training.</summary>
    public Dropout? Dropout { get; init; }

    /// <summary>Called with each named activation, such as <c>blocks.0.attention.pattern</c>; null costs nothing.</summary>
    public Action<string, Tensor>? Tap { get; init; }
}

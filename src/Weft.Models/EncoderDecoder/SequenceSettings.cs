using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.EncoderDecoder;

/// <summary>What the forward pass of an encoder-decoder takes besides token ids.</summary>
public sealed class SequenceSettings
{
    /// <summary>Which tokens of the text that is read are real, [B, S] Bool; null means all.</summary>
    public Tensor? SourceMask { get; init; }

    /// <summary>Which tokens of the text that is written are real, [B, T] Bool, T with the cached ones; null means all.</summary>
    public Tensor? TargetMask { get; init; }

    /// <summary>Keys and values of the tokens written before; null computes everything anew.</summary>
    public EncoderDecoderCache? Cache { get; init; }

    /// <summary>The source of dropout masks; null outside training.</summary>
    public Dropout? Dropout { get; init; }

    /// <summary>Called with each named activation, such as <c>decoder.blocks.0.cross_attention.pattern</c>; null costs nothing.</summary>
    public Action<string, Tensor>? Tap { get; init; }
}

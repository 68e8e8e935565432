using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>The part of a block that mixes tokens.</summary>
public abstract class SelfAttention : Layer
{
    /// <summary>Shapes: x [B, T, C] -> [B, T, C].</summary>
    internal abstract Tensor Forward(Tensor x, ForwardSettings settings);
}

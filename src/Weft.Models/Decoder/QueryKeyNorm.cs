using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Normalises queries and keys before they meet, so that scores cannot grow without bound.</summary>
/// <remarks>Over each head (Henry et al. 2020, arXiv:2010.04245) or over all heads of a token (OLMo 2, arXiv:2501.00656). Shapes stay.</remarks>
internal sealed class QueryKeyNorm(bool whole, Normalization query, Normalization key) : Layer
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. query.Parameters, .. key.Parameters];

    /// <summary>Shapes: q [B, T, H, D], k [B, T, G, D].</summary>
    internal (Tensor Query, Tensor Key) Forward(Tensor q, Tensor k) =>
        whole ? (query.Forward(q.Flatten(2)).Reshape(q.Shape), key.Forward(k.Flatten(2)).Reshape(k.Shape)) : (query.Forward(q), key.Forward(k));
}

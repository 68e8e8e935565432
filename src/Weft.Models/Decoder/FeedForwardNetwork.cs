using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>What a block computes for each token on its own.</summary>
/// <remarks>Plain: W₂ gelu(W₁ x). Gated: W₂ (silu(Wg x) · Wu x), with Wg and Wu in one map. Shapes: x [B, T, C] -> [B, T, C].</remarks>
public sealed class FeedForwardNetwork : Layer
{
    private readonly FeedForwardKind _kind;

    internal FeedForwardNetwork(string name, DecoderConfig config, DType dtype)
    {
        _kind = config.FeedForward;
        int width = config.ResolvedFeedForwardSize;
        Expand = new Linear(name + ".expand", config.HiddenSize, _kind == FeedForwardKind.SwiGlu ? 2 * width : width, config.LinearBias, dtype);
        Contract = new Linear(name + ".contract", width, config.HiddenSize, config.LinearBias, dtype);
    }

    /// <summary>To the inner width: [F, C]; with a gate, the gate's rows and then the others: [2 F, C].</summary>
    public Linear Expand { get; }

    /// <summary>Back to the residual stream: [C, F].</summary>
    public Linear Contract { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Expand.Parameters, .. Contract.Parameters];

    internal Tensor Forward(Tensor x)
    {
        Tensor inner = Expand.Forward(x);                                           // [B, T, F] or [B, T, 2F]
        inner = _kind switch
        {
            FeedForwardKind.Gelu => inner.Gelu(),
            FeedForwardKind.GeluTanh => inner.GeluTanh(),
            _ => inner.SwiGlu(),
        };                                                                          // [B, T, F]
        return Contract.Forward(inner);                                             // [B, T, C]
    }
}

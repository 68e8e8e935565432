using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>The part of a block that works on each token by itself.</summary>
public abstract class FeedForwardLayer : Layer
{
    /// <summary>Shapes: x [B, T, C] -> [B, T, C].</summary>
    internal abstract Tensor Forward(Tensor x, ForwardSettings settings);
}

/// <summary>What a block computes for each token on its own.</summary>
/// <remarks>Plain: W₂ f(W₁ x). Gated: W₂ (f(Wg x) · Wu x), with Wg and Wu in one map. Shapes: x [B, T, C] -> [B, T, C].</remarks>
public sealed class FeedForwardNetwork : FeedForwardLayer
{
    private readonly bool _gated;
    private readonly ActivationKind _activation;

    internal FeedForwardNetwork(string name, DecoderConfig config, int width, DType dtype)
    {
        (_gated, _activation) = (config.IsGated, config.ResolvedActivation);
        bool bias = config.ResolvedFeedForwardBias;
        Expand = new Linear(name + ".expand", config.HiddenSize, _gated ? 2 * width : width, bias, dtype);
        Contract = new Linear(name + ".contract", width, config.HiddenSize, bias, dtype);
    }

    /// <summary>To the inner width: [F, C]; with a gate, the gate's rows and then the others: [2 F, C].</summary>
    public Linear Expand { get; }

    /// <summary>Back to the residual stream: [C, F].</summary>
    public Linear Contract { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Expand.Parameters, .. Contract.Parameters];

    internal override Tensor Forward(Tensor x, ForwardSettings settings)
    {
        Tensor inner = _gated ? Gate(Expand.Forward(x), _activation) : _activation.After(Expand, x); // [B, T, F]
        return Contract.Forward(inner);                                             // [B, T, C]
    }

    /// <summary>f(gate) · up. Shapes: x [.., 2F], the gate first -> [.., F].</summary>
    internal static Tensor Gate(Tensor x, ActivationKind activation)
    {
        if (activation == ActivationKind.Silu) return x.SwiGlu();                   // one pass
        int F = x.Shape[^1] / 2;
        return activation.Apply(x.Narrow(x.Rank - 1, 0, F)) * x.Narrow(x.Rank - 1, F, F);
    }
}

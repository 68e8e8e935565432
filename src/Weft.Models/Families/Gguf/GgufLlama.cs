using Weft.Models.Decoder;

namespace Weft.Models.Families.Gguf;

/// <summary>Llama and what has its layers. Rows of queries and keys are in llama.cpp's order, with rotary pairs side by side.</summary>
public sealed class GgufLlama : GgufLlamaLayout
{
    /// <inheritdoc/>
    public override string Architecture => "llama";

    private protected override bool HasNeighbourPairs => true;

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) => new LlamaFamily().CanExpress(config)
        && config is { RotaryScaling: null, ResolvedQueryKeyValueBias: false, ResolvedFeedForwardBias: false, ResolvedActivation: Layers.ActivationKind.Silu };
}

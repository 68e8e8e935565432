using Weft.Models.Decoder;

namespace Weft.Models.Families.Gguf;

/// <summary>Qwen 2 and 2.5: Llama with offsets on queries, keys and values, in the order of the checkpoints.</summary>
public sealed class GgufQwen2 : GgufLlamaLayout
{
    /// <inheritdoc/>
    public override string Architecture => "qwen2";

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) => new Qwen2Family().CanExpress(config)
        && config is { RotaryScaling: null, Windows: null, ResolvedActivation: Layers.ActivationKind.Silu };

    private protected override DecoderConfig Complete(DecoderConfig common) => common with { Attention = new AttentionConfig { QueryKeyValueBias = true, OutputBias = false } };
}

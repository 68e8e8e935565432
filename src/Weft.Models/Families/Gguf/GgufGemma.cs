using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families.Gguf;

/// <summary>Gemma: token vectors times sqrt(C), a GELU gate, one matrix for both ends. The file has added 1 to the gains, which a checkpoint stores as differences from 1.</summary>
public sealed class GgufGemma : GgufLlamaLayout
{
    /// <inheritdoc/>
    public override string Architecture => "gemma";

    private protected override float AddedToGains => 1;

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) => new GemmaFamily().CanExpress(config)
        && config is { RotaryScaling: null, ResolvedQueryKeyValueBias: false, TieEmbeddings: true, ResolvedActivation: ActivationKind.GeluTanh };

    private protected override DecoderConfig Complete(DecoderConfig common) => common with
    {
        Normalization = NormalizationKind.RmsNormPlusOne,
        EmbeddingMultiplier = Math.Sqrt(common.HiddenSize),
        FeedForward = FeedForwardKind.Gated,
        Activation = ActivationKind.GeluTanh,
    };
}

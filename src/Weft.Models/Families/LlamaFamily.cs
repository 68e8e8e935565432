using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Llama and what has its layout (Touvron et al. 2023, arXiv:2302.13971): rotary positions, RMS norm, SwiGLU, grouped queries.</summary>
public sealed class LlamaFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "llama";

    /// <inheritdoc/>
    public override string Architecture => "LlamaForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "LlamaForSequenceClassification";

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) =>
        common with { LinearBias = reader.Flag("attention_bias", false), FeedForwardBias = reader.Flag("mlp_bias", false) };

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("mlp_bias", config.ResolvedFeedForwardBias);
        writer.Add("pretraining_tp", 1);
    }
}

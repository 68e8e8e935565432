using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Granite 3 (IBM): Llama with multipliers on token vectors, scores and what is added to the stream, and a divisor of the logits.</summary>
public sealed class GraniteFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "granite";

    /// <inheritdoc/>
    public override string Architecture => "GraniteForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "GraniteForSequenceClassification";

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) => common with
    {
        LinearBias = reader.Flag("attention_bias", false),
        FeedForwardBias = reader.Flag("mlp_bias", false),
        EmbeddingMultiplier = reader.Number("embedding_multiplier", 1),
        ResidualMultiplier = reader.Number("residual_multiplier", 1),
        LogitsDivisor = reader.Number("logits_scaling", 1),
        Attention = new AttentionConfig { Scale = reader.Number("attention_multiplier", 1) },
    };

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("mlp_bias", config.ResolvedFeedForwardBias);
        writer.Add("embedding_multiplier", config.EmbeddingMultiplier);
        writer.Add("residual_multiplier", config.ResidualMultiplier);
        writer.Add("logits_scaling", config.LogitsDivisor);
        writer.Add("attention_multiplier", config.Attention.Scale ?? 1 / Math.Sqrt(config.ResolvedHeadSize));
    }
}

using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>OLMo 2 (arXiv:2501.00656): normalisation of what a part adds instead of what it reads, and of queries and keys over all heads.</summary>
public sealed class Olmo2Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "olmo2";

    /// <inheritdoc/>
    public override string Architecture => "Olmo2ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Olmo2ForSequenceClassification";

    private protected override Defaults Missing => new() { Epsilon = 1e-5 };

    private protected override (string Ours, string Theirs)[] BlockNorms => [("attention_norm", "post_attention_layernorm"), ("feed_forward_norm", "post_feedforward_layernorm")];

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) => common with
    {
        LinearBias = reader.Flag("attention_bias", false),
        FeedForwardBias = false,
        Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Whole },
        Order = BlockOrder.NormOfOutput,
    };

    private protected override void Write(ConfigWriter writer, DecoderConfig config) => writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
}

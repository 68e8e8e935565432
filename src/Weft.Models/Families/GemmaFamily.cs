using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Gemma (arXiv:2403.08295): token vectors times sqrt(C), gains stored as differences from 1, a GELU gate.</summary>
public sealed class GemmaFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "gemma";

    /// <inheritdoc/>
    public override string Architecture => "GemmaForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "GemmaForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 8192, KeyValueHeadCount = 16, HeadSize = 256, TieEmbeddings = true, Activation = "gelu_pytorch_tanh" };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) => Common(reader, common);

    // Files from before the mistake was seen say "gelu" and mean the tanh form, which "hidden_activation" then says.
    private protected override string ReadActivation(ConfigReader reader)
    {
        string? named = reader.Text(ActivationKey);
        return reader.Text("hidden_activation") ?? named ?? Missing.Activation;
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config) => writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);

    /// <summary>What all Gemmas do.</summary>
    internal static DecoderConfig Common(ConfigReader reader, DecoderConfig common)
    {
        if (reader.Flag("use_bidirectional_attention", false)) throw reader.Unsupported("use_bidirectional_attention", "true");
        return common with
        {
            LinearBias = reader.Flag("attention_bias", false),
            FeedForwardBias = false,
            Normalization = NormalizationKind.RmsNormPlusOne,
            EmbeddingMultiplier = Math.Sqrt(common.HiddenSize),
        };
    }
}

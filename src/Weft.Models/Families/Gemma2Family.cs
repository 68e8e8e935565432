using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Gemma 2 (arXiv:2408.00118): caps on scores and logits, a window in every other block, normalisation on both sides of each part.</summary>
public sealed class Gemma2Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "gemma2";

    /// <inheritdoc/>
    public override string Architecture => "Gemma2ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Gemma2ForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 8192, KeyValueHeadCount = 4, HeadSize = 256, TieEmbeddings = true, Activation = "gelu_pytorch_tanh" };

    private protected override string ActivationKey => "hidden_activation";

    private protected override (string Ours, string Theirs)[] BlockNorms => SandwichNorms;

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        int? window = reader.Has("sliding_window") ? reader.Integer("sliding_window") : 4096;
        reader.Ignore("hidden_act", "cache_implementation");
        return GemmaFamily.Common(reader, common) with
        {
            Order = BlockOrder.Sandwich,
            Windows = Windows(SlidingLayers(reader, common.BlockCount, static l => l % 2 == 0), window),
            LogitsSoftCap = reader.Has("final_logit_softcapping") ? reader.Number("final_logit_softcapping", 0) : 30,
            Attention = new AttentionConfig
            {
                Scale = Math.Pow(reader.Number("query_pre_attn_scalar", 256), -0.5),
                SoftCap = reader.Has("attn_logit_softcapping") ? reader.Number("attn_logit_softcapping", 0) : 50,
            },
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config) => WriteCapped(writer, config);

    internal static (string Ours, string Theirs)[] SandwichNorms =>
    [
        ("attention_norm", "input_layernorm"), ("attention_output_norm", "post_attention_layernorm"),
        ("feed_forward_norm", "pre_feedforward_layernorm"), ("feed_forward_output_norm", "post_feedforward_layernorm"),
    ];

    /// <summary>Writes what Gemma 2 and 3 share.</summary>
    internal static void WriteCapped(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("attn_logit_softcapping", config.Attention.SoftCap == 0 ? (double?)null : config.Attention.SoftCap);
        writer.Add("final_logit_softcapping", config.LogitsSoftCap == 0 ? (double?)null : config.LogitsSoftCap);
        writer.Add("query_pre_attn_scalar", Scalar(config.Attention.Scale ?? 1 / Math.Sqrt(config.ResolvedHeadSize)));
        writer.Add("sliding_window", OneWindow(config));
        WriteLayerTypes(writer, config);
    }

    // The number whose power of -0.5 is the scale, to the bit: a whole one if there is one, or one near 1 / scale².
    private static double Scalar(double scale)
    {
        double scalar = 1 / (scale * scale), whole = Math.Round(scalar);
        if (Math.Pow(whole, -0.5) == scale) return whole;
        for (int step = 0; step < 8; step++)
        {
            double above = scalar, below = scalar;
            for (int i = 0; i < step; i++) (above, below) = (Math.BitIncrement(above), Math.BitDecrement(below));
            if (Math.Pow(above, -0.5) == scale) return above;
            if (Math.Pow(below, -0.5) == scale) return below;
        }
        return scalar;
    }
}

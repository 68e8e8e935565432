using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>Bloom (arXiv:2211.05100): ALiBi instead of positions, and normalised token vectors.</summary>
public sealed class BloomFamily : DecoderFamily
{
    // The files do not say how long texts may be; Bloom was trained on this many tokens.
    private const int TrainedContext = 2048;

    /// <inheritdoc/>
    public override string ModelType => "bloom";

    /// <inheritdoc/>
    public override string Architecture => "BloomForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "BloomForSequenceClassification";

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader)
    {
        // Training, and ways to compute the same.
        reader.Ignore("hidden_dropout", "attention_dropout", "slow_but_exact", "attention_softmax_in_fp32", "masked_softmax_fusion", "bias_dropout_fusion", "unk_token_id", "offset_alibi",
            "skip_bias_add", "skip_bias_add_qkv", "gradient_checkpointing");
        return new DecoderConfig
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("seq_length", TrainedContext)!.Value,
            HiddenSize = reader.Integer("hidden_size") ?? reader.Integer("n_embed") ?? reader.RequiredInteger("hidden_size"),
            BlockCount = reader.Integer("n_layer") ?? reader.RequiredInteger("num_hidden_layers"),
            HeadCount = reader.Integer("n_head") ?? reader.Integer("num_attention_heads") ?? reader.RequiredInteger("n_head"),
            NormalizationEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            InitializerRange = reader.Number("initializer_range", 0.02),
            Positions = PositionScheme.Alibi,
            EmbeddingNorm = true,
            FeedForward = FeedForwardKind.Plain,
            Activation = ActivationKind.GeluTanhRounded,
            Order = reader.Flag("apply_residual_connection_post_layernorm", false) ? BlockOrder.NormedResidual : BlockOrder.NormBefore,
            TieEmbeddings = reader.Flag("tie_word_embeddings", true),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("apply_residual_connection_post_layernorm", config.Order == BlockOrder.NormedResidual);
        writer.Add("attention_dropout", 0.0);
        writer.Add("hidden_dropout", 0.0);
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("layer_norm_epsilon", config.NormalizationEpsilon);
        writer.Add("n_head", config.HeadCount);
        writer.Add("n_layer", config.BlockCount);
        if (config.ContextLength != TrainedContext) writer.Add("seq_length", config.ContextLength);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        yield return new("embedding.tokens.weight", "transformer.word_embeddings.weight");
        foreach (WeightMapping mapping in Map("embedding.norm", "transformer.word_embeddings_layernorm", bias: true)) yield return mapping;
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"transformer.h.{l}.";
            IEnumerable<WeightMapping> all =
            [
                .. Map(ours + "attention_norm", theirs + "input_layernorm", bias: true),
                .. QueryKeyValueByHead(config, ours + "attention.query_key_value", theirs + "self_attention.query_key_value"),
                .. Map(ours + "attention.output", theirs + "self_attention.dense", bias: true),
                .. Map(ours + "feed_forward_norm", theirs + "post_attention_layernorm", bias: true),
                .. Map(ours + "feed_forward.expand", theirs + "mlp.dense_h_to_4h", bias: true),
                .. Map(ours + "feed_forward.contract", theirs + "mlp.dense_4h_to_h", bias: true),
            ];
            foreach (WeightMapping mapping in all) yield return mapping;
        }
        foreach (WeightMapping mapping in Map("norm", "transformer.ln_f", bias: true)) yield return mapping;
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }
}

using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>GPT-NeoX and Pythia (Black et al. 2022, arXiv:2204.06745): attention and feed-forward side by side, a part of each head turned.</summary>
public sealed class GptNeoXFamily : DecoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "gpt_neox";

    /// <inheritdoc/>
    public override string Architecture => "GPTNeoXForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "GPTNeoXForSequenceClassification";

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("attention_dropout", "hidden_dropout", "classifier_dropout", "is_decoder", "gradient_checkpointing");
        string name = reader.Text("hidden_act", "gelu")!;
        bool attentionBias = reader.Flag("attention_bias", true);
        DecoderConfig config = new()
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("max_position_embeddings", 2048)!.Value,
            HiddenSize = reader.RequiredInteger("hidden_size"),
            BlockCount = reader.RequiredInteger("num_hidden_layers"),
            HeadCount = reader.RequiredInteger("num_attention_heads"),
            FeedForwardSize = reader.RequiredInteger("intermediate_size"),
            NormalizationEpsilon = reader.Number("layer_norm_eps", 1e-5),
            InitializerRange = reader.Number("initializer_range", 0.02),
            LinearBias = attentionBias,
            FeedForwardBias = true,
            FeedForward = FeedForwardKind.Plain,
            Activation = ActivationKinds.Find(name) ?? throw reader.Unsupported("hidden_act", $"'{name}'"),
            Order = reader.Flag("use_parallel_residual", true) ? BlockOrder.Parallel : BlockOrder.NormBefore,
            TieEmbeddings = reader.Flag("tie_word_embeddings", false),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
        // The older spelling has names of its own.
        return RopeKeys.Read(reader, config, reader.Number("rotary_emb_base", 10_000), reader.Number("rotary_pct", 0.25));
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("attention_dropout", 0.0);
        writer.Add("hidden_dropout", 0.0);
        writer.Add("hidden_act", config.ResolvedActivation.Name());
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("intermediate_size", config.ResolvedFeedForwardSize);
        writer.Add("layer_norm_eps", config.NormalizationEpsilon);
        writer.Add("max_position_embeddings", config.ContextLength);
        writer.Add("num_attention_heads", config.HeadCount);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("use_parallel_residual", config.Order == BlockOrder.Parallel);
        RopeKeys.Write(writer, config);
        writer.Add("partial_rotary_factor", config.RotaryShare);
        writer.Add("rotary_pct", config.RotaryShare);
        writer.Add("rotary_emb_base", config.RotaryBase);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        yield return new("embedding.tokens.weight", "gpt_neox.embed_in.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"gpt_neox.layers.{l}.";
            IEnumerable<WeightMapping> all =
            [
                .. Map(ours + "attention_norm", theirs + "input_layernorm", bias: true),
                .. QueryKeyValueByHead(config, ours + "attention.query_key_value", theirs + "attention.query_key_value"),
                .. Map(ours + "attention.output", theirs + "attention.dense", config.ResolvedAttentionOutputBias),
                .. Map(ours + "feed_forward_norm", theirs + "post_attention_layernorm", bias: true),
                .. Map(ours + "feed_forward.expand", theirs + "mlp.dense_h_to_4h", bias: true),
                .. Map(ours + "feed_forward.contract", theirs + "mlp.dense_4h_to_h", bias: true),
            ];
            foreach (WeightMapping mapping in all) yield return mapping;
        }
        foreach (WeightMapping mapping in Map("norm", "gpt_neox.final_layer_norm", bias: true)) yield return mapping;
        if (!config.TieEmbeddings) yield return new("head.weight", "embed_out.weight");
    }
}

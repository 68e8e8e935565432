using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>Phi-1, 1.5 and 2 (arXiv:2309.05463): attention and feed-forward side by side from one layer norm, offsets everywhere, a part of each head turned.</summary>
public sealed class PhiFamily : DecoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "phi";

    /// <inheritdoc/>
    public override string Architecture => "PhiForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "PhiForSequenceClassification";

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("attention_dropout", "embd_pdrop", "resid_pdrop", "gradient_checkpointing");
        string name = reader.Text("hidden_act", "gelu_new")!;
        int heads = reader.RequiredInteger("num_attention_heads");
        DecoderConfig config = new()
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("max_position_embeddings", 2048)!.Value,
            HiddenSize = reader.RequiredInteger("hidden_size"),
            BlockCount = reader.RequiredInteger("num_hidden_layers"),
            HeadCount = heads,
            KeyValueHeadCount = reader.Integer("num_key_value_heads", heads)!.Value,
            HeadSize = reader.Integer("head_dim", 0)!.Value,
            FeedForwardSize = reader.RequiredInteger("intermediate_size"),
            NormalizationEpsilon = reader.Number("layer_norm_eps", 1e-5),
            InitializerRange = reader.Number("initializer_range", 0.02),
            FeedForward = FeedForwardKind.Plain,
            Activation = ActivationKinds.Find(name) ?? throw reader.Unsupported("hidden_act", $"'{name}'"),
            Attention = new AttentionConfig { QueryKeyNorm = reader.Flag("qk_layernorm", false) ? QueryKeyNormKind.Head : QueryKeyNormKind.None },
            Order = BlockOrder.ParallelSharedNorm,
            HeadBias = true,
            TieEmbeddings = reader.Flag("tie_word_embeddings", false),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
        return RopeKeys.Read(reader, config, 10_000, share: 0.5);
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_dropout", 0.0);
        writer.Add("embd_pdrop", 0.0);
        writer.Add("resid_pdrop", 0.0);
        writer.Add("head_dim", config.ResolvedHeadSize);
        writer.Add("hidden_act", config.ResolvedActivation == ActivationKind.GeluTanh ? "gelu_new" : config.ResolvedActivation.Name());
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("intermediate_size", config.ResolvedFeedForwardSize);
        writer.Add("layer_norm_eps", config.NormalizationEpsilon);
        writer.Add("max_position_embeddings", config.ContextLength);
        writer.Add("num_attention_heads", config.HeadCount);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("num_key_value_heads", config.ResolvedKeyValueHeadCount);
        writer.Add("qk_layernorm", config.Attention.QueryKeyNorm == QueryKeyNormKind.Head);
        RopeKeys.Write(writer, config);
        writer.Add("partial_rotary_factor", config.RotaryShare);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        yield return new("embedding.tokens.weight", "model.embed_tokens.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"model.layers.{l}.";
            IEnumerable<WeightMapping> all =
            [
                .. Map(ours + "attention_norm", theirs + "input_layernorm", bias: true),
                .. QueryKeyValueRows(config, ours + "attention.", theirs + "self_attn."),
                .. Map(ours + "attention.output", theirs + "self_attn.dense", bias: true),
                .. Map(ours + "feed_forward.expand", theirs + "mlp.fc1", bias: true),
                .. Map(ours + "feed_forward.contract", theirs + "mlp.fc2", bias: true),
            ];
            foreach (WeightMapping mapping in all) yield return mapping;
            if (config.Attention.QueryKeyNorm == QueryKeyNormKind.None) continue;
            foreach (WeightMapping mapping in Map(ours + "attention.query_norm", theirs + "self_attn.q_layernorm", bias: true)) yield return mapping;
            foreach (WeightMapping mapping in Map(ours + "attention.key_norm", theirs + "self_attn.k_layernorm", bias: true)) yield return mapping;
        }
        foreach (WeightMapping mapping in Map("norm", "model.final_layernorm", bias: true)) yield return mapping;
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
        if (config.HeadBias) yield return new("head.bias", "lm_head.bias");
    }
}

using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>OPT (Zhang et al. 2022, arXiv:2205.01068): learned positions that begin at row 2; the 350M model normalises after each part and has narrower token vectors.</summary>
public sealed class OptFamily : DecoderFamily
{
    // fairseq keeps the rows of its padding id and of the one before it.
    private const int FirstPosition = 2;

    /// <inheritdoc/>
    public override string ModelType => "opt";

    /// <inheritdoc/>
    public override string Architecture => "OPTForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "OPTForSequenceClassification";

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("dropout", "attention_dropout", "activation_dropout", "layerdrop", "gradient_checkpointing", "prefix");
        string name = reader.Text("activation_function", "relu")!;
        bool before = reader.Flag("do_layer_norm_before", true), removed = reader.Flag("_remove_final_layer_norm", false);
        int hidden = reader.RequiredInteger("hidden_size"), vectors = reader.Integer("word_embed_proj_dim", hidden)!.Value;
        bool affine = reader.Flag("layer_norm_elementwise_affine", true);
        return new DecoderConfig
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("max_position_embeddings", 2048)!.Value,
            HiddenSize = hidden,
            BlockCount = reader.RequiredInteger("num_hidden_layers"),
            HeadCount = reader.RequiredInteger("num_attention_heads"),
            FeedForwardSize = reader.RequiredInteger("ffn_dim"),
            InitializerRange = reader.Number("init_std", 0.02),
            PositionOffset = FirstPosition,
            EmbeddingSize = vectors == hidden ? 0 : vectors,
            LinearBias = reader.Flag("enable_bias", true),
            NormalizationGain = affine,
            NormalizationBias = affine,
            FeedForward = FeedForwardKind.Plain,
            Activation = ActivationKinds.Find(name) ?? throw reader.Unsupported("activation_function", $"'{name}'"),
            Order = before ? BlockOrder.NormBefore : BlockOrder.NormAfter,
            FinalNorm = before && !removed,
            TieEmbeddings = reader.Flag("tie_word_embeddings", true),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        bool before = config.Order == BlockOrder.NormBefore;
        writer.Add("_remove_final_layer_norm", before && !config.FinalNorm);
        writer.Add("activation_function", config.ResolvedActivation.Name());
        writer.Add("attention_dropout", 0.0);
        writer.Add("do_layer_norm_before", before);
        writer.Add("dropout", 0.0);
        writer.Add("enable_bias", config.LinearBias);
        writer.Add("ffn_dim", config.ResolvedFeedForwardSize);
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("init_std", config.InitializerRange);
        writer.Add("layer_norm_elementwise_affine", config.NormalizationGain);
        writer.Add("layerdrop", 0.0);
        writer.Add("max_position_embeddings", config.ContextLength);
        writer.Add("num_attention_heads", config.HeadCount);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("word_embed_proj_dim", config.ResolvedEmbeddingSize);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        const string Root = "model.decoder.";
        bool bias = config.LinearBias;
        yield return new("embedding.tokens.weight", Root + "embed_tokens.weight");
        yield return new("embedding.positions.weight", Root + "embed_positions.weight");
        if (config.ResolvedEmbeddingSize != config.HiddenSize)
        {
            yield return new("embedding.projection.weight", Root + "project_in.weight");
            yield return new("projection.weight", Root + "project_out.weight");
        }
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"{Root}layers.{l}.";
            IEnumerable<WeightMapping> all =
            [
                .. Norm(config, ours + "attention_norm", theirs + "self_attn_layer_norm"),
                .. QueryKeyValueRows(config, ours + "attention.", theirs + "self_attn."),
                .. Map(ours + "attention.output", theirs + "self_attn.out_proj", bias),
                .. Norm(config, ours + "feed_forward_norm", theirs + "final_layer_norm"),
                .. Map(ours + "feed_forward.expand", theirs + "fc1", bias),
                .. Map(ours + "feed_forward.contract", theirs + "fc2", bias),
            ];
            foreach (WeightMapping mapping in all) yield return mapping;
        }
        if (config.FinalNorm) foreach (WeightMapping mapping in Norm(config, "norm", Root + "final_layer_norm")) yield return mapping;
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }

    private static IEnumerable<WeightMapping> Norm(DecoderConfig config, string ours, string theirs) => config.NormalizationGain ? Map(ours, theirs, config.NormalizationBias) : [];
}

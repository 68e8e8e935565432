using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>GPT-2 and what has its layout (Radford et al. 2019): learned positions, layer norm, matrices stored as [In, Out].</summary>
public sealed class Gpt2Family : DecoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "gpt2";

    /// <inheritdoc/>
    public override string Architecture => "GPT2LMHeadModel";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "GPT2ForSequenceClassification";

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader)
    {
        if (reader.Flag("add_cross_attention", false)) throw reader.Unsupported("add_cross_attention", "true");
        string name = reader.Text("activation_function", "gelu_new")!;
        ActivationKind activation = ActivationKinds.Find(name) ?? throw reader.Unsupported("activation_function", $"'{name}'");
        reader.Ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "reorder_and_upcast_attn", "n_ctx", "gradient_checkpointing",
            "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj");
        return new DecoderConfig
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("n_positions", 1024)!.Value,
            HiddenSize = reader.Integer("n_embd", 768)!.Value,
            BlockCount = reader.Integer("n_layer", 12)!.Value,
            HeadCount = reader.Integer("n_head", 12)!.Value,
            FeedForwardSize = reader.Integer("n_inner", 0)!.Value,
            NormalizationEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            InitializerRange = reader.Number("initializer_range", 0.02),
            FeedForward = activation switch { ActivationKind.GeluTanh => FeedForwardKind.GeluTanh, ActivationKind.Gelu => FeedForwardKind.Gelu, _ => FeedForwardKind.Plain },
            Activation = activation,
            Attention = new AttentionConfig
            {
                Scale = reader.Flag("scale_attn_weights", true) ? null : 1,
                ScaleByBlock = reader.Flag("scale_attn_by_inverse_layer_idx", false),
            },
            NormalizationBias = reader.Flag("weft_normalization_bias", true),
            LinearBias = reader.Flag("weft_linear_bias", true),
            TieEmbeddings = reader.Flag("tie_word_embeddings", true),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("activation_function", config.ResolvedActivation == ActivationKind.GeluTanh ? "gelu_new" : config.ResolvedActivation.Name());
        writer.Add("add_cross_attention", false);
        // Dropout is a matter of training, not of the model; these are what transformers would train with.
        writer.Add("attn_pdrop", 0.1);
        writer.Add("embd_pdrop", 0.1);
        writer.Add("resid_pdrop", 0.1);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("layer_norm_epsilon", config.NormalizationEpsilon);
        writer.Add("n_embd", config.HiddenSize);
        writer.Add("n_head", config.HeadCount);
        writer.Add("n_inner", config.FeedForwardSize == 0 ? null : config.FeedForwardSize);
        writer.Add("n_layer", config.BlockCount);
        writer.Add("n_positions", config.ContextLength);
        writer.Add("reorder_and_upcast_attn", false);
        writer.Add("scale_attn_by_inverse_layer_idx", config.Attention.ScaleByBlock);
        writer.Add("scale_attn_weights", config.Attention.Scale != 1);
        writer.Add("summary_activation", (string?)null);
        writer.Add("summary_first_dropout", 0.1);
        writer.Add("summary_proj_to_labels", true);
        writer.Add("summary_type", "cls_index");
        writer.Add("summary_use_proj", true);
        // The format has offsets everywhere, so a model without them is saved with zeros, which compute the same. These keys,
        // which other programs ignore, let Weft read it back as the smaller model that it is.
        if (!config.NormalizationBias) writer.Add("weft_normalization_bias", false);
        if (!config.LinearBias) writer.Add("weft_linear_bias", false);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        int C = config.HiddenSize, F = config.ResolvedFeedForwardSize;
        yield return new("embedding.tokens.weight", "transformer.wte.weight");
        yield return new("embedding.positions.weight", "transformer.wpe.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"transformer.h.{l}.";
            foreach (WeightMapping norm in Norm(ours + "attention_norm", theirs + "ln_1", config)) yield return norm;
            foreach (WeightMapping map in Map(ours + "attention.query_key_value", theirs + "attn.c_attn", 3 * C, config)) yield return map;
            foreach (WeightMapping map in Map(ours + "attention.output", theirs + "attn.c_proj", C, config)) yield return map;
            foreach (WeightMapping norm in Norm(ours + "feed_forward_norm", theirs + "ln_2", config)) yield return norm;
            foreach (WeightMapping map in Map(ours + "feed_forward.expand", theirs + "mlp.c_fc", F, config)) yield return map;
            foreach (WeightMapping map in Map(ours + "feed_forward.contract", theirs + "mlp.c_proj", C, config)) yield return map;
        }
        foreach (WeightMapping norm in Norm("norm", "transformer.ln_f", config)) yield return norm;
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }

    // The format has an offset everywhere; a model without one has it at zero.
    private static IEnumerable<WeightMapping> Norm(string ours, string theirs, DecoderConfig config) =>
    [
        new(ours + ".weight", theirs + ".weight"),
        new(config.NormalizationBias ? ours + ".bias" : null, theirs + ".bias", Size: config.HiddenSize),
    ];

    private static IEnumerable<WeightMapping> Map(string ours, string theirs, int outputSize, DecoderConfig config) =>
    [
        new(ours + ".weight", theirs + ".weight", Transposed: true),
        new(config.LinearBias ? ours + ".bias" : null, theirs + ".bias", Size: outputSize),
    ];
}

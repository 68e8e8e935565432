using Weft.Models.EncoderDecoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>T5 (Raffel et al. 2020, arXiv:1910.10683), its 1.1 release with a gate and an own head, and mT5 (Xue et al. 2021, arXiv:2010.11934).</summary>
public class T5Family : CheckpointFamily<EncoderDecoderConfig>
{
    private const string GatedPrefix = "gated-";

    /// <inheritdoc/>
    public override string ModelType => "t5";

    private protected virtual string ClassName => "T5ForConditionalGeneration";

    private protected virtual string DefaultActivation => "relu";

    /// <inheritdoc/>
    public override string Architecture(EncoderDecoderConfig config) => ClassName;

    /// <inheritdoc/>
    public override EncoderDecoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("classifier_dropout", "dropout_rate", "dense_act_fn", "is_gated_act", "n_positions", "is_decoder", "is_encoder_decoder", "gradient_checkpointing", "output_past",
            "tokenizer_class", "num_labels");
        if (ArchitectureOf(reader, ClassName) is var name && name != ClassName && name != "T5WithLMHeadModel") throw reader.Unsupported("architectures", $"'{name}', not {ClassName}");
        string activation = reader.Text("feed_forward_proj", DefaultActivation)!;
        bool gated = activation.StartsWith(GatedPrefix, StringComparison.Ordinal);
        int blocks = reader.RequiredInteger("num_layers"), heads = reader.RequiredInteger("num_heads"), F = reader.RequiredInteger("d_ff");
        bool tied = reader.Flag("tie_word_embeddings", true);
        return new EncoderDecoderConfig
        {
            Family = ModelType,
            VocabularySize = reader.RequiredInteger("vocab_size"),
            HiddenSize = reader.RequiredInteger("d_model"),
            EncoderBlockCount = blocks,
            DecoderBlockCount = reader.Integer("num_decoder_layers", blocks)!.Value,
            EncoderHeadCount = heads,
            DecoderHeadCount = heads,
            HeadSize = reader.RequiredInteger("d_kv"),
            EncoderFeedForwardSize = F,
            DecoderFeedForwardSize = F,
            // "gated-gelu" has always meant the tanh form.
            Activation = activation == "gated-gelu" ? ActivationKind.GeluTanh : reader.ToActivation("feed_forward_proj", gated ? activation[GatedPrefix.Length..] : activation),
            Gated = gated,
            Positions = SequencePositions.RelativeBuckets,
            BucketCount = reader.Integer("relative_attention_num_buckets", 32)!.Value,
            MaximumDistance = reader.Integer("relative_attention_max_distance", 128)!.Value,
            RmsNorms = true,
            NormalizationEpsilon = reader.Number("layer_norm_epsilon", 1e-6),
            NormalizesBefore = true,
            FinalNorm = true,
            ScaleAttention = false,
            TieEmbeddings = tied,
            ScaleHeadInput = reader.Flag("scale_decoder_outputs", tied),
            InitializerRange = reader.Number("initializer_factor", 1),
            StartId = reader.Integer("decoder_start_token_id", 0)!.Value,
            PaddingId = reader.TokenId("pad_token_id") ?? 0,
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id") ?? 1,
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, EncoderDecoderConfig config)
    {
        WriteCommon(writer, ModelType, ClassName, config.VocabularySize, config.BeginOfTextId, config.EndOfTextId, config.PaddingId, config.TieEmbeddings);
        string activation = config.Gated && config.Activation == ActivationKind.GeluTanh ? "gelu" : config.Activation.Name();
        writer.Add("classifier_dropout", 0.0);
        writer.Add("d_ff", config.EncoderFeedForwardSize);
        writer.Add("d_kv", config.HeadSize);
        writer.Add("d_model", config.HiddenSize);
        writer.Add("decoder_start_token_id", config.StartId);
        writer.Add("dense_act_fn", config.Gated && config.Activation == ActivationKind.GeluTanh ? "gelu_new" : activation);
        writer.Add("dropout_rate", 0.1);
        writer.Add("feed_forward_proj", (config.Gated ? GatedPrefix : "") + activation);
        writer.Add("initializer_factor", config.InitializerRange);
        writer.Add("is_decoder", false);
        writer.Add("is_encoder_decoder", true);
        writer.Add("is_gated_act", config.Gated);
        writer.Add("layer_norm_epsilon", config.NormalizationEpsilon);
        writer.Add("num_decoder_layers", config.DecoderBlockCount);
        writer.Add("num_heads", config.EncoderHeadCount);
        writer.Add("num_layers", config.EncoderBlockCount);
        writer.Add("relative_attention_max_distance", config.MaximumDistance);
        writer.Add("relative_attention_num_buckets", config.BucketCount);
        if (config.TieEmbeddings || config.ScaleHeadInput) writer.Add("scale_decoder_outputs", config.ScaleHeadInput);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(EncoderDecoderConfig config)
    {
        yield return new("embedding.tokens.weight", "shared.weight");
        foreach ((string stack, int count, bool decodes) in ((string, int, bool)[])[("encoder", config.EncoderBlockCount, false), ("decoder", config.DecoderBlockCount, true)])
        {
            yield return new($"{stack}.distances.weight", $"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
            for (int l = 0; l < count; l++)
            {
                string ours = $"{stack}.blocks.{l}.", theirs = $"{stack}.block.{l}.layer.", last = theirs + (decodes ? "2." : "1.");
                foreach (WeightMapping mapping in Attention(ours + "attention", theirs + "0.SelfAttention.")) yield return mapping;
                yield return new(ours + "attention_norm.weight", theirs + "0.layer_norm.weight");
                if (decodes)
                {
                    foreach (WeightMapping mapping in Attention(ours + "cross_attention", theirs + "1.EncDecAttention.")) yield return mapping;
                    yield return new(ours + "cross_attention_norm.weight", theirs + "1.layer_norm.weight");
                }
                if (config.Gated) yield return new(ours + "feed_forward.gate.weight", last + "DenseReluDense.wi_0.weight");
                yield return new(ours + "feed_forward.expand.weight", last + (config.Gated ? "DenseReluDense.wi_1.weight" : "DenseReluDense.wi.weight"));
                yield return new(ours + "feed_forward.contract.weight", last + "DenseReluDense.wo.weight");
                yield return new(ours + "feed_forward_norm.weight", last + "layer_norm.weight");
            }
            yield return new($"{stack}.norm.weight", $"{stack}.final_layer_norm.weight");
        }
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }

    private static IEnumerable<WeightMapping> Attention(string ours, string theirs) =>
        [.. Map(ours + ".query", theirs + "q", bias: false), .. Map(ours + ".key", theirs + "k", bias: false), .. Map(ours + ".value", theirs + "v", bias: false), .. Map(ours + ".output", theirs + "o", bias: false)];
}

/// <summary>mT5: T5 1.1 for many languages, under a name of its own.</summary>
public sealed class Mt5Family : T5Family
{
    /// <inheritdoc/>
    public override string ModelType => "mt5";

    private protected override string ClassName => "MT5ForConditionalGeneration";

    private protected override string DefaultActivation => "gated-gelu";
}

using Weft.Models.EncoderDecoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>BART (Lewis et al. 2020, arXiv:1910.13461): the transformer of 2017 with learned positions, GELU and a norm after the embeddings.</summary>
public class BartFamily : CheckpointFamily<EncoderDecoderConfig>
{
    /// <inheritdoc/>
    public override string ModelType => "bart";

    private protected virtual string ClassName => "BartForConditionalGeneration";

    /// <inheritdoc/>
    public override string Architecture(EncoderDecoderConfig config) => ClassName;

    /// <inheritdoc/>
    public override EncoderDecoderConfig ReadConfig(ConfigReader reader) => ReadShared(reader) with
    {
        Positions = SequencePositions.Learned,
        PositionOffset = 2, // a leftover of padding_idx that every checkpoint has
        EmbeddingNorm = true,
    };

    /// <summary>Reads what BART and its relatives spell alike.</summary>
    private protected EncoderDecoderConfig ReadShared(ConfigReader reader)
    {
        reader.Ignore("activation_dropout", "attention_dropout", "classifier_dropout", "classif_dropout", "dropout", "encoder_layerdrop", "decoder_layerdrop", "init_std", "is_decoder",
            "is_encoder_decoder", "num_hidden_layers", "gradient_checkpointing", "output_past", "num_labels", "_num_labels", "early_stopping", "num_beams", "no_repeat_ngram_size",
            "length_penalty", "min_length", "forced_bos_token_id", "prefix", "bad_words_ids", "add_final_layer_norm", "extra_pos_embeddings");
        if (ArchitectureOf(reader, ClassName) is var name && name != ClassName) throw reader.Unsupported("architectures", $"'{name}', not {ClassName}");
        reader.Ignore("normalize_before", "normalize_embedding", "add_bias_logits"); // older keys that transformers no longer looks at
        int padding = reader.TokenId("pad_token_id") ?? DefaultPadding;
        return new EncoderDecoderConfig
        {
            Family = ModelType,
            VocabularySize = reader.RequiredInteger("vocab_size"),
            HiddenSize = reader.RequiredInteger("d_model"),
            EncoderBlockCount = reader.RequiredInteger("encoder_layers"),
            DecoderBlockCount = reader.RequiredInteger("decoder_layers"),
            EncoderHeadCount = reader.RequiredInteger("encoder_attention_heads"),
            DecoderHeadCount = reader.RequiredInteger("decoder_attention_heads"),
            EncoderFeedForwardSize = reader.RequiredInteger("encoder_ffn_dim"),
            DecoderFeedForwardSize = reader.RequiredInteger("decoder_ffn_dim"),
            Activation = reader.ReadActivation("activation_function", "gelu"),
            Positions = SequencePositions.Learned,
            ContextLength = reader.Integer("max_position_embeddings", 1024)!.Value,
            ScaleEmbedding = reader.Flag("scale_embedding", false),
            TieEmbeddings = reader.Flag("tie_word_embeddings", true),
            LogitsBias = true,
            FreezesPadding = true,
            InitializerRange = reader.Number("init_std", 0.02),
            StartId = reader.Integer("decoder_start_token_id", DefaultStart(padding))!.Value,
            PaddingId = padding,
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            ForcedEndId = reader.TokenId("forced_eos_token_id"),
        };
    }

    private protected virtual int DefaultPadding => 1;

    private protected virtual int DefaultStart(int padding) => 2;

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, EncoderDecoderConfig config)
    {
        WriteCommon(writer, ModelType, ClassName, config.VocabularySize, config.BeginOfTextId, config.EndOfTextId, config.PaddingId, config.TieEmbeddings);
        writer.Add("activation_dropout", 0.0);
        writer.Add("activation_function", config.Activation.Name());
        writer.Add("attention_dropout", 0.0);
        writer.Add("d_model", config.HiddenSize);
        writer.Add("decoder_attention_heads", config.DecoderHeadCount);
        writer.Add("decoder_ffn_dim", config.DecoderFeedForwardSize);
        writer.Add("decoder_layerdrop", 0.0);
        writer.Add("decoder_layers", config.DecoderBlockCount);
        writer.Add("decoder_start_token_id", config.StartId);
        writer.Add("dropout", 0.1);
        writer.Add("encoder_attention_heads", config.EncoderHeadCount);
        writer.Add("encoder_ffn_dim", config.EncoderFeedForwardSize);
        writer.Add("encoder_layerdrop", 0.0);
        writer.Add("encoder_layers", config.EncoderBlockCount);
        writer.Add("forced_eos_token_id", config.ForcedEndId);
        writer.Add("init_std", config.InitializerRange);
        writer.Add("is_encoder_decoder", true);
        writer.Add("max_position_embeddings", config.ContextLength);
        writer.Add("scale_embedding", config.ScaleEmbedding);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(EncoderDecoderConfig config)
    {
        if (config.DecoderVocabularySize == 0) yield return new("embedding.tokens.weight", "model.shared.weight");
        else
        {
            yield return new("embedding.tokens.weight", "model.encoder.embed_tokens.weight");
            yield return new("decoder.embedding.tokens.weight", "model.decoder.embed_tokens.weight");
        }
        foreach ((string stack, int count, bool decodes) in ((string, int, bool)[])[("encoder", config.EncoderBlockCount, false), ("decoder", config.DecoderBlockCount, true)])
        {
            string own = stack + ".", model = $"model.{stack}.";
            List<WeightMapping> mappings = [];
            if (config.Positions == SequencePositions.Learned) mappings.Add(new(own + "positions.weight", model + "embed_positions.weight"));
            if (config.EmbeddingNorm) mappings.AddRange(Map(own + "embedding_norm", model + "layernorm_embedding"));
            for (int l = 0; l < count; l++)
            {
                string ours = $"{own}blocks.{l}.", theirs = $"{model}layers.{l}.";
                mappings.AddRange(Attention(ours + "attention", theirs + "self_attn"));
                mappings.AddRange(Map(ours + "attention_norm", theirs + "self_attn_layer_norm"));
                if (decodes)
                {
                    mappings.AddRange(Attention(ours + "cross_attention", theirs + "encoder_attn"));
                    mappings.AddRange(Map(ours + "cross_attention_norm", theirs + "encoder_attn_layer_norm"));
                }
                mappings.AddRange(Map(ours + "feed_forward.expand", theirs + "fc1"));
                mappings.AddRange(Map(ours + "feed_forward.contract", theirs + "fc2"));
                mappings.AddRange(Map(ours + "feed_forward_norm", theirs + "final_layer_norm"));
            }
            if (config.FinalNorm) mappings.AddRange(Map(own + "norm", model + "layer_norm"));
            foreach (WeightMapping mapping in mappings) yield return mapping;
        }
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
        if (config.LogitsBias) yield return new("logits_bias", "final_logits_bias");
    }

    private static IEnumerable<WeightMapping> Attention(string ours, string theirs) =>
        [.. Map(ours + ".query", theirs + ".q_proj"), .. Map(ours + ".key", theirs + ".k_proj"), .. Map(ours + ".value", theirs + ".v_proj"), .. Map(ours + ".output", theirs + ".out_proj")];
}

/// <summary>mBART (Liu et al. 2020, arXiv:2001.08210): BART that normalises before each part and once at the end.</summary>
public sealed class MBartFamily : BartFamily
{
    /// <inheritdoc/>
    public override string ModelType => "mbart";

    private protected override string ClassName => "MBartForConditionalGeneration";

    /// <inheritdoc/>
    public override EncoderDecoderConfig ReadConfig(ConfigReader reader) => base.ReadConfig(reader) with { NormalizesBefore = true, FinalNorm = true };
}

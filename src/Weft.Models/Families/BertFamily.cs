using Weft.Models.Encoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>BERT (Devlin et al. 2019, arXiv:1810.04805) and the sentence encoders that are made from it.</summary>
public class BertFamily : EncoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "bert";

    /// <inheritdoc/>
    public override string Prefix => "bert.";

    private protected override string ClassName => "Bert";

    private protected override IReadOnlyDictionary<string, EncoderHead> Heads { get; } = new Dictionary<string, EncoderHead>(StringComparer.Ordinal)
    {
        ["Model"] = EncoderHead.None, ["ForPreTraining"] = EncoderHead.Pretraining, ["ForMaskedLM"] = EncoderHead.MaskedLanguageModel,
        ["ForNextSentencePrediction"] = EncoderHead.NextSentence, ["ForSequenceClassification"] = EncoderHead.SequenceClassification,
        ["ForTokenClassification"] = EncoderHead.TokenClassification, ["ForQuestionAnswering"] = EncoderHead.QuestionAnswering,
    };

    /// <summary>What the ids' default is where a configuration does not name the padding.</summary>
    private protected virtual int DefaultPadding => 0;

    /// <inheritdoc/>
    public override EncoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("attention_probs_dropout_prob", "hidden_dropout_prob", "classifier_dropout", "gradient_checkpointing", "directionality", "pooler_fc_size",
            "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type", "output_past", "cross_attention_hidden_size", "cell");
        if (reader.Text("position_embedding_type", "absolute") is var kind and not "absolute") throw reader.Unsupported("position_embedding_type", $"'{kind}'");
        if (reader.Flag("add_cross_attention", false)) throw reader.Unsupported("add_cross_attention", "true");
        EncoderHead head = HeadOf(reader);
        ActivationKind activation = reader.ReadActivation("hidden_act", "gelu");
        return WithHead(WithLabels(reader, new EncoderConfig
        {
            Family = ModelType,
            VocabularySize = reader.RequiredInteger("vocab_size"),
            PositionCount = reader.Integer("max_position_embeddings", 512)!.Value,
            HiddenSize = reader.RequiredInteger("hidden_size"),
            BlockCount = reader.RequiredInteger("num_hidden_layers"),
            HeadCount = reader.RequiredInteger("num_attention_heads"),
            FeedForwardSize = reader.RequiredInteger("intermediate_size"),
            TokenTypeCount = reader.Integer("type_vocab_size", 2)!.Value,
            Activation = activation,
            NormalizationEpsilon = reader.Number("layer_norm_eps", 1e-12),
            Causal = reader.Flag("is_decoder", false),
            PaddingId = reader.TokenId("pad_token_id") ?? (reader.Element("pad_token_id") is null && reader.Has("pad_token_id") ? null : DefaultPadding),
            Head = head,
        }));
    }

    /// <summary>What the family's head looks like.</summary>
    private protected virtual EncoderConfig WithHead(EncoderConfig config) => config with
    {
        HasPooler = config.Head is EncoderHead.None or EncoderHead.Pretraining or EncoderHead.NextSentence or EncoderHead.SequenceClassification,
        HeadActivation = config.Head is EncoderHead.MaskedLanguageModel or EncoderHead.Pretraining ? config.Activation : null,
    };

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, EncoderConfig config)
    {
        WriteShared(writer, config);
        writer.Add("add_cross_attention", false);
        writer.Add("attention_probs_dropout_prob", 0.1);
        writer.Add("classifier_dropout", (string?)null);
        writer.Add("hidden_act", config.Activation.Name());
        writer.Add("hidden_dropout_prob", 0.1);
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("intermediate_size", config.FeedForwardSize);
        writer.Add("is_decoder", config.Causal);
        writer.Add("layer_norm_eps", config.NormalizationEpsilon);
        writer.Add("max_position_embeddings", config.PositionCount);
        writer.Add("num_attention_heads", config.HeadCount);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("type_vocab_size", config.TokenTypeCount);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(EncoderConfig config)
    {
        string prefix = config.Head == EncoderHead.None ? "" : Prefix;
        return [.. Body(config, prefix), .. config.HasPooler ? Map("pooler", prefix + "pooler.dense") : [], .. HeadWeights(config)];
    }

    /// <summary>The embeddings and blocks.</summary>
    private protected static IEnumerable<WeightMapping> Body(EncoderConfig config, string prefix)
    {
        yield return new("embedding.tokens.weight", prefix + "embeddings.word_embeddings.weight");
        yield return new("embedding.positions.weight", prefix + "embeddings.position_embeddings.weight");
        if (config.TokenTypeCount > 0) yield return new("embedding.types.weight", prefix + "embeddings.token_type_embeddings.weight");
        foreach (WeightMapping mapping in Map("embedding.norm", prefix + "embeddings.LayerNorm")) yield return mapping;
        if (config.ProjectsEmbeddings)
            foreach (WeightMapping mapping in Map("embedding.projection", prefix + "embeddings_project")) yield return mapping;
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"{prefix}encoder.layer.{l}.";
            (string Ours, string Theirs)[] parts =
            [
                ("attention.query", "attention.self.query"), ("attention.key", "attention.self.key"), ("attention.value", "attention.self.value"),
                ("attention.output", "attention.output.dense"), ("attention_norm", "attention.output.LayerNorm"),
                ("feed_forward.expand", "intermediate.dense"), ("feed_forward.contract", "output.dense"), ("feed_forward_norm", "output.LayerNorm"),
            ];
            foreach ((string our, string their) in parts)
                foreach (WeightMapping mapping in Map(ours + our, theirs + their)) yield return mapping;
        }
    }

    /// <summary>The head's tensors.</summary>
    private protected virtual IEnumerable<WeightMapping> HeadWeights(EncoderConfig config)
    {
        if (config.Head is EncoderHead.MaskedLanguageModel or EncoderHead.Pretraining)
        {
            foreach (WeightMapping mapping in Map("head.transform", "cls.predictions.transform.dense")) yield return mapping;
            foreach (WeightMapping mapping in Map("head.norm", "cls.predictions.transform.LayerNorm")) yield return mapping;
            if (!config.TieEmbeddings) yield return new("head.output.weight", "cls.predictions.decoder.weight");
            yield return new("head.bias", "cls.predictions.bias");
        }
        (string Ours, string Theirs)? last = config.Head switch
        {
            EncoderHead.Pretraining => ("head.relation", "cls.seq_relationship"),
            EncoderHead.NextSentence => ("head.output", "cls.seq_relationship"),
            EncoderHead.SequenceClassification or EncoderHead.TokenClassification => ("head.output", "classifier"),
            EncoderHead.QuestionAnswering => ("head.output", "qa_outputs"),
            _ => null,
        };
        if (last is { } pair)
            foreach (WeightMapping mapping in Map(pair.Ours, pair.Theirs)) yield return mapping;
    }
}

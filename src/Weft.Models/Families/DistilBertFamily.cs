using Weft.Models.Encoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT without token types and pooler, half as deep.</summary>
public sealed class DistilBertFamily : EncoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "distilbert";

    /// <inheritdoc/>
    public override string Prefix => "distilbert.";

    private protected override string ClassName => "DistilBert";

    private protected override IReadOnlyDictionary<string, EncoderHead> Heads { get; } = new Dictionary<string, EncoderHead>(StringComparer.Ordinal)
    {
        ["Model"] = EncoderHead.None, ["ForMaskedLM"] = EncoderHead.MaskedLanguageModel, ["ForSequenceClassification"] = EncoderHead.SequenceClassification,
        ["ForTokenClassification"] = EncoderHead.TokenClassification, ["ForQuestionAnswering"] = EncoderHead.QuestionAnswering,
    };

    /// <inheritdoc/>
    public override EncoderConfig ReadConfig(ConfigReader reader)
    {
        // The sinusoidal table, where there is one, is in the file like a learned one.
        reader.Ignore("attention_dropout", "dropout", "qa_dropout", "seq_classif_dropout", "sinusoidal_pos_embds", "tie_weights_", "output_past");
        EncoderHead head = HeadOf(reader);
        ActivationKind activation = reader.ReadActivation("activation", "gelu");
        return WithLabels(reader, new EncoderConfig
        {
            Family = ModelType,
            VocabularySize = reader.RequiredInteger("vocab_size"),
            PositionCount = reader.Integer("max_position_embeddings", 512)!.Value,
            HiddenSize = reader.RequiredInteger("dim"),
            BlockCount = reader.RequiredInteger("n_layers"),
            HeadCount = reader.RequiredInteger("n_heads"),
            FeedForwardSize = reader.RequiredInteger("hidden_dim"),
            TokenTypeCount = 0,
            Activation = activation,
            NormalizationEpsilon = 1e-12, // not a setting of the family
            PaddingId = reader.TokenId("pad_token_id") ?? 0,
            Head = head,
            HeadActivation = head switch
            {
                EncoderHead.MaskedLanguageModel => activation,
                EncoderHead.SequenceClassification => ActivationKind.Relu,
                _ => null,
            },
        });
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, EncoderConfig config)
    {
        WriteShared(writer, config);
        writer.Add("activation", config.Activation.Name());
        writer.Add("attention_dropout", 0.1);
        writer.Add("dim", config.HiddenSize);
        writer.Add("dropout", 0.1);
        writer.Add("hidden_dim", config.FeedForwardSize);
        writer.Add("max_position_embeddings", config.PositionCount);
        writer.Add("n_heads", config.HeadCount);
        writer.Add("n_layers", config.BlockCount);
        writer.Add("qa_dropout", 0.1);
        writer.Add("seq_classif_dropout", 0.2);
        writer.Add("sinusoidal_pos_embds", false);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(EncoderConfig config)
    {
        string prefix = config.Head == EncoderHead.None ? "" : Prefix;
        yield return new("embedding.tokens.weight", prefix + "embeddings.word_embeddings.weight");
        yield return new("embedding.positions.weight", prefix + "embeddings.position_embeddings.weight");
        foreach (WeightMapping mapping in Map("embedding.norm", prefix + "embeddings.LayerNorm")) yield return mapping;
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"{prefix}transformer.layer.{l}.";
            (string Ours, string Theirs)[] parts =
            [
                ("attention.query", "attention.q_lin"), ("attention.key", "attention.k_lin"), ("attention.value", "attention.v_lin"), ("attention.output", "attention.out_lin"),
                ("attention_norm", "sa_layer_norm"), ("feed_forward.expand", "ffn.lin1"), ("feed_forward.contract", "ffn.lin2"), ("feed_forward_norm", "output_layer_norm"),
            ];
            foreach ((string our, string their) in parts)
                foreach (WeightMapping mapping in Map(ours + our, theirs + their)) yield return mapping;
        }
        IEnumerable<WeightMapping> head = config.Head switch
        {
            EncoderHead.MaskedLanguageModel =>
            [
                .. Map("head.transform", "vocab_transform"), .. Map("head.norm", "vocab_layer_norm"), new("head.bias", "vocab_projector.bias"),
                .. config.TieEmbeddings ? (WeightMapping[])[] : [new("head.output.weight", "vocab_projector.weight")],
            ],
            EncoderHead.SequenceClassification => [.. Map("head.transform", "pre_classifier"), .. Map("head.output", "classifier")],
            EncoderHead.TokenClassification => Map("head.output", "classifier"),
            EncoderHead.QuestionAnswering => Map("head.output", "qa_outputs"),
            _ => [],
        };
        foreach (WeightMapping mapping in head) yield return mapping;
    }
}

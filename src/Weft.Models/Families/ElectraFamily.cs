using Weft.Models.Encoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>ELECTRA (Clark et al. 2020, arXiv:2003.10555): BERT with narrow embeddings, trained to find replaced tokens.</summary>
public sealed class ElectraFamily : BertFamily
{
    /// <inheritdoc/>
    public override string ModelType => "electra";

    /// <inheritdoc/>
    public override string Prefix => "electra.";

    private protected override string ClassName => "Electra";

    private protected override IReadOnlyDictionary<string, EncoderHead> Heads { get; } = new Dictionary<string, EncoderHead>(StringComparer.Ordinal)
    {
        ["Model"] = EncoderHead.None, ["ForPreTraining"] = EncoderHead.ReplacedTokens, ["ForMaskedLM"] = EncoderHead.MaskedLanguageModel,
        ["ForSequenceClassification"] = EncoderHead.SequenceClassification, ["ForTokenClassification"] = EncoderHead.TokenClassification, ["ForQuestionAnswering"] = EncoderHead.QuestionAnswering,
    };

    /// <inheritdoc/>
    public override EncoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("summary_activation", "summary_last_dropout", "summary_type", "summary_use_proj", "summary_first_dropout");
        int size = reader.Integer("embedding_size", 128)!.Value;
        return base.ReadConfig(reader) with { EmbeddingSize = size };
    }

    private protected override EncoderConfig WithHead(EncoderConfig config) => config with
    {
        HeadActivation = config.Head switch
        {
            EncoderHead.MaskedLanguageModel or EncoderHead.SequenceClassification => ActivationKind.Gelu, // whatever the blocks use
            EncoderHead.ReplacedTokens => config.Activation,
            _ => null,
        },
    };

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, EncoderConfig config)
    {
        base.WriteConfig(writer, config);
        writer.Add("embedding_size", config.ResolvedEmbeddingSize);
        writer.Add("summary_activation", "gelu");
        writer.Add("summary_last_dropout", 0.1);
        writer.Add("summary_type", "first");
        writer.Add("summary_use_proj", true);
    }

    private protected override IEnumerable<WeightMapping> HeadWeights(EncoderConfig config) => config.Head switch
    {
        EncoderHead.MaskedLanguageModel =>
        [
            .. Map("head.transform", "generator_predictions.dense"), .. Map("head.norm", "generator_predictions.LayerNorm"), new("head.bias", "generator_lm_head.bias"),
            .. config.TieEmbeddings ? (WeightMapping[])[] : [new("head.output.weight", "generator_lm_head.weight")],
        ],
        EncoderHead.ReplacedTokens => [.. Map("head.transform", "discriminator_predictions.dense"), .. Map("head.output", "discriminator_predictions.dense_prediction")],
        EncoderHead.SequenceClassification => [.. Map("head.transform", "classifier.dense"), .. Map("head.output", "classifier.out_proj")],
        EncoderHead.TokenClassification => Map("head.output", "classifier"),
        EncoderHead.QuestionAnswering => Map("head.output", "qa_outputs"),
        _ => [],
    };
}

using Weft.Models.Encoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>RoBERTa (Liu et al. 2019, arXiv:1907.11692): BERT with positions counted after the padding id, and its own heads.</summary>
public class RobertaFamily : BertFamily
{
    /// <inheritdoc/>
    public override string ModelType => "roberta";

    /// <inheritdoc/>
    public override string Prefix => "roberta.";

    private protected override string ClassName => "Roberta";

    private protected override int DefaultPadding => 1;

    private protected override IReadOnlyDictionary<string, EncoderHead> Heads { get; } = new Dictionary<string, EncoderHead>(StringComparer.Ordinal)
    {
        ["Model"] = EncoderHead.None, ["ForMaskedLM"] = EncoderHead.MaskedLanguageModel, ["ForSequenceClassification"] = EncoderHead.SequenceClassification,
        ["ForTokenClassification"] = EncoderHead.TokenClassification, ["ForQuestionAnswering"] = EncoderHead.QuestionAnswering,
    };

    private protected override EncoderConfig WithHead(EncoderConfig config) => config with
    {
        Positions = EncoderPositions.CountedAfterPadding,
        HasPooler = config.Head == EncoderHead.None,
        HeadActivation = config.Head switch
        {
            EncoderHead.MaskedLanguageModel => ActivationKind.Gelu, // whatever the blocks use
            EncoderHead.SequenceClassification => ActivationKind.Tanh,
            _ => null,
        },
    };

    private protected override IEnumerable<WeightMapping> HeadWeights(EncoderConfig config) => config.Head switch
    {
        EncoderHead.MaskedLanguageModel =>
        [
            .. Map("head.transform", "lm_head.dense"), .. Map("head.norm", "lm_head.layer_norm"), new("head.bias", "lm_head.bias"),
            .. config.TieEmbeddings ? (WeightMapping[])[] : [new("head.output.weight", "lm_head.decoder.weight")],
        ],
        EncoderHead.SequenceClassification => [.. Map("head.transform", "classifier.dense"), .. Map("head.output", "classifier.out_proj")],
        EncoderHead.TokenClassification => Map("head.output", "classifier"),
        EncoderHead.QuestionAnswering => Map("head.output", "qa_outputs"),
        _ => [],
    };
}

/// <summary>XLM-RoBERTa (Conneau et al. 2020, arXiv:1911.02116): RoBERTa under another name.</summary>
public sealed class XlmRobertaFamily : RobertaFamily
{
    /// <inheritdoc/>
    public override string ModelType => "xlm-roberta";

    private protected override string ClassName => "XLMRoberta";
}

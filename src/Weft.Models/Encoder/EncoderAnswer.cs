using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Encoder;

/// <summary>What an encoder with a head answers.</summary>
/// <param name="Logits">[B, T, V] of a masked language model, [B, labels] or [B, T, labels] of a classifier, [B, T, 2] (begin, end) of question answering, [B, T] of replaced tokens, [B, 2] of a next sentence.</param>
/// <param name="Relation">[B, 2]: follows, does not follow; null where the head is not one of pretraining.</param>
public sealed record EncoderLogits(Tensor Logits, Tensor? Relation = null);

/// <summary>The head of an encoder: an optional map with a nonlinearity, then the map to logits.</summary>
/// <remarks>A masked language model's second map is the token embedding unless the configuration says otherwise, and its own offset.</remarks>
public sealed class EncoderAnswer : Layer
{
    private readonly EncoderConfig _config;

    internal EncoderAnswer(EncoderConfig config, DType dtype)
    {
        _config = config;
        int C = config.HiddenSize;
        bool words = config.Head is EncoderHead.MaskedLanguageModel or EncoderHead.Pretraining;
        int inner = words ? config.ResolvedEmbeddingSize : C;
        Transform = config.HeadActivation is null ? null : new Linear("head.transform", C, inner, bias: true, dtype);
        TransformNorm = words ? new LayerNorm("head.norm", inner, config.NormalizationEpsilon, bias: true, dtype) : null;
        Output = config.Head switch
        {
            EncoderHead.MaskedLanguageModel or EncoderHead.Pretraining => config.TieEmbeddings ? null : new Linear("head.output", inner, config.VocabularySize, bias: false, dtype),
            EncoderHead.QuestionAnswering or EncoderHead.NextSentence => new Linear("head.output", C, 2, bias: true, dtype),
            EncoderHead.ReplacedTokens => new Linear("head.output", C, 1, bias: true, dtype),
            _ => new Linear("head.output", C, config.LabelCount, bias: true, dtype),
        };
        OutputBias = words ? Parameter("head.bias", [config.VocabularySize], dtype) : null;
        Relation = config.Head == EncoderHead.Pretraining ? new Linear("head.relation", C, 2, bias: true, dtype) : null;
    }

    /// <summary>The map before the nonlinearity; null where there is none.</summary>
    public Linear? Transform { get; }

    /// <summary>After the nonlinearity of a masked language model.</summary>
    public LayerNorm? TransformNorm { get; }

    /// <summary>The map to logits; null where the token embedding serves.</summary>
    public Linear? Output { get; }

    /// <summary>Added to the logits of a masked language model: [V].</summary>
    public Tensor? OutputBias { get; }

    /// <summary>From the pooled text to whether the second text follows.</summary>
    public Linear? Relation { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
        [.. Transform?.Parameters ?? [], .. TransformNorm?.Parameters ?? [], .. Output?.Parameters ?? [], .. OutputBias is null ? (Tensor[])[] : [OutputBias], .. Relation?.Parameters ?? []];

    // Shapes: hidden [B, T, C], text [B, C] (pooled, or the first token), embedding [V, E].
    internal EncoderLogits Forward(Tensor hidden, Tensor text, Tensor embedding)
    {
        bool ofText = _config.Head is EncoderHead.SequenceClassification or EncoderHead.NextSentence;
        Tensor x = ofText ? text : hidden;
        if (Transform is not null) x = _config.HeadActivation!.Value.Apply(Transform.Forward(x));
        if (TransformNorm is not null) x = TransformNorm.Forward(x);
        Tensor logits = OutputBias is null ? Output!.Forward(x) : x.Linear(Output?.Weight ?? embedding, OutputBias);
        if (_config.Head == EncoderHead.ReplacedTokens) logits = logits.Squeeze(-1);
        return new EncoderLogits(logits, Relation?.Forward(text));
    }
}

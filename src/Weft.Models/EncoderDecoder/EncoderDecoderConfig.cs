using Weft.Models.Layers;

namespace Weft.Models.EncoderDecoder;

/// <summary>How an encoder-decoder knows where a token stands.</summary>
public enum SequencePositions
{
    /// <summary>A learned vector per position is added (BART).</summary>
    Learned,

    /// <summary>A fixed vector of sines, then cosines, is added (Marian).</summary>
    Sinusoidal,

    /// <summary>A learned number per distance and head is added to the products of attention (T5).</summary>
    RelativeBuckets,
}

/// <summary>The architecture of an encoder-decoder: one stack reads, the other writes and looks at what was read.</summary>
public sealed record EncoderDecoderConfig
{
    /// <summary>The <c>model_type</c> that it is saved as.</summary>
    public required string Family { get; init; }

    /// <summary>V: the number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The decoder's number of token ids where it has an embedding of its own; 0 means that both share one.</summary>
    public int DecoderVocabularySize { get; init; }

    /// <summary>C: the width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>The number of blocks that read.</summary>
    public required int EncoderBlockCount { get; init; }

    /// <summary>The number of blocks that write.</summary>
    public required int DecoderBlockCount { get; init; }

    /// <summary>The number of heads of the encoder.</summary>
    public required int EncoderHeadCount { get; init; }

    /// <summary>The number of heads of the decoder.</summary>
    public required int DecoderHeadCount { get; init; }

    /// <summary>D: the size of a head; 0 means C divided by the number of heads.</summary>
    public int HeadSize { get; init; }

    /// <summary>The width of the encoder's feed-forward networks.</summary>
    public required int EncoderFeedForwardSize { get; init; }

    /// <summary>The width of the decoder's feed-forward networks.</summary>
    public required int DecoderFeedForwardSize { get; init; }

    /// <summary>The nonlinearity of the feed-forward networks.</summary>
    public required ActivationKind Activation { get; init; }

    /// <summary>Whether the feed-forward network is a gate: down(f(gate x) · up x) (Shazeer 2020, arXiv:2002.05202).</summary>
    public bool Gated { get; init; }

    /// <summary>How positions enter.</summary>
    public required SequencePositions Positions { get; init; }

    /// <summary>The number of positions of a table; 0 where there is none.</summary>
    public int ContextLength { get; init; }

    /// <summary>How many rows of a learned table stand before that of position 0. Default: 0.</summary>
    public int PositionOffset { get; init; }

    /// <summary>The number of buckets of distances. Default: 32, as in T5.</summary>
    public int BucketCount { get; init; } = 32;

    /// <summary>From this distance on all fall into the last bucket. Default: 128, as in T5.</summary>
    public int MaximumDistance { get; init; } = 128;

    /// <summary>Whether normalisation is by root mean square and without offsets, and the maps have none either (T5).</summary>
    public bool RmsNorms { get; init; }

    /// <summary>Added to the variance. Default: 1e-5.</summary>
    public double NormalizationEpsilon { get; init; } = 1e-5;

    /// <summary>Whether each part's input is normalised, not its sum with the residual.</summary>
    public bool NormalizesBefore { get; init; }

    /// <summary>Whether a normalisation stands after the embeddings.</summary>
    public bool EmbeddingNorm { get; init; }

    /// <summary>Whether a normalisation stands after the last block.</summary>
    public bool FinalNorm { get; init; }

    /// <summary>Whether embeddings are multiplied by sqrt(C).</summary>
    public bool ScaleEmbedding { get; init; }

    /// <summary>Whether products of attention are divided by sqrt(D). Default: yes; T5 does not.</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>Whether the head uses the decoder's embedding as its matrix. Default: yes.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>Whether the head's input is divided by sqrt(C) (T5 with a tied head).</summary>
    public bool ScaleHeadInput { get; init; }

    /// <summary>Whether a fixed vector is added to the logits.</summary>
    public bool LogitsBias { get; init; }

    /// <summary>Whether the padding's vector gets no gradient from look-ups.</summary>
    public bool FreezesPadding { get; init; }

    /// <summary>The standard deviation of initial weights. Default: 0.02.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The id that the decoder's text begins with.</summary>
    public required int StartId { get; init; }

    /// <summary>The id that fills up shorter rows of a batch.</summary>
    public required int PaddingId { get; init; }

    /// <summary>The id with which a text begins; null where there is none.</summary>
    public int? BeginOfTextId { get; init; }

    /// <summary>The id with which a text ends; null where there is none.</summary>
    public int? EndOfTextId { get; init; }

    /// <summary>The id that generation puts last when the length runs out; null for none.</summary>
    public int? ForcedEndId { get; init; }

    /// <summary>The number of token ids that the decoder writes.</summary>
    public int OutputSize => DecoderVocabularySize == 0 ? VocabularySize : DecoderVocabularySize;

    /// <summary>Throws if a value is out of range or two do not fit together.</summary>
    /// <exception cref="ArgumentException">Names the field, its value and the rule.</exception>
    public void Validate()
    {
        (int Value, string Field)[] positive =
        [
            (VocabularySize, nameof(VocabularySize)), (HiddenSize, nameof(HiddenSize)), (EncoderBlockCount, nameof(EncoderBlockCount)), (DecoderBlockCount, nameof(DecoderBlockCount)),
            (EncoderHeadCount, nameof(EncoderHeadCount)), (DecoderHeadCount, nameof(DecoderHeadCount)), (EncoderFeedForwardSize, nameof(EncoderFeedForwardSize)),
            (DecoderFeedForwardSize, nameof(DecoderFeedForwardSize)), (BucketCount, nameof(BucketCount)), (MaximumDistance, nameof(MaximumDistance)),
        ];
        foreach ((int value, string field) in positive)
            if (value < 1) throw new ArgumentException($"{field} {value} must be at least 1.");
        foreach ((int heads, string field) in ((int, string)[])[(EncoderHeadCount, nameof(EncoderHeadCount)), (DecoderHeadCount, nameof(DecoderHeadCount))])
            if (HeadSize == 0 && HiddenSize % heads != 0) throw new ArgumentException($"{field} {heads} must divide HiddenSize {HiddenSize}.");
        if (HeadSize < 0) throw new ArgumentException($"HeadSize {HeadSize} must not be negative.");
        if (Positions != SequencePositions.RelativeBuckets && ContextLength < 1) throw new ArgumentException($"ContextLength {ContextLength} must be at least 1.");
        if (Positions == SequencePositions.Sinusoidal && HiddenSize % 2 != 0) throw new ArgumentException($"HiddenSize {HiddenSize} must be even for sinusoidal positions.");
        if (Positions == SequencePositions.RelativeBuckets && BucketCount < 4) throw new ArgumentException($"BucketCount {BucketCount} must be at least 4.");
        if (DecoderVocabularySize < 0) throw new ArgumentException($"DecoderVocabularySize {DecoderVocabularySize} must not be negative.");
        if ((uint)StartId >= (uint)OutputSize) throw new ArgumentException($"StartId {StartId} must be below the vocabulary size {OutputSize}.");
        if ((uint)PaddingId >= (uint)VocabularySize) throw new ArgumentException($"PaddingId {PaddingId} must be below the vocabulary size {VocabularySize}.");
    }
}

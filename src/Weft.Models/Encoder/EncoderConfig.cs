using Weft.Models.Layers;

namespace Weft.Models.Encoder;

/// <summary>What an encoder answers with.</summary>
public enum EncoderHead
{
    /// <summary>The hidden states themselves.</summary>
    None,

    /// <summary>Logits over the vocabulary for each token.</summary>
    MaskedLanguageModel,

    /// <summary>Those of a masked language model, and whether the second text follows the first.</summary>
    Pretraining,

    /// <summary>Whether the second text follows the first.</summary>
    NextSentence,

    /// <summary>One score per label for the text.</summary>
    SequenceClassification,

    /// <summary>One score per label for each token.</summary>
    TokenClassification,

    /// <summary>For each token, whether an answer begins or ends there.</summary>
    QuestionAnswering,

    /// <summary>For each token, whether another model has put it there (Clark et al. 2020, arXiv:2003.10555).</summary>
    ReplacedTokens,
}

/// <summary>How an encoder numbers its tokens.</summary>
public enum EncoderPositions
{
    /// <summary>0, 1, 2, ..</summary>
    Counted,

    /// <summary>The padding id plus the number of tokens so far that are not padding; padding stands at the padding id (RoBERTa).</summary>
    CountedAfterPadding,
}

/// <summary>The architecture of an encoder: a transformer in which every token sees every other.</summary>
public sealed record EncoderConfig
{
    /// <summary>V: the number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The number of rows of the position table.</summary>
    public required int PositionCount { get; init; }

    /// <summary>C: the width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>L: the number of blocks.</summary>
    public required int BlockCount { get; init; }

    /// <summary>H: the number of heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>F: the width of the feed-forward network.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>The width of the embeddings where a map brings them to C; 0 means C (ELECTRA, ALBERT).</summary>
    public int EmbeddingSize { get; init; }

    /// <summary>The number of token types (first text, second text); 0 means that there are none. Default: 2, as in BERT.</summary>
    public int TokenTypeCount { get; init; } = 2;

    /// <summary>The nonlinearity of the feed-forward network. Default: GELU, as in BERT.</summary>
    public ActivationKind Activation { get; init; } = ActivationKind.Gelu;

    /// <summary>Added to the variance. Default: 1e-12, as in BERT.</summary>
    public double NormalizationEpsilon { get; init; } = 1e-12;

    /// <summary>How tokens are numbered. Default: counted, as in BERT.</summary>
    public EncoderPositions Positions { get; init; }

    /// <summary>Whether a token sees only itself and those before it. Default: no.</summary>
    public bool Causal { get; init; }

    /// <summary>How many blocks have weights of their own; the others repeat them in groups. 0 means all (ALBERT: 1).</summary>
    public int GroupCount { get; init; }

    /// <summary>How many blocks a group of shared weights holds. Default: 1.</summary>
    public int GroupSize { get; init; } = 1;

    /// <summary>Whether a pooler, tanh(map of the first token), stands above the blocks.</summary>
    public bool HasPooler { get; init; }

    /// <summary>What it answers with.</summary>
    public EncoderHead Head { get; init; }

    /// <summary>The number of labels of a classifier. Default: 2.</summary>
    public int LabelCount { get; init; } = 2;

    /// <summary>The labels' names in the order of their numbers; null where they have none.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Whether several labels may hold at once.</summary>
    public bool MultiLabel { get; init; }

    /// <summary>The nonlinearity of the head's own map; null where it has none.</summary>
    public ActivationKind? HeadActivation { get; init; }

    /// <summary>Whether the masked language model's head uses the token embedding as its matrix. Default: yes.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>The standard deviation of initial weights. Default: 0.02, as in BERT.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The <c>model_type</c> that it is saved as. Default: bert.</summary>
    public string Family { get; init; } = "bert";

    /// <summary>The id that fills up shorter rows of a batch; its vectors are not trained by look-ups.</summary>
    public int? PaddingId { get; init; }

    /// <summary>The id with which a text begins; null where the configuration names none.</summary>
    public int? BeginOfTextId { get; init; }

    /// <summary>The id with which a text ends; null where the configuration names none.</summary>
    public int? EndOfTextId { get; init; }

    /// <summary>The width of the embeddings, defaults resolved.</summary>
    public int ResolvedEmbeddingSize => EmbeddingSize == 0 ? HiddenSize : EmbeddingSize;

    /// <summary>Whether a map brings embeddings to C.</summary>
    public bool ProjectsEmbeddings => ResolvedEmbeddingSize != HiddenSize || AlwaysProjectsEmbeddings;

    /// <summary>Whether the map is there even where the widths agree (ALBERT).</summary>
    public bool AlwaysProjectsEmbeddings { get; init; }

    /// <summary>The most tokens that the position table numbers.</summary>
    public int ContextLength => Positions == EncoderPositions.Counted ? PositionCount : PositionCount - (PaddingId ?? 0) - 1;

    /// <summary>Throws if a value is out of range or two do not fit together.</summary>
    /// <exception cref="ArgumentException">Names the field, its value and the rule.</exception>
    public void Validate()
    {
        (int Value, string Field)[] positive =
        [
            (VocabularySize, nameof(VocabularySize)), (PositionCount, nameof(PositionCount)), (HiddenSize, nameof(HiddenSize)), (BlockCount, nameof(BlockCount)),
            (HeadCount, nameof(HeadCount)), (FeedForwardSize, nameof(FeedForwardSize)), (LabelCount, nameof(LabelCount)), (GroupSize, nameof(GroupSize)),
        ];
        foreach ((int value, string field) in positive)
            if (value < 1) throw new ArgumentException($"{field} {value} must be at least 1.");
        if (HiddenSize % HeadCount != 0) throw new ArgumentException($"HeadCount {HeadCount} must divide HiddenSize {HiddenSize}.");
        if (EmbeddingSize < 0) throw new ArgumentException($"EmbeddingSize {EmbeddingSize} must not be negative.");
        if (TokenTypeCount < 0) throw new ArgumentException($"TokenTypeCount {TokenTypeCount} must not be negative.");
        if (GroupCount < 0 || GroupCount > BlockCount) throw new ArgumentException($"GroupCount {GroupCount} must be between 0 and BlockCount {BlockCount}.");
        if (PaddingId is { } padding && (uint)padding >= (uint)VocabularySize) throw new ArgumentException($"PaddingId {padding} must be below VocabularySize {VocabularySize}.");
        if (Positions == EncoderPositions.CountedAfterPadding && ContextLength < 1) throw new ArgumentException($"PositionCount {PositionCount} leaves no position after PaddingId {PaddingId}.");
        if (!(NormalizationEpsilon >= 0)) throw new ArgumentException($"NormalizationEpsilon {NormalizationEpsilon} must not be negative.");
    }
}

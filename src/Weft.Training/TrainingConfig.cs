using System.Text.Json.Serialization;
using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Training.Averaging;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Training;

/// <summary>Every setting of a training run. The command line overrides a file, which overrides a preset.</summary>
/// <remarks>Defaults are those of nanoGPT's training script where it has the setting (github.com/karpathy/nanoGPT, train.py and model.py).</remarks>
public sealed record TrainingConfig
{
    // ---- Text -----------------------------------------------------------------------------------------------------------

    /// <summary>"character", "bpe" (trained on the text), or the path of a tokenizer.json.</summary>
    public string Tokenizer { get; init; } = "bpe";

    /// <summary>How many tokens a trained "bpe" tokenizer gets. Default 1,024: enough for a corpus of some megabytes.</summary>
    public int VocabularySize { get; init; } = 1024;

    /// <summary>The part at the end of the text that is held out. Default: a tenth, as nanoGPT's data scripts.</summary>
    public double ValidationFraction { get; init; } = 0.1;

    // ---- Model ----------------------------------------------------------------------------------------------------------

    /// <summary>Tokens that the model looks at. Default 256.</summary>
    public int ContextLength { get; init; } = 256;

    /// <summary>Width of the residual stream. Default 384 (nanoGPT's small configuration).</summary>
    public int HiddenSize { get; init; } = 384;

    /// <summary>Number of blocks. Default 6.</summary>
    public int BlockCount { get; init; } = 6;

    /// <summary>Number of query heads. Default 6.</summary>
    public int HeadCount { get; init; } = 6;

    /// <summary>Number of key-value heads; 0 means as many as query heads.</summary>
    public int KeyValueHeadCount { get; init; }

    /// <summary>Width of the feed-forward network; 0 means the usual multiple of the hidden size.</summary>
    public int FeedForwardSize { get; init; }

    /// <summary>How positions enter: learned, rotary or none.</summary>
    public PositionScheme Positions { get; init; } = PositionScheme.Learned;

    /// <summary>layerNorm or rmsNorm.</summary>
    public NormalizationKind Normalization { get; init; } = NormalizationKind.LayerNorm;

    /// <summary>gelu, geluTanh or swiGlu. Default: gelu, as nanoGPT.</summary>
    public FeedForwardKind FeedForward { get; init; } = FeedForwardKind.Gelu;

    /// <summary>Whether layer norms have an offset. Default: yes.</summary>
    public bool NormalizationBias { get; init; } = true;

    /// <summary>Whether linear maps have an offset. Default: no, as nanoGPT ("a bit better and faster").</summary>
    public bool LinearBias { get; init; }

    /// <summary>Whether the head is the token embedding. Default: yes.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>The probability of silencing an activation, in embeddings, attention and both residual branches.</summary>
    public double Dropout { get; init; }

    // ---- Optimization ---------------------------------------------------------------------------------------------------

    /// <summary>How many updates; 0 with <see cref="Minutes"/> means as many as fit.</summary>
    public long Steps { get; init; } = 2000;

    /// <summary>About how long to train; 0 means by <see cref="Steps"/>. After 20 steps the number of steps is worked out and kept.</summary>
    public double Minutes { get; init; }

    /// <summary>Rows per micro-step.</summary>
    public int BatchSize { get; init; } = 12;

    /// <summary>Micro-steps per step: their gradients are averaged.</summary>
    public int AccumulationSteps { get; init; } = 1;

    /// <summary>The peak learning rate. Default 1e-3 (nanoGPT's character model: "with baby networks can afford to go a bit higher").</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>The rate at the end. Default 1e-4: a tenth of the peak.</summary>
    public double MinimumLearningRate { get; init; } = 1e-4;

    /// <summary>Steps over which the rate rises. Default 100.</summary>
    public long WarmupSteps { get; init; } = 100;

    /// <summary>The step at which the rate has come down; 0 means the last.</summary>
    public long DecaySteps { get; init; }

    /// <summary>AdamW: how much of the mean gradient is kept. Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW: how much of the mean squared gradient is kept. Default 0.99 (nanoGPT's character model).</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>AdamW: keeps the quotient finite. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>AdamW: the decay of matrices and tables. Default 0.1.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>The largest gradient norm; 0 for no limit. Default 1.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>float32, or bf16: matrix products of factors rounded to bfloat16, summed in float32; everything else stays float32. Default: float32.</summary>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>
    /// Whether each block's activations are computed again in the backward pass instead of being kept (Chen et al. 2016,
    /// arXiv:1604.06174): a third more work, and memory for one block instead of all. The results are the same bits. Default: no.
    /// </summary>
    public bool CheckpointActivations { get; init; }

    /// <summary>The same seed gives the same bits, whatever the number of threads.</summary>
    public ulong Seed { get; init; } = 1337;

    // ---- Regularization -------------------------------------------------------------------------------------------------

    /// <summary>Dropout of the embeddings' elements; null means as <see cref="Dropout"/>.</summary>
    public double? EmbeddingDropout { get; init; }

    /// <summary>Dropout of attention weights; null means as <see cref="Dropout"/>.</summary>
    public double? AttentionDropout { get; init; }

    /// <summary>Dropout of what attention and feed-forward add to the residual stream; null means as <see cref="Dropout"/>.</summary>
    public double? ResidualDropout { get; init; }

    /// <summary>Dropout of whole channels of the embeddings, for a whole row.</summary>
    public double SpatialDropout { get; init; }

    /// <summary>Stochastic depth: the probability of skipping a branch of the last block for a whole row; it rises from block to block.</summary>
    public double PathDropout { get; init; }

    /// <summary>NEFTune: α of the uniform noise α / sqrt(T C) on embeddings; its authors use 5 to 15.</summary>
    public double EmbeddingNoise { get; init; }

    /// <summary>How much of each target is spread over the vocabulary; the usual value is 0.1 (Vaswani et al. 2017, section 5.4).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Mixup of neighbouring rows' embeddings with λ from Beta(α, α); its authors use 0.1 to 0.4.</summary>
    public double MixupAlpha { get; init; }

    /// <summary>R-Drop: the weight α of the disagreement between two passes with different dropout; its authors use 1 to 5.</summary>
    public double RDropWeight { get; init; }

    /// <summary>The probability that a token is hidden from the model while it stays a target.</summary>
    public double TokenMask { get; init; }

    /// <summary>The share of tokens that are hidden in spans while they stay targets.</summary>
    public double SpanMask { get; init; }

    /// <summary>The mean length of such a span. Default 3: about SpanBERT's 3.8 words.</summary>
    public double SpanLength { get; init; } = 3;

    /// <summary>The token that stands for hidden ones, such as [MASK]; empty takes a random token each time.</summary>
    public string MaskToken { get; init; } = "";

    /// <summary>How many altered copies of the training text are added to it.</summary>
    public int AugmentCopies { get; init; }

    /// <summary>A file of lines "word: synonym, synonym" for the copies; empty for none.</summary>
    public string SynonymFile { get; init; } = "";

    /// <summary>The probability that a word of a copy is replaced by a synonym. Default 0.1, as EDA.</summary>
    public double SynonymRate { get; init; } = 0.1;

    /// <summary>The probability that a word of a copy changes places. Default 0.1, as EDA.</summary>
    public double SwapRate { get; init; } = 0.1;

    /// <summary>The probability that a word of a copy is left out. Default 0.1, as EDA.</summary>
    public double DeletionRate { get; init; } = 0.1;

    // ---- Optimizer ------------------------------------------------------------------------------------------------------

    /// <summary>The optimizer by name: adamW, muon (hidden matrices; AdamW takes the rest), lion, sgd, scheduleFreeAdamW, ... (see <see cref="OptimizerCatalogue.Names"/>).</summary>
    public string Optimizer { get; init; } = "adamW";

    /// <summary>The optimizer's own options over its defaults, such as "momentum=0.9, nesterov=true".</summary>
    public string OptimizerOptions { get; init; } = "";

    /// <summary>The schedule as text, such as "linear(start=0.01, steps=100); cosine" (see <see cref="ScheduleText"/>); empty for a rise and a cosine by the settings above.</summary>
    public string Schedule { get; init; } = "";

    /// <summary>The factor of an L1 penalty on what decays, by its proximal step: it makes exact zeros.</summary>
    public double L1 { get; init; }

    /// <summary>The factor of an L2 penalty on what decays, through the gradient.</summary>
    public double L2 { get; init; }

    /// <summary>The largest absolute value of a gradient; 0 for no limit.</summary>
    public double ClipValue { get; init; }

    /// <summary>Adaptive clipping: the largest norm of a row's gradient as a share of its weights' norm; 0 for no limit. Its authors use 0.01 to 0.16.</summary>
    public double AdaptiveClip { get; init; }

    /// <summary>η of Gaussian noise on gradients, of variance η / (1 + t)^0.55; 0 for none. Its authors use 0.01 to 1.</summary>
    public double GradientNoise { get; init; }

    /// <summary>Steps between the slow weights of Lookahead; 0 for none. Its authors use 5.</summary>
    public int LookaheadInterval { get; init; }

    /// <summary>The radius of sharpness-aware minimization, which costs a second gradient a step; 0 for none. Its authors use 0.05.</summary>
    public double SharpnessRadius { get; init; }

    /// <summary>What is measured and saved: the weights themselves (none), their equal average, or their exponential one.</summary>
    public AveragingKind Averaging { get; init; }

    /// <summary>How much of an exponential average is kept each time. Default 0.999.</summary>
    public double AverageDecay { get; init; } = 0.999;

    /// <summary>The step from which on weights are averaged.</summary>
    public long AverageStart { get; init; }

    /// <summary>Steps between weights that are averaged. Default 1.</summary>
    public long AverageInterval { get; init; } = 1;

    // ---- Watching -------------------------------------------------------------------------------------------------------

    /// <summary>Steps between lines of the metrics. Default 10.</summary>
    public long LogInterval { get; init; } = 10;

    /// <summary>Steps between measurements on held-out text. Default 250.</summary>
    public long EvaluationInterval { get; init; } = 250;

    /// <summary>Rows of held-out text per measurement, spread evenly; 0 means all. The last measurement always takes all. Default 240 (nanoGPT: 20 batches of 12).</summary>
    public int EvaluationRows { get; init; } = 240;

    /// <summary>Measurements without improvement after which the run ends; 0 means never.</summary>
    public int Patience { get; init; }

    /// <summary>Steps between samples of what the model writes; 0 means none.</summary>
    public long SampleInterval { get; init; } = 500;

    /// <summary>Tokens per sample.</summary>
    public int SampleTokens { get; init; } = 120;

    /// <summary>Steps between checkpoints from which the run can go on. Default 250.</summary>
    public long CheckpointInterval { get; init; } = 250;

    /// <summary>The architecture that these settings describe.</summary>
    public DecoderConfig ToDecoderConfig(int vocabularySize, int? endOfTextId) => new()
    {
        VocabularySize = vocabularySize,
        ContextLength = ContextLength,
        HiddenSize = HiddenSize,
        BlockCount = BlockCount,
        HeadCount = HeadCount,
        KeyValueHeadCount = KeyValueHeadCount,
        FeedForwardSize = FeedForwardSize,
        Positions = Positions,
        Normalization = Normalization,
        NormalizationBias = NormalizationBias,
        LinearBias = LinearBias,
        FeedForward = FeedForward,
        TieEmbeddings = TieEmbeddings,
        BeginOfTextId = endOfTextId,
        EndOfTextId = endOfTextId,
    };

    /// <summary>The noise that these settings describe.</summary>
    public NoiseRates ToNoiseRates() => new()
    {
        Embedding = EmbeddingDropout ?? Dropout,
        Attention = AttentionDropout ?? Dropout,
        Residual = ResidualDropout ?? Dropout,
        Spatial = SpatialDropout,
        Path = PathDropout,
        EmbeddingNoise = EmbeddingNoise,
    };

    /// <summary>Throws if a value is out of range or two do not fit together.</summary>
    /// <exception cref="ArgumentException">Names the field, its value and the rule.</exception>
    public void Validate()
    {
        ToDecoderConfig(1, null).Validate();
        Require(ValidationFraction is > 0 and < 1, nameof(ValidationFraction), ValidationFraction, "must be between 0 and 1");
        Require(VocabularySize >= 257, nameof(VocabularySize), VocabularySize, "must be at least 257: every byte and the end of a text");
        Require(Dropout is >= 0 and < 1, nameof(Dropout), Dropout, "must be at least 0 and below 1");
        RequireRegularization();
        RequireOptimizer();
        Require(Steps >= 0, nameof(Steps), Steps, "must not be negative");
        Require(Minutes >= 0, nameof(Minutes), Minutes, "must not be negative");
        Require(Steps > 0 || Minutes > 0, nameof(Steps), Steps, "must be at least 1 unless minutes are given");
        Require(BatchSize >= 1, nameof(BatchSize), BatchSize, "must be at least 1");
        Require(AccumulationSteps >= 1, nameof(AccumulationSteps), AccumulationSteps, "must be at least 1");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "must be a positive number");
        Require(MinimumLearningRate >= 0 && MinimumLearningRate <= LearningRate, nameof(MinimumLearningRate), MinimumLearningRate, $"must be between 0 and learningRate {LearningRate}");
        Require(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "must not be negative");
        Require(DecaySteps >= 0, nameof(DecaySteps), DecaySteps, "must not be negative");
        Require(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "must be at least 0 and below 1");
        Require(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "must be at least 0 and below 1");
        Require(Epsilon > 0, nameof(Epsilon), Epsilon, "must be positive");
        Require(WeightDecay >= 0, nameof(WeightDecay), WeightDecay, "must not be negative");
        Require(ClipNorm >= 0, nameof(ClipNorm), ClipNorm, "must not be negative");
        Require(LogInterval >= 1, nameof(LogInterval), LogInterval, "must be at least 1");
        Require(EvaluationInterval >= 1, nameof(EvaluationInterval), EvaluationInterval, "must be at least 1");
        Require(EvaluationRows >= 0, nameof(EvaluationRows), EvaluationRows, "must not be negative");
        Require(Patience >= 0, nameof(Patience), Patience, "must not be negative");
        Require(SampleInterval >= 0, nameof(SampleInterval), SampleInterval, "must not be negative");
        Require(SampleTokens >= 1, nameof(SampleTokens), SampleTokens, "must be at least 1");
        Require(CheckpointInterval >= 1, nameof(CheckpointInterval), CheckpointInterval, "must be at least 1");
    }

    private void RequireOptimizer()
    {
        OptimizerCatalogue.Validate(this);
        if (Schedule.Length > 0) ScheduleText.Parse(Schedule, LearningRate, Math.Max(1, Steps));
        Require(L1 >= 0, nameof(L1), L1, "must not be negative");
        Require(L2 >= 0, nameof(L2), L2, "must not be negative");
        Require(ClipValue >= 0, nameof(ClipValue), ClipValue, "must not be negative");
        Require(AdaptiveClip >= 0, nameof(AdaptiveClip), AdaptiveClip, "must not be negative");
        Require(GradientNoise >= 0, nameof(GradientNoise), GradientNoise, "must not be negative");
        Require(LookaheadInterval >= 0, nameof(LookaheadInterval), LookaheadInterval, "must not be negative");
        Require(SharpnessRadius >= 0, nameof(SharpnessRadius), SharpnessRadius, "must not be negative");
        Require(AverageDecay is >= 0 and < 1, nameof(AverageDecay), AverageDecay, "must be at least 0 and below 1");
        Require(AverageStart >= 0, nameof(AverageStart), AverageStart, "must not be negative");
        Require(AverageInterval >= 1, nameof(AverageInterval), AverageInterval, "must be at least 1");
        Require(Schedule.Length == 0 || Steps > 0, nameof(Schedule), Schedule, "needs steps rather than minutes");
    }

    private void RequireRegularization()
    {
        foreach ((string field, double value) in ((string, double)[])
        [
            (nameof(EmbeddingDropout), EmbeddingDropout ?? 0), (nameof(AttentionDropout), AttentionDropout ?? 0), (nameof(ResidualDropout), ResidualDropout ?? 0),
            (nameof(SpatialDropout), SpatialDropout), (nameof(PathDropout), PathDropout), (nameof(LabelSmoothing), LabelSmoothing), (nameof(TokenMask), TokenMask),
            (nameof(SpanMask), SpanMask), (nameof(SynonymRate), SynonymRate), (nameof(SwapRate), SwapRate), (nameof(DeletionRate), DeletionRate),
        ])
            Require(value is >= 0 and < 1, field, value, "must be at least 0 and below 1");
        Require(EmbeddingNoise >= 0, nameof(EmbeddingNoise), EmbeddingNoise, "must not be negative");
        Require(MixupAlpha >= 0, nameof(MixupAlpha), MixupAlpha, "must not be negative");
        Require(MixupAlpha == 0 || BatchSize >= 2, nameof(MixupAlpha), MixupAlpha, "needs a batchSize of at least 2: rows are mixed with their neighbours");
        Require(RDropWeight >= 0, nameof(RDropWeight), RDropWeight, "must not be negative");
        Require(RDropWeight == 0 || ToNoiseRates().Any, nameof(RDropWeight), RDropWeight, "needs dropout: without it both passes are the same");
        Require(RDropWeight == 0 || MixupAlpha == 0, nameof(RDropWeight), RDropWeight, "excludes mixupAlpha");
        Require(SpanLength >= 1, nameof(SpanLength), SpanLength, "must be at least 1");
        Require(MaskToken.Length == 0 || TokenMask > 0 || SpanMask > 0, nameof(MaskToken), MaskToken, "needs tokenMask or spanMask");
        Require(AugmentCopies >= 0, nameof(AugmentCopies), AugmentCopies, "must not be negative");
        Require(SynonymFile.Length == 0 || AugmentCopies > 0, nameof(SynonymFile), SynonymFile, "needs augmentCopies of at least 1");
    }

    private static void Require(bool holds, string field, object value, string rule)
    {
        if (!holds) throw new ArgumentException(FormattableString.Invariant($"{char.ToLowerInvariant(field[0])}{field[1..]} {value} {rule}."));
    }
}

/// <summary>How a <see cref="TrainingConfig"/> is written as JSON.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, NewLine = "\n")]
[JsonSerializable(typeof(TrainingConfig))]
internal sealed partial class TrainingJson : JsonSerializerContext;

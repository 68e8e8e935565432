using Weft.Models.Decoder;

namespace Weft.Training;

/// <summary>A named configuration.</summary>
/// <param name="Name">What <c>--preset</c> takes.</param>
/// <param name="Description">What it trains and where its numbers come from.</param>
/// <param name="Config">Its settings.</param>
public sealed record TrainingPreset(string Name, string Description, TrainingConfig Config);

/// <summary>The configurations that come with Weft.</summary>
public static class TrainingPresets
{
    /// <summary>The preset of the embedded default.</summary>
    public const string Stories = "stories";

    /// <summary>The preset for a text without <c>--preset</c>.</summary>
    public const string Text = "text";

    /// <summary>Every preset.</summary>
    public static IReadOnlyList<TrainingPreset> All { get; } =
    [
        new(Stories, "the embedded stories: 4 layers x 128, a minute or two on two cores", new TrainingConfig
        {
            Tokenizer = "bpe", VocabularySize = 1024,
            ContextLength = 144, HiddenSize = 128, BlockCount = 4, HeadCount = 4,
            BatchSize = 16, Steps = 1100, LearningRate = 6e-3, MinimumLearningRate = 1e-4, WarmupSteps = 60,
            EvaluationInterval = 200, EvaluationRows = 128, SampleInterval = 400, SampleTokens = 128, CheckpointInterval = 200,
        }),
        new(Text, "any text: 4 layers x 128, byte-level BPE of 1,024 tokens, some minutes on two cores", new TrainingConfig
        {
            ContextLength = 128, HiddenSize = 128, BlockCount = 4, HeadCount = 4, BatchSize = 16, Steps = 2000, LearningRate = 2e-3, MinimumLearningRate = 2e-4,
        }),
        new("nanogpt-shakespeare-cpu", "the CPU settings of nanoGPT's README: characters, 4 layers x 128, context 64, batch 12, 2,000 steps", new TrainingConfig
        {
            Tokenizer = "character",
            ContextLength = 64, HiddenSize = 128, BlockCount = 4, HeadCount = 4, TieEmbeddings = false,
            BatchSize = 12, Steps = 2000, Dropout = 0,
        }),
        new("nanogpt-shakespeare", "nanoGPT's full character model: 6 layers x 384, context 256, batch 64, dropout 0.2, 5,000 steps (hours on a CPU)", new TrainingConfig
        {
            Tokenizer = "character",
            ContextLength = 256, HiddenSize = 384, BlockCount = 6, HeadCount = 6,
            BatchSize = 64, Steps = 5000, Dropout = 0.2,
        }),
        new("llama-small", "Llama's layers in small: rotary, RMSNorm, SwiGLU, grouped queries; 6 layers x 256, BPE of 2,048 tokens", new TrainingConfig
        {
            VocabularySize = 2048,
            ContextLength = 256, HiddenSize = 256, BlockCount = 6, HeadCount = 8, KeyValueHeadCount = 4,
            Positions = PositionScheme.Rotary, Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu,
            BatchSize = 16, Steps = 3000, Beta2 = 0.95,
        }),
        new("gpt2-124m", "GPT-2's smallest size: 12 layers x 768, context 1,024, BPE of 16,384 tokens (days on a CPU)", new TrainingConfig
        {
            VocabularySize = 16_384,
            ContextLength = 1024, HiddenSize = 768, BlockCount = 12, HeadCount = 12, LinearBias = true, FeedForward = FeedForwardKind.GeluTanh,
            BatchSize = 4, AccumulationSteps = 8, Steps = 20_000, LearningRate = 6e-4, MinimumLearningRate = 6e-5, WarmupSteps = 700, Beta2 = 0.95,
        }),
    ];

    /// <summary>A preset by its name.</summary>
    /// <exception cref="ArgumentException">There is none of that name; the message lists those there are.</exception>
    public static TrainingPreset Find(string name) => All.FirstOrDefault(p => p.Name == name)
        ?? throw new ArgumentException($"There is no preset '{name}'; there are {string.Join(", ", All.Select(static p => p.Name))}.");
}

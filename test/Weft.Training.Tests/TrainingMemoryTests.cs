using Weft.Models.Decoder;
using Weft.Tensors;

namespace Weft.Training.Tests;

public sealed class TrainingMemoryTests
{
    public static TheoryData<string> Presets => [.. TrainingPresets.All.Select(static p => p.Name).Where(static n => !n.StartsWith("gpt2", StringComparison.Ordinal))];

    /// <summary>The weights are counted from the architecture; the model itself is the oracle.</summary>
    [Theory]
    [MemberData(nameof(Presets))]
    public void Predict_OfAPreset_CountsTheModelsWeights(string preset)
    {
        TrainingConfig config = TrainingPresets.Find(preset).Config;
        Assert.Equal(4 * new DecoderModel(config.ToDecoderConfig(500, null)).ParameterCount, TrainingMemory.Predict(config, 500).WeightBytes);
    }

    /// <summary>Checkpoints hold one block's activations and C floats per token for each of the others.</summary>
    [Fact]
    public void Predict_WithCheckpoints_NeedsLessTheMoreBlocksThereAre()
    {
        TrainingConfig config = TrainingPresets.Find("nanogpt-shakespeare-cpu").Config with { BlockCount = 12 };
        long plain = TrainingMemory.Predict(config, 65).ActivationBytes, checkpointed = TrainingMemory.Predict(config with { CheckpointActivations = true }, 65).ActivationBytes;
        Assert.InRange(checkpointed, 1, plain / 3);
    }
}

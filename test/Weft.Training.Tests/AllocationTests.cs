using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Training.Data;
using Weft.Training.Objectives;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Training.Tests;

/// <summary>A step's memory is the last step's memory.</summary>
[Collection("alone")]
public sealed class AllocationTests
{
    private const int WarmupSteps = 12, MeasuredSteps = 25;

    public static TheoryData<string> Presets => ["nanogpt-shakespeare-cpu", "stories", "llama-small"];

    [Theory]
    [MemberData(nameof(Presets))]
    public void Step_InTheSteadyState_AllocatesNothing(string preset)
    {
        TrainingConfig config = TrainingPresets.Find(preset).Config with { ContextLength = 32, HiddenSize = 64, BlockCount = 2, BatchSize = 4, AccumulationSteps = 2 };
        TrainingLoop loop = Loop(config, dropout: 0);
        for (int i = 0; i < WarmupSteps; i++) loop.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < MeasuredSteps; i++) loop.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData(false, Precision.Float32)]
    [InlineData(true, Precision.Float32)]
    [InlineData(true, Precision.Bf16)]
    public void Step_WithDropout_AllocatesNothing(bool checkpoint, Precision precision)
    {
        TrainingConfig config = TrainingPresets.Find("nanogpt-shakespeare-cpu").Config with { ContextLength = 32, HiddenSize = 64, BlockCount = 2, BatchSize = 4, Dropout = 0.2, CheckpointActivations = checkpoint, Precision = precision };
        TrainingLoop loop = Loop(config, 0.2);
        for (int i = 0; i < WarmupSteps; i++) loop.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < MeasuredSteps; i++) loop.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Step_WithNoiseSmoothingAndHiddenTokens_AllocatesNothing()
    {
        RandomGenerator generator = new(3);
        int[] tokens = [.. Enumerable.Range(0, 5000).Select(_ => generator.NextInt32(65))];
        DecoderModel model = new DecoderModel(new DecoderConfig { VocabularySize = 65, ContextLength = 32, HiddenSize = 64, BlockCount = 2, HeadCount = 2 }).Initialize(new RandomGenerator(1));
        TrainingNoise noise = new(new NoiseRates { Embedding = 0.1, Attention = 0.1, Residual = 0.1, Spatial = 0.1, Path = 0.1, EmbeddingNoise = 5 }, 2, new RandomGenerator(5));
        CorruptedBatches batches = new(new RandomWindows(tokens, 32, 1), new TokenCorruption(0.1, 0.1, 3, null), 65, 1);
        TrainingLoop loop = new(
            model, batches, new AdamW(ParameterGroup.ByRank(model.Parameters, 0.1)), new ConstantRate(1e-3), 4, 2, 1,
            new ForwardSettings { Dropout = noise }, new RegularizedObjective(0.1, 0, 0, noise));
        for (int i = 0; i < WarmupSteps; i++) loop.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < MeasuredSteps; i++) loop.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Step_ManyTimes_KeepsTheHeapAndThePoolFlat()
    {
        TrainingConfig config = TrainingPresets.Find("nanogpt-shakespeare-cpu").Config with { ContextLength = 16, HiddenSize = 16, HeadCount = 2, BlockCount = 1, BatchSize = 2 };
        TrainingLoop loop = Loop(config, dropout: 0);
        for (int i = 0; i < 100; i++) loop.Step();
        long pooled = BufferPool.PooledBytes, heap = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < 10_000; i++) loop.Step();
        Assert.Equal(pooled, BufferPool.PooledBytes);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true), 0, heap + (64 << 10)); // the test host's own bookkeeping
    }

    // Texts of many lengths: without a limit, the pool would come to hold every size there ever was.
    [Fact]
    public void Scopes_OfManySizes_DoNotFillThePool()
    {
        BufferPool.Trim();
        const int Largest = 8 << 20;
        for (int size = 1 << 20; size <= Largest; size += 1 << 18)
        {
            using MemoryScope scope = MemoryScope.Enter();
            for (int i = 0; i < 4; i++) Tensor.Uninitialized([size]);
        }
        // What the largest scope took (4 blocks of 32 MiB, 128 MiB), and the blocks that it gave back.
        Assert.InRange(BufferPool.PooledBytes, 1, 2 * 4 * sizeof(float) * (long)Largest);
        BufferPool.Trim();
    }

    private static TrainingLoop Loop(TrainingConfig config, double dropout)
    {
        RandomGenerator generator = new(3);
        int[] tokens = [.. Enumerable.Range(0, 5000).Select(_ => generator.NextInt32(65))];
        DecoderModel model = new DecoderModel(config.ToDecoderConfig(65, null)).Initialize(new RandomGenerator(1));
        ForwardSettings? settings = dropout > 0 ? new ForwardSettings { Dropout = new RandomDropout(dropout, new RandomGenerator(5)), CheckpointActivations = config.CheckpointActivations } : null;
        return new TrainingLoop(model, new RandomWindows(tokens, config.ContextLength, 1), new AdamW(ParameterGroup.ByRank(model.Parameters, 0.1)), new ConstantRate(1e-3), config.BatchSize, config.AccumulationSteps, 1, settings, precision: config.Precision);
    }
}

/// <summary>Tests that measure the process and so must not run beside others.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class AloneCollection;

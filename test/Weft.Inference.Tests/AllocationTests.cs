using Weft.Inference.Sampling;

namespace Weft.Inference.Tests;

/// <summary>A token's memory is the last token's memory. Others would borrow it from the pool.</summary>
[Collection("alone")]
public sealed class AllocationTests
{
    public static TheoryData<SamplingSettings> Settings =>
    [
        new SamplingSettings { Temperature = 0 },
        new SamplingSettings { Temperature = 0.7, TopK = 5, TopP = 0.9, MinP = 0.01, RepetitionPenalty = 1.2 },
        new SamplingSettings
        {
            Temperature = 0.9, TypicalP = 0.95, EpsilonCutoff = 1e-4, EtaCutoff = 1e-3, TopH = 0.9, PresencePenalty = 0.1, FrequencyPenalty = 0.1, NoRepeatNgramSize = 4,
            LogitBias = new Dictionary<int, double> { [3] = 1 }, BadWords = [[4, 5]], Processors = [new SuppressTokens([7])],
        },
    ];

    [Theory]
    [MemberData(nameof(Settings))]
    public void Next_InTheSteadyState_AllocatesNothing(SamplingSettings settings)
    {
        Generator generator = new(GeneratorTests.Language(context: 256));
        generator.Start([1, 2, 3], settings);
        for (int i = 0; i < 140; i++) generator.Next(); // the cache has grown for the last time: it doubles from 64 tokens
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) generator.Next();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}

/// <summary>Tests that measure the process and so must not run beside others.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class AloneCollection;

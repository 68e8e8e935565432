using System.Globalization;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Threading;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Schedules;

namespace Weft.Bench.Peers;

/// <summary>Whole training steps, in turns: a block of steps of one side, a block of the other, and so on.</summary>
internal static class StepComparison
{
    /// <summary>The configurations that can be compared.</summary>
    internal static readonly Dictionary<string, (TrainingConfig Config, int Vocabulary, int StepsPerBlock)> Configurations = new()
    {
        ["nanogpt-shakespeare-cpu"] = (TrainingPresets.Find("nanogpt-shakespeare-cpu").Config, 65, 20),
        ["6x384"] = (TrainingPresets.Find("nanogpt-shakespeare").Config with { BatchSize = 8, Dropout = 0 }, 65, 2),
        ["gpt2-124m"] = (TrainingPresets.Find("gpt2-124m").Config with { ContextLength = 64, BatchSize = 4, AccumulationSteps = 1, FeedForward = FeedForwardKind.Gelu, WarmupSteps = 10 }, 50257, 1),
    };

    private const double BlockMilliseconds = 500;

    /// <summary>How far the losses of the two sides may be apart over the first steps: float32 in another order of summation.</summary>
    private const double LossTolerance = 1e-3;

    internal static int Run(string name, int pairs)
    {
        (TrainingConfig config, int vocabulary, int steps) = Configurations[name];
        int[] tokens = Tokens(vocabulary, Math.Max(50_000, config.ContextLength * 50));
        DecoderModel model = new DecoderModel(config.ToDecoderConfig(vocabulary, null)).Initialize(new RandomGenerator(config.Seed));
        LearningRateSchedule schedule = new WarmupCosine(config.LearningRate, config.MinimumLearningRate, config.WarmupSteps, 2000);
        RandomWindows Batches() => new(tokens, config.ContextLength, config.Seed);
        ISide peer = new LibtorchSide(model, config, Batches(), schedule), weft = new WeftSide(model, config, Batches(), schedule); // the peer copies the weights first

        int compared = Math.Min(20, Math.Max(4, steps));
        double apart = 0;
        for (int i = 0; i < compared; i++) apart = Math.Max(apart, Math.Abs(weft.Step() - peer.Step()));
        Console.WriteLine(Invariant($"{name}: {model.ParameterCount:N0} parameters, batch {config.BatchSize} x {config.ContextLength}, {ForkJoin.ThreadCount} threads; losses of {compared} steps at most {apart:E1} apart (allowed {LossTolerance:E0})"));

        Pairs times = Pairs.Measure(() => weft.Step(), () => peer.Step(), pairs, BlockMilliseconds);
        ResultTable.Write("Training step, float32", name, times, apart);
        return apart <= LossTolerance ? 0 : 1;
    }

    // Text-like: frequent and rare tokens, some of them predictable, so that losses fall.
    private static int[] Tokens(int vocabulary, int count)
    {
        RandomGenerator generator = new(11);
        int[] tokens = new int[count];
        for (int i = 1; i < count; i++)
            tokens[i] = generator.NextInt32(3) == 0 ? (int)(vocabulary * Math.Pow(generator.NextDouble(), 3)) : (tokens[i - 1] * 7 + 3) % vocabulary;
        return tokens;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

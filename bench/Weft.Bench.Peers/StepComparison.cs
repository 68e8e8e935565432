using System.Diagnostics;
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
    internal static readonly Dictionary<string, (TrainingConfig Config, int Vocabulary)> Configurations = new()
    {
        ["nanogpt-shakespeare-cpu"] = (TrainingPresets.Find("nanogpt-shakespeare-cpu").Config, 65),
        ["6x384"] = (TrainingPresets.Find("nanogpt-shakespeare").Config with { BatchSize = 8, Dropout = 0 }, 65),
        ["gpt2-124m"] = (TrainingPresets.Find("gpt2-124m").Config with { ContextLength = 64, BatchSize = 4, AccumulationSteps = 1, FeedForward = FeedForwardKind.Gelu, WarmupSteps = 10, LearningRate = 1e-4 }, 50257),
        ["6x384-context-4096"] = (TrainingPresets.Find("nanogpt-shakespeare").Config with { BatchSize = 1, Dropout = 0, ContextLength = 4096 }, 65),
    };

    private const double BlockMilliseconds = 500;

    // Methods are compiled again on another thread while steps are made: with two threads that is one of their cores.
    private const double CompilingSeconds = 3;

    // How far the losses of the two sides may be apart over the first steps: float32 in another order of summation; bf16 rounds in other places.
    private const double LossTolerance = 1e-3, Bf16LossTolerance = 2e-2;
    private const int ComparedSteps = 20;

    internal static bool Run(string name, int pairs, PeerPrecision peerPrecision, bool untuned)
    {
        (TrainingConfig config, int vocabulary) = Configurations[name];
        bool bf16 = peerPrecision != PeerPrecision.Float32;
        config = config with { Precision = bf16 ? Precision.Bf16 : Precision.Float32 };
        // Weights that are themselves rounded learn something else: no agreement is asked for.
        double tolerance = peerPrecision switch { PeerPrecision.Float32 => LossTolerance, PeerPrecision.Autocast => Bf16LossTolerance, _ => double.PositiveInfinity };
        int[] tokens = Tokens(vocabulary, Math.Max(50_000, config.ContextLength * 50));
        DecoderModel model = new DecoderModel(config.ToDecoderConfig(vocabulary, null)).Initialize(new RandomGenerator(config.Seed));
        LearningRateSchedule schedule = new WarmupCosine(config.LearningRate, config.MinimumLearningRate, config.WarmupSteps, 2000);
        RandomWindows Batches() => new(tokens, config.ContextLength, config.Seed);
        ISide peer = new LibtorchSide(model, config, Batches(), schedule, peerPrecision), weft = new WeftSide(model, config, Batches(), schedule); // the peer copies the weights first

        double apart = 0;
        for (int i = 0; i < ComparedSteps; i++) apart = Math.Max(apart, Math.Abs(weft.Step() - peer.Step()));
        Console.WriteLine(Invariant($"{name}: {model.ParameterCount:N0} parameters, batch {config.BatchSize} x {config.ContextLength}, {ForkJoin.ThreadCount} threads; losses of {ComparedSteps} steps at most {apart:E1} apart{(double.IsFinite(tolerance) ? $" (allowed {tolerance:E0})" : "")}"));

        foreach (ISide side in (ISide[])[weft, peer]) for (long begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin).TotalSeconds < CompilingSeconds;) side.Step();
        Pairs times = Pairs.Measure(() => weft.Step(), () => peer.Step(), pairs, BlockMilliseconds);
        string section = peerPrecision switch { PeerPrecision.Float32 => "Training step, float32", PeerPrecision.Autocast => "Training step, bf16", _ => "Training step, bf16, peer's weights in bf16 too" };
        ResultTable.Write(untuned ? section + ", malloc as it is" : section, name, times, apart);
        return apart <= tolerance;
    }

    /// <summary>Makes some steps with one side alone and returns the most memory that the process held, in MB.</summary>
    internal static double PeakMegabytes(string name, bool weft)
    {
        ISide side = Alone(name, weft);
        for (int i = 0; i < 4; i++) side.Step();
        using Process process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1e6;
    }

    /// <summary>Makes steps with one side alone for some seconds and returns the median of their times, in milliseconds.</summary>
    internal static double StepMilliseconds(string name, bool weft)
    {
        const double Seconds = 4;
        ISide side = Alone(name, weft);
        for (int i = 0; i < 10; i++) side.Step();
        List<double> times = [];
        for (long begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin).TotalSeconds < Seconds;)
        {
            long start = Stopwatch.GetTimestamp();
            side.Step();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return ResultTable.Median(times);
    }

    private static ISide Alone(string name, bool weft)
    {
        (TrainingConfig config, int vocabulary) = Configurations[name];
        int[] tokens = Tokens(vocabulary, Math.Max(50_000, config.ContextLength * 50));
        DecoderModel model = new DecoderModel(config.ToDecoderConfig(vocabulary, null)).Initialize(new RandomGenerator(config.Seed));
        LearningRateSchedule schedule = new WarmupCosine(config.LearningRate, config.MinimumLearningRate, config.WarmupSteps, 2000);
        RandomWindows batches = new(tokens, config.ContextLength, config.Seed);
        return weft ? new WeftSide(model, config, batches, schedule) : new LibtorchSide(model, config, batches, schedule, PeerPrecision.Float32);
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

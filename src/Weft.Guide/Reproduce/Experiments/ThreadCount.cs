using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Threading;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Training gives the same bits on any number of threads.</summary>
public sealed class ThreadCount : Experiment
{
    private const int Steps = 30;

    /// <inheritdoc/>
    public override string Name => "thread-count";

    /// <inheritdoc/>
    public override string Claim => "The same seed gives the same weights, bit for bit, on 1, 2, 3 and 4 threads.";

    /// <inheritdoc/>
    public override string Source => "Weft's own rule: work is split over outputs, never over a sum.";

    /// <inheritdoc/>
    public override string Procedure => $"Train a model of 2 layers x 64 for {Steps} steps on each number of threads and compare all weights.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Exactly("weights that differ from one thread's", 0, "", "Every sum is made in one fixed order."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        RandomGenerator generator = new(3);
        int[] tokens = [.. Enumerable.Range(0, 5000).Select(_ => generator.NextInt32(65))];
        int before = ForkJoin.ThreadCount;
        float[]? first = null;
        int differing = 0;
        try
        {
            foreach (int threads in (int[])[1, 2, 3, 4])
            {
                cancellation.ThrowIfCancellationRequested();
                progress.Report($"{threads} threads");
                ForkJoin.ThreadCount = threads;
                DecoderModel model = new DecoderModel(new DecoderConfig { VocabularySize = 65, ContextLength = 96, HiddenSize = 64, BlockCount = 2, HeadCount = 4 }).Initialize(new RandomGenerator(1));
                TrainingLoop loop = new(model, new RandomWindows(tokens, 96, 1), new AdamW(ParameterGroup.ByRank(model.Parameters, 0.1)), new ConstantRate(1e-3), batchSize: 8, clipNorm: 1);
                for (int i = 0; i < Steps; i++) loop.Step();
                float[] weights = [.. model.Parameters.SelectMany(static p => p.ToArray<float>())];
                first ??= weights;
                differing += first.Zip(weights, static (a, b) => BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b) ? 0 : 1).Sum();
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
        return [differing];
    }
}

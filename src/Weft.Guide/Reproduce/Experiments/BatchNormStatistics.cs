using Weft.Tensors;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Batch normalization's running statistics are those of the definition.</summary>
public sealed class BatchNormStatistics : Experiment
{
    private const int Batches = 25, N = 6, C = 3, Side = 4;
    private const double Momentum = 0.1;

    /// <inheritdoc/>
    public override string Name => "batch-norm-statistics";

    /// <inheritdoc/>
    public override string Claim => "The running mean and variance of batch normalization are moving averages of each batch's mean and unbiased variance.";

    /// <inheritdoc/>
    public override string Source => "Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2, with torch.nn.BatchNorm2d's momentum.";

    /// <inheritdoc/>
    public override string Procedure => $"Normalize {Batches} random batches [{N}, {C}, {Side}, {Side}] in float64 and compare with loops that follow the definition.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("largest error of the running statistics", 1e-12, "", "Only the order of the additions differs, in float64."),
        ExpectedFigure.AtMost("largest mean of a normalized channel", 1e-12, "", "What is normalized has mean 0."),
        ExpectedFigure.Near("variance of a normalized channel", 1, 1e-4, "", "What is normalized has variance 1 but for epsilon, 1e-5 of a variance of about 4."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        RandomGenerator generator = new(6);
        Tensor mean = Tensor.Zeros([C], DType.Float64), variance = Tensor.Ones([C], DType.Float64);
        double[] expectedMean = new double[C], expectedVariance = [1, 1, 1];
        double error = 0, offset = 0, spread = 0;
        for (int b = 0; b < Batches; b++)
        {
            Tensor x = generator.FillGaussian(Tensor.Uninitialized([N, C, Side, Side], DType.Float64), 3, 2);
            double[] y = x.BatchNorm(null, null, mean, variance, Momentum).ToArray<double>(), values = x.ToArray<double>();
            for (int c = 0; c < C; c++)
            {
                double[] channel = [.. Channel(values, c)], normal = [.. Channel(y, c)];
                double average = channel.Average(), unbiased = channel.Sum(v => (v - average) * (v - average)) / (channel.Length - 1);
                expectedMean[c] = (1 - Momentum) * expectedMean[c] + Momentum * average;
                expectedVariance[c] = (1 - Momentum) * expectedVariance[c] + Momentum * unbiased;
                offset = Math.Max(offset, Math.Abs(normal.Average()));
                spread = normal.Average(static v => v * v);
            }
            for (int c = 0; c < C; c++) error = Math.Max(error, Math.Max(Math.Abs(mean[c] - expectedMean[c]), Math.Abs(variance[c] - expectedVariance[c])));
        }
        return [error, offset, spread];
    }

    private static IEnumerable<double> Channel(double[] values, int channel) => values.Where((_, i) => i / (Side * Side) % C == channel);
}

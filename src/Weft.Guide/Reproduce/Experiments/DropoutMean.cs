using Weft.Tensors;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Dropout leaves the expected value of an activation as it is.</summary>
public sealed class DropoutMean : Experiment
{
    private const int Count = 1_000_000;
    private static readonly double[] s_probabilities = [0.1, 0.3, 0.5, 0.8];

    /// <inheritdoc/>
    public override string Name => "dropout-mean";

    /// <inheritdoc/>
    public override string Claim => "Dropout that divides what it keeps by 1 - p leaves the mean of activations unchanged.";

    /// <inheritdoc/>
    public override string Source => "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting, section 10.";

    /// <inheritdoc/>
    public override string Procedure => $"Apply dropout with p of {string.Join(", ", s_probabilities)} to {Count:N0} ones; compare the mean with 1 and the dropped share with p, in standard deviations.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("farthest mean from 1", 3, "standard deviations", "A mean of independent draws lies within three deviations, sqrt(p / ((1 - p) n)) each, in 99.7 of 100 cases; the seed is fixed."),
        ExpectedFigure.Exactly("kept values that are not 1 / (1 - p)", 0, "", "Nothing else is done to them."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        double farthest = 0, wrong = 0;
        foreach (double p in s_probabilities)
        {
            cancellation.ThrowIfCancellationRequested();
            double[] y = Tensor.Ones([Count], DType.Float64).Dropout(p, new RandomGenerator(7)).ToArray<double>();
            farthest = Math.Max(farthest, Math.Abs(y.Average() - 1) / Math.Sqrt(p / ((1 - p) * Count)));
            wrong += y.Count(v => v != 0 && v != 1 / (1 - p));
        }
        return [farthest, wrong];
    }
}

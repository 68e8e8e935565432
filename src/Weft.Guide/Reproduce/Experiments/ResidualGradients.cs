using Weft.Tensors;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>A path that adds instead of replacing carries gradients to the first layer.</summary>
public sealed class ResidualGradients : Experiment
{
    private const int Layers = 32, Width = 64, Batch = 32;

    /// <inheritdoc/>
    public override string Name => "residual-gradients";

    /// <inheritdoc/>
    public override string Claim => "Of 32 layers the first gets a gradient at least a hundredth as large as the last if each adds to a residual stream, and at most a millionth if each replaces it.";

    /// <inheritdoc/>
    public override string Source => "He et al. 2016, Identity mappings in deep residual networks, arXiv:1603.05027, equation 5.";

    /// <inheritdoc/>
    public override string Procedure => $"The gradient of a squared error through {Layers} sigmoid layers of {Width} units, weights uniform in ±1/sqrt({Width}) as torch draws them, with x + f(x) and with f(x) alone.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtLeast("first gradient over last, residual", 1e-2, "", "The claim."),
        ExpectedFigure.AtMost("first gradient over last, plain", 1e-6, "", "The claim: each layer multiplies by at most 1/4 (the sigmoid's slope) times about 1 / sqrt(3), 31 of them by 1e-26."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation) => [Ratio(residual: true), Ratio(residual: false)];

    private static double Ratio(bool residual)
    {
        RandomGenerator generator = new(3);
        double bound = 1 / Math.Sqrt(Width);
        Tensor[] weights = [.. Enumerable.Range(0, Layers).Select(_ => generator.FillUniform(Tensor.Uninitialized([Width, Width], DType.Float64), -bound, bound).RequireGrad())];
        Tensor x = generator.FillGaussian(Tensor.Uninitialized([Batch, Width], DType.Float64)), target = generator.FillGaussian(Tensor.Uninitialized([Batch, Width], DType.Float64));
        foreach (Tensor weight in weights)
        {
            Tensor y = x.Linear(weight).Sigmoid();                                  // [Batch, Width]
            x = residual ? x + y : y;
        }
        x.MeanSquaredError(target).Backward();
        return weights[0].Grad!.Norm().Item() / weights[^1].Grad!.Norm().Item();
    }
}

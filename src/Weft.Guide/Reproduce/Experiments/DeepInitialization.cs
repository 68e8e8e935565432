using Weft.Tensors;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Weights drawn at the right scale carry activations through fifty layers.</summary>
public sealed class DeepInitialization : Experiment
{
    private const int Layers = 50, Width = 512, Batch = 32;

    /// <inheritdoc/>
    public override string Name => "deep-initialization";

    /// <inheritdoc/>
    public override string Claim => "Through 50 layers the deviation of activations stays between 0.5 and 2 with He's scale for ReLU and Xavier's for tanh; with a fixed scale it vanishes or explodes.";

    /// <inheritdoc/>
    public override string Source => "Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks; He et al. 2015, arXiv:1502.01852, section 2.2.";

    /// <inheritdoc/>
    public override string Procedure => $"Pass {Batch} normal inputs through {Layers} layers of {Width} units in float64 and measure the root mean square of the last activations (their deviation from 0; for tanh, which is symmetric, the standard deviation).";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Near("ReLU, He", 1.25, 0.75, "", "The bounds of the claim, 0.5 and 2; the mean square is kept exactly in expectation."),
        ExpectedFigure.Near("tanh, Xavier with gain 5/3", 1.25, 0.75, "", "The bounds of the claim; with gain 5/3 the fixed point is about 0.65."),
        ExpectedFigure.AtMost("ReLU, deviation 0.01", 1e-20, "", "Each layer multiplies by about 0.01 sqrt(512 / 2) = 0.16: 0.16^50 = 1e-40."),
        ExpectedFigure.AtLeast("ReLU, deviation 0.1", 1e5, "", "Each layer multiplies by about 0.1 sqrt(512 / 2) = 1.6: 1.6^50 = 1.6e10."),
        ExpectedFigure.AtMost("tanh, deviation 0.01", 1e-20, "", "Each layer multiplies by about 0.01 sqrt(512) = 0.23: 0.23^50 = 1e-32."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 10;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        Shape shape = new(Width, Width);
        return
        [
            Deviation(static x => x.Relu(), Initializers.KaimingDeviation(shape, Initializers.Gain(Nonlinearity.Relu))),
            Deviation(static x => x.Tanh(), Initializers.XavierDeviation(shape, Initializers.Gain(Nonlinearity.Tanh))),
            Deviation(static x => x.Relu(), 0.01),
            Deviation(static x => x.Relu(), 0.1),
            Deviation(static x => x.Tanh(), 0.01),
        ];

        double Deviation(Func<Tensor, Tensor> activation, double deviation)
        {
            RandomGenerator generator = new(5);
            Tensor x = generator.FillGaussian(Tensor.Uninitialized([Batch, Width], DType.Float64));
            for (int layer = 0; layer < Layers; layer++)
            {
                cancellation.ThrowIfCancellationRequested();
                progress.Report($"deviation {deviation:G3}, layer {layer + 1}");
                x = activation(x.Linear(generator.FillGaussian(Tensor.Uninitialized(shape, DType.Float64), 0, deviation))); // [Batch, Width]
            }
            return Math.Sqrt(x.Square().Mean().Item());
        }
    }
}

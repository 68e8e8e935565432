using Weft.Guide.Digits;
using Weft.Models.Convolutional;
using Weft.Tensors;
using Weft.Training.Data;
using Weft.Training.Optimizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>LeNet reads digits that Weft draws.</summary>
public sealed class LeNetDigits : Experiment
{
    /// <inheritdoc/>
    public override string Name => "lenet-digits";

    /// <inheritdoc/>
    public override string Claim => "A convolutional net of LeNet-5's shape reads at least 98 % of drawn digits that it has not seen.";

    /// <inheritdoc/>
    public override string Source => "LeCun et al. 1998, Gradient-based learning applied to document recognition; the digits are Weft's own, as they need no download.";

    /// <inheritdoc/>
    public override string Procedure => $"Draw 10,000 digits; train on 8,000 for {LeNetRun.Epochs} epochs with AdamW; measure on the other 2,000.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } = [ExpectedFigure.AtLeast("accuracy", 0.98, "", "Measured at 0.994; drawn digits are a little cleaner than MNIST's.")];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 15;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        (Tensor images, Tensor classes) = DigitRenderer.Draw(10_000, 1);
        return [LeNetRun.Accuracy(images, classes, progress, cancellation)];
    }
}

/// <summary>LeNet reads MNIST.</summary>
public sealed class LeNetMnist : Experiment
{
    private static string? Find(string name) => new[] { name, name + ".gz" }
        .Select(static n => Path.Combine(Environment.GetEnvironmentVariable("WEFT_SHARED") ?? Path.Combine("..", "shared"), "data", "mnist", n)).FirstOrDefault(File.Exists);

    /// <inheritdoc/>
    public override string Name => "lenet-mnist";

    /// <inheritdoc/>
    public override string Claim => "A convolutional net of LeNet-5's shape, trained on 8,000 of MNIST's test images, reads at least 97 % of the other 2,000.";

    /// <inheritdoc/>
    public override string Source => "LeCun et al. 1998, Gradient-based learning applied to document recognition (99.05 % after 60,000 images).";

    /// <inheritdoc/>
    public override string Procedure => $"The 10,000 test images, the first 8,000 to train on for {LeNetRun.Epochs} epochs with AdamW, the last 2,000 to measure.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } = [ExpectedFigure.AtLeast("accuracy", 0.97, "", "An eighth of the usual training images.")];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 15;

    /// <inheritdoc/>
    public override string? Missing => Find("t10k-images-idx3-ubyte") is not null && Find("t10k-labels-idx1-ubyte") is not null ? null
        : "needs t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (.gz or not) in data/mnist of the folder that WEFT_SHARED names; lenet-digits runs without.";

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        Tensor images = IdxFile.Read(Find("t10k-images-idx3-ubyte")!), classes = IdxFile.Read(Find("t10k-labels-idx1-ubyte")!);
        return [LeNetRun.Accuracy(images.Unsqueeze(1).To(DType.Float32) / 255.0, classes, progress, cancellation)];
    }
}

/// <summary>Trains LeNet on the first 8,000 images of 10,000.</summary>
internal static class LeNetRun
{
    internal const int Epochs = 5;
    private const int TrainingCount = 8000;

    internal static double Accuracy(Tensor images, Tensor classes, IProgress<string> progress, CancellationToken cancellation)
    {
        ConvolutionalClassifier model = new ConvolutionalClassifier(new ConvolutionalClassifierConfig()).Initialize(new RandomGenerator(1));
        ClassifierTraining.Run(
            model.Parameters, new AdamW(ParameterGroup.ByRank(model.Parameters, 0.01)), batch => model.Forward(images.IndexSelect(0, batch)).CrossEntropy(classes.IndexSelect(0, batch)),
            TrainingCount, 64, Epochs, static done => 2e-3 * (1 - done), progress, cancellation);
        int rest = images.Shape[0] - TrainingCount;
        return ClassifierTraining.Evaluate(model.Forward, images.Narrow(0, TrainingCount, rest), classes.Narrow(0, TrainingCount, rest)).Accuracy;
    }
}

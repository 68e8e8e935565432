using Weft.Guide.Digits;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Dropout narrows the gap between what a net has seen and what it has not.</summary>
public sealed class DropoutGap : Experiment
{
    private const int TrainingCount = 300, ValidationCount = 2000, Width = 256, Epochs = 15;

    // A fifth of the labels is drawn anew: what a net makes of those can only be learned by heart.
    private const double WrongLabels = 0.2;

    /// <inheritdoc/>
    public override string Name => "dropout-gap";

    /// <inheritdoc/>
    public override string Claim => "Dropout of one half at least halves the gap between training and validation loss of a net that overfits.";

    /// <inheritdoc/>
    public override string Source => "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting, section 6.";

    /// <inheritdoc/>
    public override string Procedure => $"Train a net of two hidden layers x {Width} on {TrainingCount} drawn digits, {WrongLabels:P0} of them with a random label, for {Epochs} epochs, without and with dropout 0.5 (0.2 on the input); measure both losses with dropout off, on {ValidationCount:N0} other digits labelled alike.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("gap with dropout over gap without", 0.5, "", "The claim."),
        ExpectedFigure.AtLeast("gap without dropout", 1, "nats", "Otherwise there is nothing to halve: the net must overfit."),
        ExpectedFigure.AtLeast("accuracy gained on validation", -0.02, "", "What narrows the gap must not cost what it is for; on 2,000 digits an accuracy is good to about 0.01, so that two deviations are allowed."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 4;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        (Tensor images, Tensor classes) = DigitRenderer.Draw(TrainingCount + ValidationCount, 9);
        RandomGenerator labels = new(3);
        classes = Tensor.From([.. classes.ToArray<int>().Select(c => labels.NextDouble() < WrongLabels ? labels.NextInt32(10) : c)]);
        images = images.Flatten(1);                                                 // [N, 784]
        (double plainGap, double plainAccuracy) = Train(0, 0);
        (double gap, double accuracy) = Train(0.2, 0.5);
        return [gap / plainGap, plainGap, accuracy - plainAccuracy];

        (double Gap, double Accuracy) Train(double inputDropout, double dropout)
        {
            RandomGenerator generator = new(1), masks = new(2);
            Linear[] layers = [new("1", 784, Width, true), new("2", Width, Width, true), new("3", Width, 10, true)];
            foreach (Linear layer in layers) Initializers.KaimingNormal(layer.Weight, generator);
            Tensor[] parameters = [.. layers.SelectMany(static l => l.Parameters)];
            Tensor Logits(Tensor x, bool training)
            {
                if (training) x = x.Dropout(inputDropout, masks);
                x = layers[0].Forward(x).Relu();                                    // [B, Width]
                if (training) x = x.Dropout(dropout, masks);
                x = layers[1].Forward(x).Relu();                                    // [B, Width]
                if (training) x = x.Dropout(dropout, masks);
                return layers[2].Forward(x);                                        // [B, 10]
            }
            ClassifierTraining.Run(
                parameters, new AdamW([new ParameterGroup(parameters)]), batch => Logits(images.IndexSelect(0, batch), true).CrossEntropy(classes.IndexSelect(0, batch)),
                TrainingCount, 30, Epochs, static _ => 1e-3, progress, cancellation);
            double seen = ClassifierTraining.Evaluate(x => Logits(x, false), images.Narrow(0, 0, TrainingCount), classes.Narrow(0, 0, TrainingCount)).Loss;
            (double right, double unseen) = ClassifierTraining.Evaluate(x => Logits(x, false), images.Narrow(0, TrainingCount, ValidationCount), classes.Narrow(0, TrainingCount, ValidationCount));
            return (unseen - seen, right);
        }
    }
}

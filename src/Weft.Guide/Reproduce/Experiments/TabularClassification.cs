using System.Globalization;
using System.Text;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Training.Data;
using Weft.Training.Optimizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>A small net learns a table almost as well as can be.</summary>
public sealed class TabularClassification : Experiment
{
    private const int Rows = 6000, TrainingRows = 4000, Width = 32, Epochs = 30;

    // Two classes of two bells each, placed crosswise, so that no straight line parts them.
    private static readonly (double X, double Y, int Class)[] s_bells = [(-1.5, -1.5, 0), (1.5, 1.5, 0), (-1.5, 1.5, 1), (1.5, -1.5, 1)];

    /// <inheritdoc/>
    public override string Name => "tabular-classification";

    /// <inheritdoc/>
    public override string Claim => "A net of one hidden layer learns a table from a CSV file to within two percent of the best that is possible, where a linear model stays near chance.";

    /// <inheritdoc/>
    public override string Source => "Cybenko 1989, Approximation by superpositions of a sigmoidal function; Bishop 2006, section 1.5.1 (the best possible accuracy, from known densities).";

    /// <inheritdoc/>
    public override string Procedure => $"Write {Rows:N0} rows of two numbers and a class, drawn from four bells in a cross, as CSV; read them; train on {TrainingRows:N0}; compare the accuracy on the rest with the rule that knows the densities.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtLeast("accuracy beside the best possible", -0.02, "", "The claim; on 2,000 rows an accuracy is good to about 0.007."),
        ExpectedFigure.AtMost("accuracy of a linear model", 0.6, "", "The classes lie crosswise: no line does much better than chance."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 4;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        CsvTable table = TemporaryRun.Use(folder =>
        {
            string path = Path.Combine(folder, "table.csv");
            File.WriteAllText(path, Table());
            return CsvTable.Read(path);
        });
        Tensor numbers = table.Numbers("width", "height");                          // [Rows, 2]
        (Tensor classes, _) = table.Classes("kind");
        Tensor features = CsvTable.Standardize(numbers, numbers.Narrow(0, 0, TrainingRows));
        double best = BestAccuracy(numbers.ToArray<float>(), classes.ToArray<int>());
        return [Train(Width) - best, Train(0)];

        double Train(int width)
        {
            RandomGenerator generator = new(3);
            Linear[] layers = width == 0 ? [new("1", 2, 2, true)] : [new("1", 2, width, true), new("2", width, 2, true)];
            foreach (Linear layer in layers) Initializers.KaimingNormal(layer.Weight, generator);
            Tensor Logits(Tensor x)
            {
                for (int i = 0; i < layers.Length; i++) x = i == 0 ? layers[i].Forward(x) : layers[i].Forward(x.Relu()); // [B, width or 2]
                return x;
            }
            Tensor[] parameters = [.. layers.SelectMany(static l => l.Parameters)];
            ClassifierTraining.Run(
                parameters, new AdamW([new ParameterGroup(parameters)]), batch => Logits(features.IndexSelect(0, batch)).CrossEntropy(classes.IndexSelect(0, batch)),
                TrainingRows, 50, Epochs, static _ => 5e-3, progress, cancellation);
            return ClassifierTraining.Evaluate(Logits, features.Narrow(0, TrainingRows, Rows - TrainingRows), classes.Narrow(0, TrainingRows, Rows - TrainingRows)).Accuracy;
        }
    }

    private static string Table()
    {
        RandomGenerator generator = new(12);
        StringBuilder text = new("width,height,kind\n");
        for (int i = 0; i < Rows; i++)
        {
            (double x, double y, int kind) = s_bells[generator.NextInt32(s_bells.Length)];
            text.Append(CultureInfo.InvariantCulture, $"{x + generator.NextGaussian():F4},{y + generator.NextGaussian():F4},\"{(kind == 0 ? "even" : "odd")}\"\n");
        }
        return text.ToString();
    }

    // Bells of equal size and weight: the class whose two densities add to more.
    private static double BestAccuracy(float[] numbers, int[] classes)
    {
        int right = 0;
        for (int i = TrainingRows; i < Rows; i++)
        {
            double[] density = new double[2];
            foreach ((double x, double y, int kind) in s_bells) density[kind] += Math.Exp(-0.5 * (Math.Pow(numbers[2 * i] - x, 2) + Math.Pow(numbers[2 * i + 1] - y, 2)));
            if ((density[1] > density[0] ? 1 : 0) == classes[i]) right++;
        }
        return (double)right / (Rows - TrainingRows);
    }
}

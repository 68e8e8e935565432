using Weft.Models.Layers;
using Weft.Models.Recurrent;
using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Gated recurrent nets remember across many steps what plain ones lose.</summary>
public sealed class RecurrentAdding : Experiment
{
    private const int Length = 30, Hidden = 32, Batch = 64, Steps = 1200;

    /// <inheritdoc/>
    public override string Name => "recurrent-adding";

    /// <inheritdoc/>
    public override string Claim => "An LSTM and a GRU learn to add two marked numbers of a long sequence; whoever ignores the marks can do no better than the variance.";

    /// <inheritdoc/>
    public override string Source => "Hochreiter and Schmidhuber 1997, Long short-term memory, section 5.4 (the adding problem).";

    /// <inheritdoc/>
    public override string Procedure => $"Sequences of {Length} random numbers in [0, 1), two of them marked, one in each half; the target is their sum. Train one layer x {Hidden} for {Steps:N0} steps of {Batch}; measure on 2,000 new sequences.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("mean squared error, LSTM", 0.02, "", "Always saying 1 gives the variance of the sum of two uniform numbers, 1/6 = 0.167; an eighth of that is out of reach without the marks."),
        ExpectedFigure.AtMost("mean squared error, GRU", 0.02, "", "As above."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 6;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation) => [Error(RecurrentCell.Lstm, progress, cancellation), Error(RecurrentCell.Gru, progress, cancellation)];

    private static double Error(RecurrentCell cell, IProgress<string> progress, CancellationToken cancellation)
    {
        RandomGenerator generator = new(1);
        RecurrentStack stack = new RecurrentStack("layers", cell, 2, Hidden).Initialize(generator);
        Linear output = new("output", Hidden, 1, bias: true);
        Initializers.AffineDefault(output.Weight, output.Bias, generator);
        Tensor[] parameters = [.. stack.Parameters, .. output.Parameters];
        AdamW optimizer = new([new ParameterGroup(parameters)]);
        for (int step = 0; step < Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using MemoryScope scope = MemoryScope.Enter();
            (Tensor x, Tensor target) = Draw(Batch, generator);
            Tensor loss = Predict(x).MeanSquaredError(target);
            loss.Backward(releaseActivations: true);
            optimizer.Step(5e-3, GradientClipping.Factor(GradientClipping.GlobalNorm(parameters), 1));
            optimizer.ClearGradients();
            if (step % 20 == 0) progress.Report($"{cell}, step {step} of {Steps}, error {loss.Item():F4}");
        }
        using Tensors.Autograd.GradMode.Restorer mode = Tensors.Autograd.GradMode.Off();
        (Tensor inputs, Tensor sums) = Draw(2000, new RandomGenerator(99));
        return Predict(inputs).MeanSquaredError(sums).Item();

        Tensor Predict(Tensor x) => output.Forward(stack.Forward(x).Output.Select(0, Length - 1)).Squeeze(1); // [B]
    }

    // Numbers and marks, [T, B, 2], and sums, [B].
    private static (Tensor Inputs, Tensor Targets) Draw(int count, RandomGenerator generator)
    {
        Tensor inputs = Tensor.Zeros([Length, count, 2]), targets = Tensor.Zeros([count]);
        Span<float> x = inputs.AsSpan<float>(), y = targets.AsSpan<float>();
        for (int b = 0; b < count; b++)
        {
            for (int t = 0; t < Length; t++) x[(t * count + b) * 2] = generator.NextSingle();
            foreach (int t in (ReadOnlySpan<int>)[generator.NextInt32(Length / 2), Length / 2 + generator.NextInt32(Length / 2)])
            {
                x[(t * count + b) * 2 + 1] = 1;
                y[b] += x[(t * count + b) * 2];
            }
        }
        return (inputs, targets);
    }
}

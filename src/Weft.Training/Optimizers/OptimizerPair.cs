using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Two optimizers that step together, each with parameters of its own: <see cref="Muon"/> for matrices and <see cref="AdamW"/> for the rest.</summary>
/// <param name="first">The one.</param>
/// <param name="second">The other.</param>
public sealed class OptimizerPair(Optimizer first, Optimizer second) : Optimizer([.. first.Groups, .. second.Groups])
{
    /// <summary>The one.</summary>
    public Optimizer First => first;

    /// <summary>The other.</summary>
    public Optimizer Second => second;

    /// <inheritdoc/>
    public override long StepCount
    {
        get => first.StepCount;
        set => first.StepCount = second.StepCount = value;
    }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> State => first.State.Concat(second.State);

    /// <inheritdoc/>
    public override void Step(double learningRate, double gradientScale = 1)
    {
        first.Step(learningRate, gradientScale);
        second.Step(learningRate, gradientScale);
    }
}

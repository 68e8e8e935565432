using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Standardizes each channel over the batch, then scales and shifts it.</summary>
/// <remarks>
/// y = (x - mean) / √(var + eps) · g + b (Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1). In training the batch's own mean and
/// biased variance are used, and running averages of the mean and the unbiased variance move towards them; in evaluation those
/// averages serve. Shapes: x [N, C] or [N, C, ..] -> alike; everything else [C].
/// </remarks>
public sealed class BatchNorm : Layer
{
    private readonly double _epsilon;
    private readonly double? _momentum;

    /// <summary>Starts with gain 1, offset 0, running mean 0 and running variance 1.</summary>
    /// <param name="name">The start of the parameters' names.</param>
    /// <param name="channels">C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">How far the running averages move with each batch; null for the plain average over all batches so far.</param>
    /// <param name="affine">Whether there are a gain and an offset.</param>
    /// <param name="dtype">The element type.</param>
    public BatchNorm(string name, int channels, double epsilon = 1e-5, double? momentum = 0.1, bool affine = true, DType dtype = DType.Float32)
    {
        (_epsilon, _momentum) = (epsilon, momentum);
        Weight = affine ? Parameter(name + ".weight", [channels], dtype, 1) : null;
        Bias = affine ? Parameter(name + ".bias", [channels], dtype) : null;
        RunningMean = Tensor.Zeros([channels], dtype);
        RunningVariance = Tensor.Ones([channels], dtype);
        (RunningMean.Name, RunningVariance.Name) = (name + ".running_mean", name + ".running_variance");
    }

    /// <summary>The gain g, [C]; null where there is none.</summary>
    public Tensor? Weight { get; }

    /// <summary>The offset b, [C]; null where there is none.</summary>
    public Tensor? Bias { get; }

    /// <summary>The running average of the mean, [C]: not a parameter, but saved with the model.</summary>
    public Tensor RunningMean { get; }

    /// <summary>The running average of the unbiased variance, [C]: not a parameter, but saved with the model.</summary>
    public Tensor RunningVariance { get; }

    /// <summary>How many batches the running averages have seen.</summary>
    public long BatchCount { get; set; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => Weight is null ? [] : [Weight, Bias!];

    /// <summary>Normalises x: in training by the batch, which moves the running averages, else by those.</summary>
    /// <exception cref="ArgumentException">x is not [N, C, ..], or in training has one value per channel.</exception>
    public Tensor Forward(Tensor x, bool training)
    {
        if (!training) return x.BatchNormFixed(RunningMean, RunningVariance, Weight, Bias, _epsilon);
        BatchCount++;
        return x.BatchNorm(Weight, Bias, RunningMean, RunningVariance, _momentum ?? 1.0 / BatchCount, _epsilon);
    }
}

using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Brings each row to a common scale before a block works on it.</summary>
public abstract class Normalization : Layer
{
    /// <summary>Normalises over the last dimension. Shapes: x [.., C] -> [.., C].</summary>
    public abstract Tensor Forward(Tensor x);
}

/// <summary>Subtracts each row's mean and divides by its standard deviation.</summary>
/// <remarks>y = (x - mean) / sqrt(var + eps) * g + b, with the biased variance (Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 4).</remarks>
public sealed class LayerNorm : Normalization
{
    private readonly double _epsilon;

    /// <summary>Starts as plain normalisation: gain 1, offset 0.</summary>
    public LayerNorm(string name, int size, double epsilon, bool bias, DType dtype = DType.Float32)
    {
        _epsilon = epsilon;
        Weight = Parameter(name + ".weight", [size], dtype, 1);
        Bias = bias ? Parameter(name + ".bias", [size], dtype) : null;
    }

    /// <summary>The gain g, [C].</summary>
    public Tensor Weight { get; }

    /// <summary>The offset b, [C]; null where there is none.</summary>
    public Tensor? Bias { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => Bias is null ? [Weight] : [Weight, Bias];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => x.LayerNorm(Weight, Bias, _epsilon);
}

/// <summary>Scales each row to unit root-mean-square.</summary>
/// <remarks>y = x / sqrt(mean(x²) + eps) * g (Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4).</remarks>
public sealed class RmsNorm : Normalization
{
    private readonly double _epsilon;

    /// <summary>Starts as plain normalisation: gain 1.</summary>
    public RmsNorm(string name, int size, double epsilon, DType dtype = DType.Float32)
    {
        _epsilon = epsilon;
        Weight = Parameter(name + ".weight", [size], dtype, 1);
    }

    /// <summary>The gain g, [C].</summary>
    public Tensor Weight { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [Weight];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => x.RmsNorm(Weight, _epsilon);
}

/// <summary>Scales each row to unit root-mean-square; the gain is stored as its difference from 1, as Gemma does.</summary>
/// <remarks>y = x / sqrt(mean(x²) + eps) * (1 + g) (Gemma, arXiv:2403.08295, in its published code).</remarks>
public sealed class RmsNormPlusOne : Normalization
{
    private readonly double _epsilon;

    /// <summary>Starts as plain normalisation: g is 0.</summary>
    public RmsNormPlusOne(string name, int size, double epsilon, DType dtype = DType.Float32)
    {
        _epsilon = epsilon;
        Weight = Parameter(name + ".weight", [size], dtype);
    }

    /// <summary>g, [C].</summary>
    public Tensor Weight { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [Weight];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => x.RmsNormPlusOne(Weight, _epsilon);
}

/// <summary>Layer normalisation without gain and offset.</summary>
public sealed class PlainLayerNorm(double epsilon) : Normalization
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => x.LayerNorm(eps: epsilon);
}

/// <summary>Leaves rows as they are: stands where a model has no normalisation.</summary>
public sealed class NoNorm : Normalization
{
    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => x;
}

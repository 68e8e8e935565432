using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>An affine map of the last dimension.</summary>
/// <remarks>y = x Wᵀ + b. Shapes: x [.., In] -> y [.., Out]; weight [Out, In], bias [Out].</remarks>
public sealed class Linear : Layer
{
    /// <summary>Makes the map with zero weights; initialise or load them next.</summary>
    public Linear(string name, int inputSize, int outputSize, bool bias, DType dtype = DType.Float32)
    {
        Weight = Parameter(name + ".weight", [outputSize, inputSize], dtype);
        Bias = bias ? Parameter(name + ".bias", [outputSize], dtype) : null;
    }

    /// <summary>The matrix, [Out, In].</summary>
    public Tensor Weight { get; }

    /// <summary>The offset, [Out]; null for a purely linear map.</summary>
    public Tensor? Bias { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => Bias is null ? [Weight] : [Weight, Bias];

    /// <summary>Applies the map.</summary>
    public Tensor Forward(Tensor x) => x.Linear(Weight, Bias);

    /// <summary>Draws weights and offsets evenly from ±1/√In, as torch does (LeCun et al. 1998, "Efficient BackProp", section 4.6).</summary>
    public Linear Initialize(RandomGenerator generator)
    {
        FillByFanIn(generator, Weight.Shape[1], Weight, Bias);
        return this;
    }
}

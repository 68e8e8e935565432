using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>A part of a model that has parameters.</summary>
public abstract class Layer
{
    /// <summary>The parameters in a fixed order; each carries its full name, such as <c>blocks.0.attention.output.weight</c>.</summary>
    public abstract IEnumerable<Tensor> Parameters { get; }

    /// <summary>What belongs to the model but is not trained by gradients, such as a router's correction; named like parameters.</summary>
    public virtual IEnumerable<Tensor> Buffers => [];

    /// <summary>Makes a parameter of one value, which takes memory when it is first touched.</summary>
    protected static Tensor Parameter(string name, Shape shape, DType dtype, double value = 0)
    {
        Tensor parameter = Tensor.Deferred(shape, dtype, value).RequireGrad();
        parameter.Name = name;
        return parameter;
    }

    /// <summary>Draws from ±1/√fanIn: the usual start of layers without residual connections.</summary>
    private protected static void FillByFanIn(RandomGenerator generator, int fanIn, params ReadOnlySpan<Tensor?> parameters)
    {
        double bound = 1 / Math.Sqrt(fanIn);
        foreach (Tensor? parameter in parameters)
            if (parameter is not null) generator.FillUniform(parameter.Detach(), -bound, bound);
    }
}

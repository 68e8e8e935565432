using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>A convolution over one to three dimensions of space: as many as the kernel size has entries.</summary>
/// <remarks>
/// y[n, o, p] = b[o] + Σ over c, k of W[o, c, k] x[n, c, p · stride - padding + k · dilation] (LeCun et al. 1998, section II.A).
/// Shapes: x [N, C, ..] or [C, ..] -> [N, O, ..]; weight [O, C / groups, K..], bias [O].
/// <code>Convolution conv = new("conv1", 1, 6, [5, 5], padding: [2, 2]).Initialize(generator);</code>
/// </remarks>
public sealed class Convolution : Layer
{
    private readonly int[] _stride, _padding, _dilation;
    private readonly int _groups;

    /// <summary>Makes the layer with zero weights; initialise or load them next.</summary>
    /// <param name="name">The start of the parameters' names.</param>
    /// <param name="inputChannels">C.</param>
    /// <param name="outputChannels">O.</param>
    /// <param name="kernelSize">K, one entry for each dimension of space.</param>
    /// <param name="stride">The distance between positions; one entry per dimension, or one for all, or none for 1.</param>
    /// <param name="padding">Zeros on either side; none for 0.</param>
    /// <param name="dilation">The distance between kernel places; none for 1.</param>
    /// <param name="groups">Into how many separate parts the channels fall.</param>
    /// <param name="bias">Whether there is an offset for each output channel.</param>
    /// <param name="dtype">The element type.</param>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public Convolution(string name, int inputChannels, int outputChannels, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default,
        ReadOnlySpan<int> dilation = default, int groups = 1, bool bias = true, DType dtype = DType.Float32)
    {
        if (groups < 1 || inputChannels % groups != 0 || outputChannels % groups != 0) throw new ArgumentException($"Convolution: {groups} groups do not divide {inputChannels} and {outputChannels} channels.");
        (_stride, _padding, _dilation, _groups) = (stride.ToArray(), padding.ToArray(), dilation.ToArray(), groups);
        Weight = Parameter(name + ".weight", new Shape([outputChannels, inputChannels / groups, .. kernelSize]), dtype);
        Bias = bias ? Parameter(name + ".bias", [outputChannels], dtype) : null;
    }

    /// <summary>The kernel, [O, C / groups, K..].</summary>
    public Tensor Weight { get; }

    /// <summary>The offset of each output channel, [O]; null where there is none.</summary>
    public Tensor? Bias { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => Bias is null ? [Weight] : [Weight, Bias];

    /// <summary>Applies the convolution.</summary>
    public Tensor Forward(Tensor x) => x.Convolution(Weight, Bias, _stride, _padding, _dilation, _groups);

    /// <summary>Draws weights and offsets evenly from ±1/√(C K / groups), as torch does (LeCun et al. 1998, "Efficient BackProp", section 4.6).</summary>
    public Convolution Initialize(RandomGenerator generator)
    {
        FillByFanIn(generator, Weight.Count / Weight.Shape[0], Weight, Bias);
        return this;
    }
}

/// <summary>The transpose of a convolution, which enlarges: over as many dimensions of space as the kernel size has entries.</summary>
/// <remarks>
/// Each input places its weighted kernel into the result, where overlapping ones add (Dumoulin and Visin 2016, arXiv:1603.07285, section 4).
/// Shapes: x [N, C, ..] or [C, ..] -> [N, O, ..] with sizes (in - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1; weight [C, O / groups, K..], bias [O].
/// </remarks>
public sealed class TransposedConvolution : Layer
{
    private readonly int[] _stride, _padding, _outputPadding, _dilation;
    private readonly int _groups;

    /// <summary>Makes the layer with zero weights; initialise or load them next.</summary>
    /// <param name="name">The start of the parameters' names.</param>
    /// <param name="inputChannels">C.</param>
    /// <param name="outputChannels">O.</param>
    /// <param name="kernelSize">K, one entry for each dimension of space.</param>
    /// <param name="stride">How far apart inputs place their kernels; one entry per dimension, or one for all, or none for 1.</param>
    /// <param name="padding">How much of the result's edge is cut off; none for 0.</param>
    /// <param name="outputPadding">How much the result is longer at its end; none for 0.</param>
    /// <param name="dilation">The distance between kernel places; none for 1.</param>
    /// <param name="groups">Into how many separate parts the channels fall.</param>
    /// <param name="bias">Whether there is an offset for each output channel.</param>
    /// <param name="dtype">The element type.</param>
    /// <exception cref="ArgumentException">The groups do not divide the channels.</exception>
    public TransposedConvolution(string name, int inputChannels, int outputChannels, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default,
        ReadOnlySpan<int> outputPadding = default, ReadOnlySpan<int> dilation = default, int groups = 1, bool bias = true, DType dtype = DType.Float32)
    {
        if (groups < 1 || inputChannels % groups != 0 || outputChannels % groups != 0) throw new ArgumentException($"TransposedConvolution: {groups} groups do not divide {inputChannels} and {outputChannels} channels.");
        (_stride, _padding, _outputPadding, _dilation, _groups) = (stride.ToArray(), padding.ToArray(), outputPadding.ToArray(), dilation.ToArray(), groups);
        Weight = Parameter(name + ".weight", new Shape([inputChannels, outputChannels / groups, .. kernelSize]), dtype);
        Bias = bias ? Parameter(name + ".bias", [outputChannels], dtype) : null;
    }

    /// <summary>The kernel, [C, O / groups, K..].</summary>
    public Tensor Weight { get; }

    /// <summary>The offset of each output channel, [O]; null where there is none.</summary>
    public Tensor? Bias { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => Bias is null ? [Weight] : [Weight, Bias];

    /// <summary>Applies the transposed convolution.</summary>
    public Tensor Forward(Tensor x) => x.ConvolutionTransposed(Weight, Bias, _stride, _padding, _outputPadding, _dilation, _groups);

    /// <summary>Draws weights and offsets evenly from ±1/√(O K / groups), as torch does.</summary>
    public TransposedConvolution Initialize(RandomGenerator generator)
    {
        FillByFanIn(generator, Weight.Count / Weight.Shape[0], Weight, Bias);
        return this;
    }
}

using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>Convolutions over one to three dimensions of space, and their transposes.</summary>
/// <remarks>
/// As everywhere in the field, "convolution" is the cross-correlation: the kernel is not mirrored. The number of dimensions of space
/// follows from the weight. An input without the batch dimension gives a result without it. Lists of sizes have one per dimension, or
/// one for all, or none for the usual value (stride 1, padding 0, dilation 1).
/// </remarks>
public static class Convolutions
{
    /// <summary>Each output channel is the sum over input channels and kernel places of weight times input.</summary>
    /// <remarks>
    /// y[n, o, p] = b[o] + Σ over c, k of W[o, c, k] x[n, c, p · stride - padding + k · dilation], 0 outside (LeCun et al. 1998, section II.A;
    /// dilation: Yu and Koltun 2016, arXiv:1511.07122). With groups, the channels of input and output fall into as many separate parts.
    /// Shapes: x [N, C, ..] or [C, ..], weight [O, C / groups, K..], bias [O] or null -> [N, O, ..], each size (in + 2 padding - dilation (K - 1) - 1) / stride + 1.
    /// </remarks>
    /// <exception cref="ArgumentException">Shapes or sizes do not fit.</exception>
    public static Tensor Convolution(this Tensor x, Tensor weight, Tensor? bias = null, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default, ReadOnlySpan<int> dilation = default, int groups = 1) =>
        Run(nameof(Convolution), x, weight, bias, stride, padding, padding, dilation, groups);

    /// <summary><see cref="Convolution"/> whose result has the size of the input: zeros are added around, the odd one at the end. Stride 1.</summary>
    /// <inheritdoc cref="Convolution"/>
    public static Tensor ConvolutionSame(this Tensor x, Tensor weight, Tensor? bias = null, ReadOnlySpan<int> dilation = default, int groups = 1)
    {
        int rank = SpatialRank(nameof(ConvolutionSame), weight);
        Span<int> before = stackalloc int[rank], after = stackalloc int[rank], d = stackalloc int[rank];
        WindowGeometry.Spread(dilation, 1, 1, d, nameof(ConvolutionSame), "dilation");
        for (int i = 0; i < rank; i++)
        {
            int total = d[i] * (weight.Shape[i + 2] - 1);
            (before[i], after[i]) = (total / 2, total - total / 2);
        }
        return Run(nameof(ConvolutionSame), x, weight, bias, default, before, after, dilation, groups);
    }

    /// <summary><see cref="Convolution"/> over time in which no position sees a later one: all zeros are added before (van den Oord et al. 2016, arXiv:1609.03499). Stride 1.</summary>
    /// <remarks>Shapes: x [N, C, T] or [C, T], weight [O, C / groups, K] -> [N, O, T].</remarks>
    /// <exception cref="ArgumentException">Shapes or sizes do not fit.</exception>
    public static Tensor ConvolutionCausal(this Tensor x, Tensor weight, Tensor? bias = null, int dilation = 1, int groups = 1)
    {
        if (weight.Rank != 3) throw new ArgumentException($"ConvolutionCausal: weight {weight.Shape} is not [O, C / groups, K].");
        return Run(nameof(ConvolutionCausal), x, weight, bias, default, [dilation * (weight.Shape[2] - 1)], default, [dilation], groups);
    }

    /// <summary>The transpose of a convolution: each input places its weighted kernel into the result, where overlapping ones add.</summary>
    /// <remarks>
    /// The gradient of <see cref="Convolution"/> with respect to its input, as a layer that enlarges (Zeiler et al. 2010; Dumoulin and Visin 2016,
    /// arXiv:1603.07285, section 4). Shapes: x [N, C, ..] or [C, ..], weight [C, O / groups, K..], bias [O] or null -> [N, O, ..], each size
    /// (in - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1.
    /// </remarks>
    /// <param name="x">The input.</param>
    /// <param name="weight">The kernel.</param>
    /// <param name="bias">Added to each output channel.</param>
    /// <param name="stride">How far apart inputs place their kernels.</param>
    /// <param name="padding">How much of the result's edge is cut off.</param>
    /// <param name="outputPadding">How much the result is longer at its end: with a stride several sizes have the same convolution.</param>
    /// <param name="dilation">The distance between kernel places.</param>
    /// <param name="groups">Into how many separate parts the channels fall.</param>
    /// <exception cref="ArgumentException">Shapes or sizes do not fit.</exception>
    public static Tensor ConvolutionTransposed(this Tensor x, Tensor weight, Tensor? bias = null, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default,
        ReadOnlySpan<int> outputPadding = default, ReadOnlySpan<int> dilation = default, int groups = 1)
    {
        const string Name = nameof(ConvolutionTransposed);
        int rank = SpatialRank(Name, weight);
        if (x.Rank == rank + 1) return x.Unsqueeze(0).ConvolutionTransposed(weight, bias, stride, padding, outputPadding, dilation, groups).Squeeze(0);
        int outputs = weight.Shape[1] * groups;
        Check(Name, x, weight, bias, groups, weight.Shape[0], outputs);
        Span<int> s = stackalloc int[rank], p = stackalloc int[rank], extra = stackalloc int[rank], d = stackalloc int[rank], sizes = stackalloc int[rank + 2];
        WindowGeometry.Spread(stride, 1, 1, s, Name, "stride");
        WindowGeometry.Spread(padding, 0, 0, p, Name, "padding");
        WindowGeometry.Spread(outputPadding, 0, 0, extra, Name, "output padding");
        WindowGeometry.Spread(dilation, 1, 1, d, Name, "dilation");
        (sizes[0], sizes[1]) = (x.Shape[0], outputs);
        for (int i = 0; i < rank; i++)
        {
            if (extra[i] >= Math.Max(s[i], d[i])) throw new ArgumentException($"{Name}: output padding {extra[i]} must be below the stride {s[i]} or the dilation {d[i]}.");
            sizes[i + 2] = (x.Shape[i + 2] - 1) * s[i] - 2 * p[i] + d[i] * (weight.Shape[i + 2] - 1) + extra[i] + 1;
            if (sizes[i + 2] < 1) throw new ArgumentException($"{Name}: {x.Shape} with weight {weight.Shape} leaves size {sizes[i + 2]} in dimension {i + 2}.");
        }
        // The geometry of the convolution that this is the transpose of: from the result to x.
        WindowGeometry geometry = new(Triple.From(sizes[2..], 1), Triple.From(x.Shape.AsSpan()[2..], 1), Triple.From(weight.Shape.AsSpan()[2..], 1), Triple.From(s, 1), Triple.From(p, 0), Triple.From(d, 1));
        return x.DType == DType.Float32 ? FusedConvolution.RunTransposed(x, weight, bias, new Shape(sizes), groups, geometry) : TransposedComposition(x, weight, bias, new Shape(sizes), groups, geometry);
    }

    internal static Tensor Composition(Tensor x, Tensor weight, Tensor? bias, Shape shape, int groups, in WindowGeometry geometry)
    {
        int N = x.Shape[0], O = weight.Shape[0], reach = weight.Shape[1] * geometry.Kernel.Product;
        Tensor columns = Columns.Gather(x, geometry).Reshape(N, groups, reach, geometry.Out.Product);   // [N, G, C / G · K, P]
        Tensor y = weight.Reshape(groups, O / groups, reach).MatMul(columns).Reshape(shape);            // [N, O, ..]
        return bias is null ? y : y + PerChannel(bias, y);
    }

    internal static Tensor TransposedComposition(Tensor x, Tensor weight, Tensor? bias, Shape shape, int groups, in WindowGeometry geometry)
    {
        int N = x.Shape[0], C = x.Shape[1], P = geometry.Out.Product, reach = weight.Shape[1] * geometry.Kernel.Product;
        Tensor images = x.Reshape(N, groups, C / groups, P);                                            // [N, G, C / G, P]
        Tensor columns = weight.Reshape(groups, C / groups, reach).Transpose().MatMul(images);          // [N, G, O / G · K, P]
        Tensor y = Columns.Scatter(columns.Reshape(N, groups * reach, P), shape, geometry);             // [N, O, ..]
        return bias is null ? y : y + PerChannel(bias, y);
    }

    private static Tensor Run(string operation, Tensor x, Tensor weight, Tensor? bias, ReadOnlySpan<int> stride, ReadOnlySpan<int> before, ReadOnlySpan<int> after, ReadOnlySpan<int> dilation, int groups)
    {
        int rank = SpatialRank(operation, weight);
        if (x.Rank == rank + 1) return Run(operation, x.Unsqueeze(0), weight, bias, stride, before, after, dilation, groups).Squeeze(0);
        Check(operation, x, weight, bias, groups, weight.Shape[1] * groups, weight.Shape[0]);
        WindowGeometry geometry = WindowGeometry.Over(operation, x.Shape.AsSpan()[2..], weight.Shape.AsSpan()[2..], stride, before, after, dilation);
        Span<int> sizes = [x.Shape[0], weight.Shape[0], geometry.Out.Depth, geometry.Out.Height, geometry.Out.Width];
        for (int i = 0; i < rank; i++) sizes[2 + i] = sizes[5 - rank + i];
        Shape shape = new(sizes[..(rank + 2)]);
        return x.DType == DType.Float32 ? FusedConvolution.Run(x, weight, bias, shape, groups, geometry) : Composition(x, weight, bias, shape, groups, geometry);
    }

    private static int SpatialRank(string operation, Tensor weight) =>
        weight.Rank is >= 3 and <= 5 ? weight.Rank - 2 : throw new ArgumentException($"{operation}: weight {weight.Shape} has no one to three dimensions of space after two of channels.");

    private static void Check(string operation, Tensor x, Tensor weight, Tensor? bias, int groups, int channels, int outputs)
    {
        Elementwise.RequireFloating(x, operation);
        Elementwise.RequireSameType(x, weight, operation);
        if (bias is not null) Elementwise.RequireSameType(x, bias, operation);
        if (groups < 1 || weight.Shape[0] % groups != 0) throw new ArgumentException($"{operation}: {groups} groups do not divide the first size of weight {weight.Shape}.");
        if (x.Rank != weight.Rank || x.Shape[1] != channels) throw new ArgumentException($"{operation}: x {x.Shape} does not fit weight {weight.Shape} with {groups} groups: {channels} channels are needed.");
        if (bias is not null && (bias.Rank != 1 || bias.Count != outputs)) throw new ArgumentException($"{operation}: bias {bias.Shape} does not fit {outputs} output channels.");
    }

    // [O] -> [O, 1, ..], so that it broadcasts along dimension 1.
    private static Tensor PerChannel(Tensor bias, Tensor y)
    {
        Span<int> sizes = stackalloc int[y.Rank - 1];
        sizes.Fill(1);
        sizes[0] = bias.Count;
        return bias.Reshape(new Shape(sizes));
    }
}

using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>Sliding windows as columns of a matrix (im2col), and columns added up to images (col2im): each is the other's transpose.</summary>
public static class Columns
{
    /// <summary>What every position of a window sees, one column for each position.</summary>
    /// <remarks>
    /// y[n, (c, k), o] = x[n, c, o · stride - padding + k · dilation], 0 outside (torch's <c>unfold</c>). Shapes: x [N, C, ..] with one to
    /// three dimensions of space -> [N, C · K, positions]. A list of sizes has one per dimension, or one for all.
    /// </remarks>
    /// <exception cref="ArgumentException">A size is out of range, or the window is larger than the padded input.</exception>
    public static Tensor ImageToColumns(this Tensor x, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default, ReadOnlySpan<int> dilation = default)
    {
        if (x.Rank is < 3 or > 5) throw new ArgumentException($"ImageToColumns: {x.Shape} is not [N, C, ..] with one to three dimensions of space.");
        return Gather(x, WindowGeometry.Over(nameof(ImageToColumns), x.Shape.AsSpan()[2..], kernelSize, stride, padding, padding, dilation));
    }

    /// <summary>Columns added up to the images that they were taken from: overlapping places add.</summary>
    /// <remarks>torch's <c>fold</c>. Shapes: x [N, C · K, positions] -> [N, C, size..].</remarks>
    /// <exception cref="ArgumentException">The number of rows or columns does not fit the window.</exception>
    public static Tensor ColumnsToImage(this Tensor x, ReadOnlySpan<int> size, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default, ReadOnlySpan<int> dilation = default)
    {
        if (size.Length is < 1 or > 3) throw new ArgumentException($"ColumnsToImage: {size.Length} dimensions of space; one to three are supported.");
        WindowGeometry geometry = WindowGeometry.Over(nameof(ColumnsToImage), size, kernelSize, stride, padding, padding, dilation);
        if (x.Rank != 3 || x.Shape[1] % geometry.Kernel.Product != 0 || x.Shape[2] != geometry.Out.Product)
            throw new ArgumentException($"ColumnsToImage: {x.Shape} is not [N, C · {geometry.Kernel.Product}, {geometry.Out.Product}].");
        Span<int> sizes = stackalloc int[size.Length + 2];
        (sizes[0], sizes[1]) = (x.Shape[0], x.Shape[1] / geometry.Kernel.Product);
        size.CopyTo(sizes[2..]);
        return Scatter(x, new Shape(sizes), geometry);
    }

    // x [N, C, In..] -> [N, C · K, Out]
    internal static Tensor Gather(Tensor x, in WindowGeometry geometry)
    {
        Elementwise.RequireFloating(x, nameof(ImageToColumns));
        Tensor source = x.IsContiguous ? x : x.Detach().Contiguous(), y = Tensor.Uninitialized([x.Shape[0], x.Shape[1] * geometry.Kernel.Product, geometry.Out.Product], x.DType);
        if (x.DType == DType.Float32) ColumnKernels.Gather<float>(source.AsSpan<float>(), y.AsSpan<float>(), x.Shape[1], geometry, x.Shape[0]);
        else ColumnKernels.Gather<double>(source.AsSpan<double>(), y.AsSpan<double>(), x.Shape[1], geometry, x.Shape[0]);
        if (!GradMode.Records(x)) return y;
        GatherNode node = GatherNode.Rent();
        node.Geometry = geometry;
        node.Connect(y, x);
        return y;
    }

    // x [N, C · K, Out] -> shape [N, C, In..]
    internal static Tensor Scatter(Tensor x, Shape shape, in WindowGeometry geometry)
    {
        Elementwise.RequireFloating(x, nameof(ColumnsToImage));
        Tensor source = x.IsContiguous ? x : x.Detach().Contiguous(), y = Tensor.Uninitialized(shape, x.DType);
        if (x.DType == DType.Float32) ColumnKernels.Scatter<float>(source.AsSpan<float>(), y.AsSpan<float>(), shape[1], geometry, shape[0]);
        else ColumnKernels.Scatter<double>(source.AsSpan<double>(), y.AsSpan<double>(), shape[1], geometry, shape[0]);
        if (!GradMode.Records(x)) return y;
        ScatterNode node = ScatterNode.Rent();
        node.Geometry = geometry;
        node.Connect(y, x);
        return y;
    }

    // y = elements of x, some several times   =>   dx = the sum of dy over each element's places
    private sealed class GatherNode : Node<GatherNode>
    {
        internal WindowGeometry Geometry;

        internal override string Operation => "ImageToColumns";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Scatter(dy, Input(0).Shape, Geometry));
    }

    // y = sums of elements of x   =>   dx = dy at the place of each element
    private sealed class ScatterNode : Node<ScatterNode>
    {
        internal WindowGeometry Geometry;

        internal override string Operation => "ColumnsToImage";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Gather(dy, Geometry));
    }
}

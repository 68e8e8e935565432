using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>One value for each window of a plane or volume: the largest, the mean, or a norm.</summary>
/// <remarks>
/// The kernel size says over how many of the last dimensions a window reaches: <c>[3]</c> is one, <c>[2, 2]</c> two. Those before them are
/// batch and channels. Other lists have one value per dimension, or one for all, or none for the usual value: the stride is then the
/// kernel size, the padding 0, the dilation 1. Rounding up lets a last window stand out over the end, as long as it begins inside.
/// </remarks>
public static class Pooling
{
    /// <summary>The largest value of each window. Padding never wins; of equal ones the first gets the gradient; NaN is the largest.</summary>
    /// <remarks>Shapes: x [.., spatial] -> [.., windows].</remarks>
    /// <exception cref="ArgumentException">Sizes are out of range or do not fit.</exception>
    public static Tensor MaxPool(this Tensor x, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default, ReadOnlySpan<int> dilation = default, bool roundUp = false) =>
        x.MaxPoolWithIndices(kernelSize, stride, padding, dilation, roundUp).Values;

    /// <summary><see cref="MaxPool"/>, and where each largest value is: its row-major index in the plane or volume (Int32).</summary>
    /// <inheritdoc cref="MaxPool"/>
    public static (Tensor Values, Tensor Indices) MaxPoolWithIndices(this Tensor x, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default, ReadOnlySpan<int> dilation = default, bool roundUp = false) =>
        Max(x, kernelSize.Length, Sliding(nameof(MaxPool), x, kernelSize, stride, padding, dilation, roundUp, countsPadding: true));

    /// <summary>The mean of each window.</summary>
    /// <remarks>Shapes: x [.., spatial] -> [.., windows].</remarks>
    /// <param name="x">The values.</param>
    /// <param name="kernelSize">The size of a window.</param>
    /// <param name="stride">The distance between windows.</param>
    /// <param name="padding">Zeros on either side.</param>
    /// <param name="roundUp">Whether a last window may stand out over the end.</param>
    /// <param name="countPadding">Whether padding counts in the number that the sum is divided by.</param>
    /// <exception cref="ArgumentException">Sizes are out of range or do not fit.</exception>
    public static Tensor AveragePool(this Tensor x, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, ReadOnlySpan<int> padding = default, bool roundUp = false, bool countPadding = true) =>
        Mean(x, kernelSize.Length, Sliding(nameof(AveragePool), x, kernelSize, stride, padding, default, roundUp, countPadding));

    /// <summary>The mean of each of a given number of windows that share the input evenly: window i of n runs from ⌊i · in / n⌋ to ⌈(i + 1) · in / n⌉.</summary>
    /// <remarks>Shapes: x [.., spatial] -> [.., size..]; size 1 in every dimension is the global mean.</remarks>
    /// <exception cref="ArgumentException">There are more sizes than dimensions, or one is not positive.</exception>
    public static Tensor AdaptiveAveragePool(this Tensor x, params ReadOnlySpan<int> size) => Mean(x, size.Length, Adaptive(nameof(AdaptiveAveragePool), x, size));

    /// <summary>The largest value of each of a given number of windows that share the input evenly. Shapes and windows as <see cref="AdaptiveAveragePool"/>.</summary>
    /// <inheritdoc cref="AdaptiveAveragePool"/>
    public static Tensor AdaptiveMaxPool(this Tensor x, params ReadOnlySpan<int> size) => Max(x, size.Length, Adaptive(nameof(AdaptiveMaxPool), x, size)).Values;

    /// <summary>The p-norm of each window, without taking absolute values: (Σ x^p)^(1/p).</summary>
    /// <remarks>As torch's <c>lp_pool</c>: p = 1 is the sum, and an odd p is meant for values that are not negative. Shapes: x [.., spatial] -> [.., windows].</remarks>
    /// <exception cref="ArgumentException">Sizes are out of range or do not fit.</exception>
    public static Tensor PowerPool(this Tensor x, double p, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride = default, bool roundUp = false)
    {
        int places = 1;
        foreach (int size in kernelSize) places *= size;
        return (x.Pow(p).AveragePool(kernelSize, stride, roundUp: roundUp) * places).Pow(1 / p);
    }

    private static (Tensor Values, Tensor Indices) Max(Tensor x, int rank, PoolKernels.Window window)
    {
        x = x.Contiguous();
        Shape shape = Result(x, rank, window);
        Tensor y = Tensor.Uninitialized(shape, x.DType), indices = Tensor.Uninitialized(shape, DType.Int32);
        if (x.DType == DType.Float32) PoolKernels.Run(PoolKernels.Kind.Max, window, x.AsSpan<float>(), y.AsSpan<float>(), indices.AsSpan<int>());
        else PoolKernels.Run(PoolKernels.Kind.Max, window, x.AsSpan<double>(), y.AsSpan<double>(), indices.AsSpan<int>());
        if (GradMode.Records(x))
        {
            MaxNode node = MaxNode.Rent();
            (node.Indices, node.Window) = (indices, window);
            node.Connect(y, x);
        }
        return (y, indices);
    }

    private static Tensor Mean(Tensor x, int rank, PoolKernels.Window window)
    {
        Tensor source = x.IsContiguous ? x : x.Detach().Contiguous(), y = Tensor.Uninitialized(Result(x, rank, window), x.DType);
        if (x.DType == DType.Float32) PoolKernels.Run(PoolKernels.Kind.Mean, window, source.AsSpan<float>(), y.AsSpan<float>(), default);
        else PoolKernels.Run(PoolKernels.Kind.Mean, window, source.AsSpan<double>(), y.AsSpan<double>(), default);
        if (!GradMode.Records(x)) return y;
        MeanNode node = MeanNode.Rent();
        (node.Rank, node.Window) = (rank, window);
        node.Connect(y, x);
        return y;
    }

    // The transpose of the mean: each window's value divided over its places.
    private static Tensor Spread(Tensor dy, Shape shape, int rank, PoolKernels.Window window)
    {
        Tensor source = dy.IsContiguous ? dy : dy.Detach().Contiguous(), dx = Tensor.Zeros(shape, dy.DType);
        if (dy.DType == DType.Float32) PoolKernels.Run(PoolKernels.Kind.MeanBack, window, dx.AsSpan<float>(), source.AsSpan<float>(), default);
        else PoolKernels.Run(PoolKernels.Kind.MeanBack, window, dx.AsSpan<double>(), source.AsSpan<double>(), default);
        if (!GradMode.Records(dy)) return dx;
        SpreadNode node = SpreadNode.Rent();
        (node.Rank, node.Window) = (rank, window);
        node.Connect(dx, dy);
        return dx;
    }

    private static Shape Result(Tensor x, int rank, PoolKernels.Window window)
    {
        Span<int> sizes = stackalloc int[x.Rank];
        x.Shape.AsSpan().CopyTo(sizes);
        sizes[^1] = window.Width.Out;
        if (rank > 1) sizes[^2] = window.Height.Out;
        if (rank > 2) sizes[^3] = window.Depth.Out;
        return new Shape(sizes);
    }

    private static PoolKernels.Window Sliding(string operation, Tensor x, ReadOnlySpan<int> kernelSize, ReadOnlySpan<int> stride, ReadOnlySpan<int> padding, ReadOnlySpan<int> dilation, bool roundUp, bool countsPadding)
    {
        int rank = Check(operation, x, kernelSize.Length);
        Span<int> k = stackalloc int[rank], s = stackalloc int[rank], p = stackalloc int[rank], d = stackalloc int[rank];
        WindowGeometry.Spread(kernelSize, 1, 1, k, operation, "kernel size");
        WindowGeometry.Spread(stride.IsEmpty ? kernelSize : stride, 1, 1, s, operation, "stride");
        WindowGeometry.Spread(padding, 0, 0, p, operation, "padding");
        WindowGeometry.Spread(dilation, 1, 1, d, operation, "dilation");
        PoolAxis depth = PoolAxis.One, height = PoolAxis.One, width = PoolAxis.One;
        for (int i = 0; i < rank; i++)
        {
            int size = x.Shape[x.Rank - rank + i], reach = (k[i] - 1) * d[i] + 1, room = size + 2 * p[i] - reach;
            if (2 * p[i] > reach) throw new ArgumentException($"{operation}: padding {p[i]} is more than half of a window that reaches over {reach}.");
            if (room < 0 && !(roundUp && room + s[i] > 0)) throw new ArgumentException($"{operation}: a window that reaches over {reach} is larger than size {size} of {x.Shape} padded by {p[i]}.");
            int count = (room + (roundUp ? s[i] - 1 : 0)) / s[i] + 1;
            if (roundUp && (count - 1) * s[i] >= size + p[i]) count--; // the last window must begin inside
            (depth, height, width) = (height, width, new PoolAxis(size, count, k[i], s[i], p[i], d[i]));
        }
        return new(depth, height, width, countsPadding);
    }

    private static PoolKernels.Window Adaptive(string operation, Tensor x, ReadOnlySpan<int> size)
    {
        int rank = Check(operation, x, size.Length);
        PoolAxis depth = PoolAxis.One, height = PoolAxis.One, width = PoolAxis.One;
        for (int i = 0; i < rank; i++)
        {
            if (size[i] < 1) throw new ArgumentException($"{operation}: size {size[i]} must be at least 1.");
            (depth, height, width) = (height, width, new PoolAxis(x.Shape[x.Rank - rank + i], size[i], 0, 1, 0, 1));
        }
        return new(depth, height, width, CountsPadding: true);
    }

    private static int Check(string operation, Tensor x, int rank)
    {
        Elementwise.RequireFloating(x, operation);
        if (rank is < 1 or > 3 || x.Rank < rank) throw new ArgumentException($"{operation}: windows over {rank} dimensions of {x.Shape}; one to three are supported.");
        for (int i = x.Rank - rank; i < x.Rank; i++)
            if (x.Shape[i] == 0) throw new ArgumentException($"{operation}: {x.Shape} has no elements in dimension {i}.");
        return rank;
    }

    // y = x at an index for each window   =>   dx = dy added there
    private sealed class MaxNode : Node<MaxNode>
    {
        internal Tensor Indices = null!;
        internal PoolKernels.Window Window;

        internal override string Operation => "MaxPool";

        internal override Tensor Composition()
        {
            Tensor x = Input(0);
            int planes = Output.Count / Math.Max(1, Window.Out);
            return x.Reshape(planes, Window.In).Gather(1, Indices.Reshape(planes, Window.Out)).Reshape(Output.Shape);
        }

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor dx = pass.Target(Input(0), out bool accumulate);
            if (!accumulate) dx.Clear();
            dy = dy.Contiguous();
            if (dx.DType == DType.Float32) PoolKernels.Run(PoolKernels.Kind.MaxBack, Window, dx.AsSpan<float>(), dy.AsSpan<float>(), Indices.AsSpan<int>());
            else PoolKernels.Run(PoolKernels.Kind.MaxBack, Window, dx.AsSpan<double>(), dy.AsSpan<double>(), Indices.AsSpan<int>());
        }

        protected override void Clear() => Indices = null!;
    }

    // y = the mean of each window   =>   dx = dy divided over the window
    private sealed class MeanNode : Node<MeanNode>
    {
        internal int Rank;
        internal PoolKernels.Window Window;

        internal override string Operation => "AveragePool";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Spread(dy, Input(0).Shape, Rank, Window));
    }

    // The transpose of the mean   =>   the mean
    private sealed class SpreadNode : Node<SpreadNode>
    {
        internal int Rank;
        internal PoolKernels.Window Window;

        internal override string Operation => "AveragePool (transposed)";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Mean(dy, Rank, Window));
    }
}

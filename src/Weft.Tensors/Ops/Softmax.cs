using System.Numerics;
using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>Exponentials that sum to one, and their logarithms, over one dimension.</summary>
/// <remarks>
/// Each subtracts the largest entry first, so nothing overflows. A row of -infinity gives NaN in the softmax family, as in
/// PyTorch, and -infinity in <see cref="LogSumExp(Tensor, int, bool)"/>.
/// </remarks>
public static class SoftmaxFamily
{
    /// <summary>e^x / Σ e^x over one dimension (negative counts from the end). Shapes: x -> alike.</summary>
    public static Tensor Softmax(this Tensor x, int dimension = -1)
    {
        Elementwise.RequireFloating(x, nameof(Softmax));
        int d = DimensionOf(x, dimension, nameof(Softmax));
        Tensor y = Run(x, d, logarithm: false);
        if (!GradMode.Records(x)) return y;
        SoftmaxNode node = SoftmaxNode.Rent();
        node.Dimension = d;
        node.Connect(y, x);
        return y;
    }

    /// <summary>x - ln Σ e^x over one dimension. Shapes: x -> alike.</summary>
    public static Tensor LogSoftmax(this Tensor x, int dimension = -1)
    {
        Elementwise.RequireFloating(x, nameof(LogSoftmax));
        int d = DimensionOf(x, dimension, nameof(LogSoftmax));
        Tensor y = Run(x, d, logarithm: true);
        if (!GradMode.Records(x)) return y;
        LogSoftmaxNode node = LogSoftmaxNode.Rent();
        node.Dimension = d;
        node.Connect(y, x);
        return y;
    }

    /// <summary>The softmax of -x.</summary>
    public static Tensor Softmin(this Tensor x, int dimension = -1) => (-x).Softmax(dimension);

    /// <summary>The softmax of x with the masked entries left out (they get 0).</summary>
    /// <param name="x">The logits.</param>
    /// <param name="mask">Bool; true where an entry is left out. Broadcasts with x.</param>
    /// <param name="dimension">The dimension that sums to one.</param>
    public static Tensor MaskedSoftmax(this Tensor x, Tensor mask, int dimension = -1) => x.MaskedFill(mask, double.NegativeInfinity).Softmax(dimension);

    /// <summary>ln Σ e^x over one dimension.</summary>
    public static Tensor LogSumExp(this Tensor x, int dimension, bool keepDimension = false) => LogSumExp(x, keepDimension, dimension);

    /// <summary>ln Σ e^x over several dimensions, which disappear or keep size 1; over all where none is named.</summary>
    public static Tensor LogSumExp(this Tensor x, bool keepDimensions, params ReadOnlySpan<int> dimensions)
    {
        Elementwise.RequireFloating(x, nameof(LogSumExp));
        Tensor rows = Lanes.Join(x, dimensions, nameof(LogSumExp), out int mask).Contiguous(); // [kept.., N]
        Tensor y = Tensor.Uninitialized(rows.Shape.Without(rows.Rank - 1), x.DType);
        if (x.DType == DType.Float32) LogSumExpKernel(rows.AsSpan<float>(), y.AsSpan<float>(), rows.Shape[^1]);
        else LogSumExpKernel(rows.AsSpan<double>(), y.AsSpan<double>(), rows.Shape[^1]);
        if (GradMode.Records(rows)) LogSumExpNode.Rent().Connect(y, rows);
        return Lanes.Shaped(y, x.Shape, mask, keepDimensions);
    }

    private static int DimensionOf(Tensor x, int dimension, string operation) => x.Rank == 0 && dimension is 0 or -1 ? 0 : x.Shape.Dimension(dimension, operation);

    private static Tensor Run(Tensor x, int d, bool logarithm)
    {
        if (x.Rank == 0) return Run(x.Detach().Reshape(1), 0, logarithm).Reshape(Shape.Create([]));
        Tensor rows = Lanes.Rows(x, d), y = Tensor.Uninitialized(rows.Shape, x.DType);
        if (x.DType == DType.Float32 && x.Count > 0) SoftmaxKernels.Forward(rows.AsSpan<float>(), y.AsSpan<float>(), rows.Shape[^1], logarithm);
        else if (x.DType == DType.Float64) Kernel(rows.AsSpan<double>(), y.AsSpan<double>(), rows.Shape[^1], logarithm);
        return Lanes.Back(y, d);
    }

    private static void Kernel<T>(ReadOnlySpan<T> x, Span<T> y, int n, bool logarithm) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int start = 0; start < x.Length; start += n)
        {
            ReadOnlySpan<T> row = x.Slice(start, n);
            Span<T> result = y.Slice(start, n);
            T largest = T.NegativeInfinity, sum = T.Zero;
            foreach (T value in row) largest = T.Max(largest, value);
            if (logarithm)
            {
                foreach (T value in row) sum += T.Exp(value - largest);
                T log = T.Log(sum);
                for (int i = 0; i < n; i++) result[i] = row[i] - largest - log;
            }
            else
            {
                for (int i = 0; i < n; i++) sum += result[i] = T.Exp(row[i] - largest);
                for (int i = 0; i < n; i++) result[i] /= sum;
            }
        }
    }

    private static void LogSumExpKernel<T>(ReadOnlySpan<T> x, Span<T> y, int n) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int r = 0; r < y.Length; r++)
        {
            ReadOnlySpan<T> row = x.Slice(r * n, n);
            T largest = T.NegativeInfinity, sum = T.Zero;
            foreach (T value in row) largest = T.Max(largest, value);
            if (T.IsInfinity(largest))
            {
                y[r] = largest;
                continue;
            }
            foreach (T value in row) sum += T.Exp(value - largest);
            y[r] = largest + T.Log(sum);
        }
    }

    // Float32 over the last dimension, in passes that are not recorded: a kernel.
    private static bool InOnePass(Tensor y, int dimension, Tensor dy, Tensor x, BackwardPass pass, bool logarithm)
    {
        if (y.DType != DType.Float32 || pass.CreateGraph || y.Count == 0 || y.Rank == 0 || dimension != y.Rank - 1 || !y.IsContiguous) return false;
        if (!pass.Needs(x)) return true;
        Tensor dx = pass.Target(x, out bool accumulate);
        SoftmaxKernels.Backward(y.AsSpan<float>(), dy.Contiguous().AsSpan<float>(), dx.AsSpan<float>(), accumulate, y.Shape[^1], logarithm);
        return true;
    }

    // y = softmax(x)   =>   dx = y (dy - Σ y dy)
    private sealed class SoftmaxNode : Node<SoftmaxNode>
    {
        internal int Dimension;

        internal override string Operation => "Softmax";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            if (InOnePass(Output, Dimension, dy, Input(0), pass, logarithm: false)) return;
            Tensor y = Output, weighted = y * dy;
            pass.Add(Input(0), y.Rank == 0 ? weighted - y * weighted : weighted - y * weighted.Sum(Dimension, keepDimension: true));
        }
    }

    // y = x - ln Σ e^x   =>   dx = dy - e^y Σ dy
    private sealed class LogSoftmaxNode : Node<LogSoftmaxNode>
    {
        internal int Dimension;

        internal override string Operation => "LogSoftmax";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            if (InOnePass(Output, Dimension, dy, Input(0), pass, logarithm: true)) return;
            Tensor p = Output.Exp();
            pass.Add(Input(0), p.Rank == 0 ? dy - p * dy : dy - p * dy.Sum(Dimension, keepDimension: true));
        }
    }

    // y = ln Σ e^x   =>   dx = e^(x - y) dy;   an infinite y is taken as 0, so that e^(-inf - -inf) is 0 and not NaN
    private sealed class LogSumExpNode : Node<LogSumExpNode>
    {
        internal override string Operation => "LogSumExp";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor y = Output.MaskedFill(Output.Detach().IsInfinity(), 0);
            pass.Add(Input(0), (Input(0) - y.Unsqueeze(-1)).Exp() * dy.Unsqueeze(-1));
        }
    }
}

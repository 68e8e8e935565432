using System.Numerics;
using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>Sums and other totals over dimensions.</summary>
public static class Reductions
{
    /// <summary>The sum of all elements. Shapes: x -> [].</summary>
    public static Tensor Sum(this Tensor x) => Sum(x, keepDimensions: false, AllDimensions(x.Rank).AsSpan());

    /// <summary>The sum over one dimension (negative counts from the end).</summary>
    public static Tensor Sum(this Tensor x, int dimension, bool keepDimension = false) => Sum(x, keepDimension, [dimension]);

    /// <summary>The sum over several dimensions, which disappear or keep size 1.</summary>
    public static Tensor Sum(this Tensor x, bool keepDimensions, params ReadOnlySpan<int> dimensions)
    {
        Elementwise.RequireFloating(x, nameof(Sum));
        int reduced = Mask(x, dimensions, nameof(Sum));
        Tensor y = Tensor.Zeros(ReducedShape(x.Shape, reduced, keep: true), x.DType);
        if (x.Count > 0)
        {
            if (x.DType == DType.Float32 && x.IsContiguous && IsLeading(reduced) && y.Count >= ColumnsAtLeast) ColumnSumKernels.Run(x.AsSpan<float>(), x.Count / y.Count, y.Count, y.AsSpan<float>(), accumulate: false);
            else if (x.DType == DType.Float32) SumKernel<float>(x, y);
            else SumKernel<double>(x, y);
        }
        if (GradMode.Records(x)) SumNode.Rent().Connect(y, x);
        return keepDimensions ? y : y.Reshape(ReducedShape(x.Shape, reduced, keep: false));
    }

    /// <summary>The mean of all elements. Shapes: x -> [].</summary>
    public static Tensor Mean(this Tensor x) => x.Sum() / (double)x.Count;

    /// <summary>The mean over one dimension (negative counts from the end).</summary>
    public static Tensor Mean(this Tensor x, int dimension, bool keepDimension = false) => x.Sum(dimension, keepDimension) / (double)x.Shape[x.Shape.Dimension(dimension, nameof(Mean))];

    /// <summary>The mean over several dimensions, which disappear or keep size 1; over all where none is named. NaN over no elements.</summary>
    public static Tensor Mean(this Tensor x, bool keepDimensions, params ReadOnlySpan<int> dimensions)
    {
        int count = x.Count;
        if (!dimensions.IsEmpty)
        {
            count = 1;
            int mask = Mask(x, dimensions, nameof(Mean));
            for (int d = 0; d < x.Rank; d++) if ((mask >> d & 1) != 0) count *= x.Shape[d];
        }
        Tensor sum = dimensions.IsEmpty ? Sum(x, keepDimensions, AllDimensions(x.Rank).AsSpan()) : Sum(x, keepDimensions, dimensions);
        return sum / (double)count;
    }

    /// <summary>Sums over the dimensions along which a shape was stretched: the transpose of broadcasting.</summary>
    public static Tensor SumTo(this Tensor x, Shape shape)
    {
        if (x.Shape == shape) return x;
        int extra = x.Rank - shape.Rank;
        Span<int> dimensions = stackalloc int[Shape.MaxRank];
        int count = 0;
        for (int d = 0; d < x.Rank; d++) if (d < extra || (shape[d - extra] == 1 && x.Shape[d] != 1)) dimensions[count++] = d;
        return (count == 0 ? x : Sum(x, keepDimensions: true, dimensions[..count])).Reshape(shape);
    }

    internal static Shape AllDimensions(int rank)
    {
        Span<int> all = stackalloc int[rank];
        for (int d = 0; d < rank; d++) all[d] = d;
        return Shape.FromStrides(all);
    }

    internal static int Mask(Tensor x, ReadOnlySpan<int> dimensions, string operation)
    {
        int mask = 0;
        foreach (int dimension in dimensions) mask |= 1 << x.Shape.Dimension(dimension, operation);
        return mask;
    }

    internal static Shape ReducedShape(Shape shape, int mask, bool keep)
    {
        Span<int> sizes = stackalloc int[shape.Rank];
        int rank = 0;
        for (int d = 0; d < shape.Rank; d++)
        {
            if ((mask >> d & 1) == 0) sizes[rank++] = shape[d];
            else if (keep) sizes[rank++] = 1;
        }
        return new Shape(sizes[..rank]);
    }

    // Sums of so many columns or more are worth all threads.
    private const int ColumnsAtLeast = 64;

    // Whether the dimensions are the first ones: then what is kept are columns.
    private static bool IsLeading(int mask) => (mask & (mask + 1)) == 0;

    // y[reduced index] += x[index], walking x in order; y is walked with stride 0 along reduced dimensions.
    private static void SumKernel<T>(Tensor x, Tensor y) where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<T> xs = x.RawSpan<T>();
        Span<T> ys = y.AsSpan<T>();
        StridedLoop loop = new(x.Shape, x.Strides, Elementwise.BroadcastStrides(y, x.Shape), default);
        do
        {
            int ix = loop.Offset0, iy = loop.Offset1, n = loop.Length;
            if (loop.Stride1 == 0)
            {
                ys[iy] += loop.Stride0 == 1 ? PairwiseSum(xs.Slice(ix, n)) : StridedSum(xs[ix..], n, loop.Stride0);
            }
            else if (loop.Stride0 == 1 && loop.Stride1 == 1)
            {
                Span<T> target = ys.Slice(iy, n);
                System.Numerics.Tensors.TensorPrimitives.Add(xs.Slice(ix, n), target, target);
            }
            else
            {
                for (int i = 0; i < n; i++, ix += loop.Stride0, iy += loop.Stride1) ys[iy] += xs[ix];
            }
        }
        while (loop.Next());
    }

    // Halving keeps the rounding error at O(log n) terms (Higham 1993).
    private static T PairwiseSum<T>(ReadOnlySpan<T> x) where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (x.Length > 128)
        {
            int half = x.Length / 2 / 8 * 8;
            return PairwiseSum(x[..half]) + PairwiseSum(x[half..]);
        }
        T sum = T.Zero;
        foreach (T value in x) sum += value;
        return sum;
    }

    private static T StridedSum<T>(ReadOnlySpan<T> x, int count, int stride) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int i = 0, at = 0; i < count; i++, at += stride) sum += x[at];
        return sum;
    }

    // y = sum of x over dimensions (kept with size 1)   =>   dx = dy stretched
    private sealed class SumNode : Node<SumNode>
    {
        internal override string Operation => "Sum";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.Expand(Input(0).Shape));
    }
}

using System.Numerics;
using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>The largest and smallest elements, and where they are. NaN counts as both the largest and the smallest.</summary>
/// <remarks>
/// <c>Max</c> and <c>Min</c> divide the gradient evenly among tied elements; the <c>WithIndices</c> forms give it to the first
/// of them, whose index they return.
/// </remarks>
public static class Extremes
{
    /// <summary>The largest element. Shapes: x -> [].</summary>
    public static Tensor Max(this Tensor x) => Extreme(x, [], keep: false, largest: true, nameof(Max));

    /// <summary>The largest element over one dimension.</summary>
    public static Tensor Max(this Tensor x, int dimension, bool keepDimension = false) => Extreme(x, [dimension], keepDimension, largest: true, nameof(Max));

    /// <summary>The largest element over several dimensions, which disappear or keep size 1; over all where none is named.</summary>
    public static Tensor Max(this Tensor x, bool keepDimensions, params ReadOnlySpan<int> dimensions) => Extreme(x, dimensions, keepDimensions, largest: true, nameof(Max));

    /// <summary>The smallest element. Shapes: x -> [].</summary>
    public static Tensor Min(this Tensor x) => Extreme(x, [], keep: false, largest: false, nameof(Min));

    /// <summary>The smallest element over one dimension.</summary>
    public static Tensor Min(this Tensor x, int dimension, bool keepDimension = false) => Extreme(x, [dimension], keepDimension, largest: false, nameof(Min));

    /// <summary>The smallest element over several dimensions, which disappear or keep size 1; over all where none is named.</summary>
    public static Tensor Min(this Tensor x, bool keepDimensions, params ReadOnlySpan<int> dimensions) => Extreme(x, dimensions, keepDimensions, largest: false, nameof(Min));

    /// <summary>The largest element over one dimension, and the index of the first that is as large (Int32).</summary>
    public static (Tensor Values, Tensor Indices) MaxWithIndices(this Tensor x, int dimension, bool keepDimension = false) =>
        WithIndices(x, dimension, keepDimension, largest: true, nameof(MaxWithIndices));

    /// <summary>The smallest element over one dimension, and the index of the first that is as small (Int32).</summary>
    public static (Tensor Values, Tensor Indices) MinWithIndices(this Tensor x, int dimension, bool keepDimension = false) =>
        WithIndices(x, dimension, keepDimension, largest: false, nameof(MinWithIndices));

    /// <summary>The index of the first largest element over one dimension (Int32).</summary>
    public static Tensor ArgMax(this Tensor x, int dimension, bool keepDimension = false) => Arg(x, dimension, keepDimension, largest: true, nameof(ArgMax));

    /// <summary>The index of the first largest element in row-major order (Int32). Shapes: x -> [].</summary>
    public static Tensor ArgMax(this Tensor x) => x.Detach().Reshape(x.Count).ArgMax(0);

    /// <summary>The index of the first smallest element over one dimension (Int32).</summary>
    public static Tensor ArgMin(this Tensor x, int dimension, bool keepDimension = false) => Arg(x, dimension, keepDimension, largest: false, nameof(ArgMin));

    /// <summary>The index of the first smallest element in row-major order (Int32). Shapes: x -> [].</summary>
    public static Tensor ArgMin(this Tensor x) => x.Detach().Reshape(x.Count).ArgMin(0);

    /// <summary>The largest element so far along a dimension, and the index of the last that is as large (Int32). Shapes: alike.</summary>
    public static (Tensor Values, Tensor Indices) CumulativeMax(this Tensor x, int dimension)
    {
        Elementwise.RequireFloating(x, nameof(CumulativeMax));
        int d = x.Shape.Dimension(dimension, nameof(CumulativeMax));
        Tensor rows = Lanes.Rows(x, d).To(DType.Float64), indices = Tensor.Uninitialized(rows.Shape, DType.Int32);
        ReadOnlySpan<double> xs = rows.AsSpan<double>();
        Span<int> at = indices.AsSpan<int>();
        int n = rows.Shape[^1];
        for (int i = 0; i < xs.Length; i++)
        {
            int best = i % n == 0 ? 0 : at[i - 1];
            double largest = xs[i - i % n + best];
            at[i] = double.IsNaN(xs[i]) || xs[i] >= largest ? i % n : best;
        }
        indices = Lanes.Back(indices, d);
        return (x.Gather(d, indices), indices);
    }

    private static (Tensor, Tensor) WithIndices(Tensor x, int dimension, bool keep, bool largest, string operation)
    {
        Elementwise.RequireFloating(x, operation);
        if (x.Rank == 0) return (x, Tensor.Zeros([], DType.Int32));
        int d = x.Shape.Dimension(dimension, operation);
        Tensor indices = Arg(x, d, keep: true, largest, operation), values = x.Gather(d, indices);
        return keep ? (values, indices) : (values.Squeeze(d), indices.Squeeze(d));
    }

    private static Tensor Arg(Tensor x, int dimension, bool keep, bool largest, string operation)
    {
        int d = x.Shape.Dimension(dimension, operation), n = x.Shape[d];
        if (n == 0) throw Lanes.Empty(operation, x.Shape);
        Tensor rows = Lanes.Rows(x, d), y = Tensor.Uninitialized(rows.Shape.Without(rows.Rank - 1), DType.Int32);
        switch (x.DType)
        {
            case DType.Float32: ArgKernel(rows.AsSpan<float>(), y.AsSpan<int>(), n, largest); break;
            case DType.Float64: ArgKernel(rows.AsSpan<double>(), y.AsSpan<int>(), n, largest); break;
            case DType.Int32: ArgKernel(rows.AsSpan<int>(), y.AsSpan<int>(), n, largest); break;
            default: throw new ArgumentException($"{operation}: Bool values have no order.");
        }
        return keep ? y.Unsqueeze(d) : y;
    }

    private static Tensor Extreme(Tensor x, ReadOnlySpan<int> dimensions, bool keep, bool largest, string operation)
    {
        Elementwise.RequireFloating(x, operation);
        Tensor rows = Lanes.Join(x, dimensions, operation, out int mask); // [kept.., N]
        int n = rows.Shape[^1];
        if (n == 0) throw Lanes.Empty(operation, x.Shape);
        Tensor y = Tensor.Uninitialized(rows.Shape.Without(rows.Rank - 1), x.DType), source = rows.Detach().Contiguous();
        if (x.DType == DType.Float32) ExtremeKernel(source.AsSpan<float>(), y.AsSpan<float>(), n, largest);
        else ExtremeKernel(source.AsSpan<double>(), y.AsSpan<double>(), n, largest);
        if (GradMode.Records(rows)) ExtremeNode.Rent().Connect(y, rows);
        return Lanes.Shaped(y, x.Shape, mask, keep);
    }

    private static void ArgKernel<T>(ReadOnlySpan<T> x, Span<int> y, int n, bool largest) where T : unmanaged, INumber<T>
    {
        for (int r = 0; r < y.Length; r++)
        {
            ReadOnlySpan<T> row = x.Slice(r * n, n);
            int best = 0;
            for (int i = 1; i < n && !T.IsNaN(row[best]); i++)
                if (T.IsNaN(row[i]) || (largest ? row[i] > row[best] : row[i] < row[best])) best = i;
            y[r] = best;
        }
    }

    private static void ExtremeKernel<T>(ReadOnlySpan<T> x, Span<T> y, int n, bool largest) where T : unmanaged, INumber<T>
    {
        for (int r = 0; r < y.Length; r++)
        {
            ReadOnlySpan<T> row = x.Slice(r * n, n);
            T best = row[0];
            foreach (T value in row) best = largest ? T.Max(best, value) : T.Min(best, value);
            y[r] = best;
        }
    }

    // y = max x   =>   dx = dy / (number of ties) where x = y, else 0
    private sealed class ExtremeNode : Node<ExtremeNode>
    {
        internal override string Operation => "Max";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0).Detach(), tied = x.Equal(Output.Detach().Unsqueeze(-1)).To(dy.DType);
            pass.Add(Input(0), dy.Unsqueeze(-1) * (tied / tied.Sum(-1, keepDimension: true)));
        }
    }
}

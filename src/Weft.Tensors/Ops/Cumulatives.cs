using System.Numerics;
using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Running totals along a dimension. Shapes: x -> alike.</summary>
public static class Cumulatives
{
    /// <summary>yᵢ = x₀ + .. + xᵢ along a dimension.</summary>
    public static Tensor CumulativeSum(this Tensor x, int dimension) => Sum(x, x.Shape.Dimension(dimension, nameof(CumulativeSum)), backwards: false);

    /// <summary>yᵢ = x₀ · .. · xᵢ along a dimension. The gradient is exact where elements are 0.</summary>
    public static Tensor CumulativeProduct(this Tensor x, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(CumulativeProduct));
        return Lanes.MoveFromEnd(Prefixes(x, d, 1).Product(-1), d);
    }

    /// <summary>yᵢ = ln(e^x₀ + .. + e^xᵢ) along a dimension.</summary>
    public static Tensor CumulativeLogSumExp(this Tensor x, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(CumulativeLogSumExp));
        return Lanes.MoveFromEnd(Prefixes(x, d, double.NegativeInfinity).LogSumExp(-1), d);
    }

    // [.., N] -> [.., N, N]: row i holds the first i + 1 entries, then a filler. Quadratic in N, and exact.
    private static Tensor Prefixes(Tensor x, int d, double filler)
    {
        Tensor rows = Lanes.MoveToEnd(x, d);
        int n = rows.Shape[^1];
        Span<int> sizes = stackalloc int[rows.Rank + 1];
        rows.Shape.AsSpan().CopyTo(sizes);
        sizes[^1] = n;
        return rows.Unsqueeze(-2).Expand(new Shape(sizes)).MaskedFill(Triangles.UpperMask(n, n, 1), filler);
    }

    private static Tensor Sum(Tensor x, int d, bool backwards)
    {
        Elementwise.RequireFloating(x, nameof(CumulativeSum));
        Tensor rows = Lanes.Rows(x, d), y = Tensor.Uninitialized(rows.Shape, x.DType);
        if (x.DType == DType.Float32) SumKernel(rows.AsSpan<float>(), y.AsSpan<float>(), rows.Shape[^1], backwards);
        else SumKernel(rows.AsSpan<double>(), y.AsSpan<double>(), rows.Shape[^1], backwards);
        y = Lanes.Back(y, d);
        if (!GradMode.Records(x)) return y;
        CumulativeSumNode node = CumulativeSumNode.Rent();
        (node.Dimension, node.Backwards) = (d, backwards);
        node.Connect(y, x);
        return y;
    }

    private static void SumKernel<T>(ReadOnlySpan<T> x, Span<T> y, int n, bool backwards) where T : unmanaged, INumber<T>
    {
        for (int start = 0; start < x.Length; start += n)
        {
            T sum = T.Zero;
            if (backwards) for (int i = start + n - 1; i >= start; i--) y[i] = sum += x[i];
            else for (int i = start; i < start + n; i++) y[i] = sum += x[i];
        }
    }

    // yᵢ = x₀ + .. + xᵢ   =>   dxᵢ = dyᵢ + .. + dyₙ, and the reverse
    private sealed class CumulativeSumNode : Node<CumulativeSumNode>
    {
        internal int Dimension;
        internal bool Backwards;

        internal override string Operation => "CumulativeSum";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Sum(dy, Dimension, !Backwards));
    }
}

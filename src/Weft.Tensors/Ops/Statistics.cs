using System.Numerics;
using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Spread, norms, products and counts over dimensions.</summary>
public static class Statistics
{
    /// <summary>The variance of all elements: Σ (x - mean)² / (n - correction). Shapes: x -> [].</summary>
    public static Tensor Variance(this Tensor x, double correction = 1) => x.Variance(correction, keepDimensions: false);

    /// <summary>The variance over several dimensions, which disappear or keep size 1; over all where none is named.</summary>
    /// <remarks>correction 1 estimates the variance of what the elements are a sample of, 0 is the variance of the elements
    /// themselves. NaN where there are no more elements than the correction.</remarks>
    public static Tensor Variance(this Tensor x, double correction, bool keepDimensions, params ReadOnlySpan<int> dimensions)
    {
        Tensor rows = Lanes.Join(x, dimensions, nameof(Variance), out int mask); // [kept.., N]
        double divisor = Math.Max(0, rows.Shape[^1] - correction);
        Tensor y = (rows - rows.Mean(-1, keepDimension: true)).Square().Sum(-1) / divisor;
        return Lanes.Shaped(y, x.Shape, mask, keepDimensions);
    }

    /// <summary>The square root of <see cref="Variance(Tensor, double)"/>.</summary>
    public static Tensor StandardDeviation(this Tensor x, double correction = 1) => x.Variance(correction).Sqrt();

    /// <summary>The square root of <see cref="Variance(Tensor, double, bool, ReadOnlySpan{int})"/>.</summary>
    public static Tensor StandardDeviation(this Tensor x, double correction, bool keepDimensions, params ReadOnlySpan<int> dimensions) =>
        x.Variance(correction, keepDimensions, dimensions).Sqrt();

    /// <summary>(Σ |x|^p)^(1/p) of all elements. Shapes: x -> [].</summary>
    public static Tensor Norm(this Tensor x, double p = 2) => x.Norm(p, keepDimensions: false);

    /// <summary>(Σ |x|^p)^(1/p) over several dimensions, which disappear or keep size 1; over all where none is named.</summary>
    /// <remarks>p may be ±infinity (the largest, the smallest |x|) and 0 (how many are not 0). The derivative at a norm of 0 is 0.</remarks>
    public static Tensor Norm(this Tensor x, double p, bool keepDimensions, params ReadOnlySpan<int> dimensions)
    {
        Elementwise.RequireFloating(x, nameof(Norm));
        Tensor rows = Lanes.Join(x, dimensions, nameof(Norm), out int mask), size = rows.Absolute(), y; // [kept.., N]
        if (double.IsPositiveInfinity(p)) y = size.Max(-1);
        else if (double.IsNegativeInfinity(p)) y = size.Min(-1);
        else if (p == 0) y = rows.Detach().NotEqual(0).To(x.DType).Sum(-1);
        else if (p == 1) y = size.Sum(-1);
        else y = Root(p == 2 ? rows.Square().Sum(-1) : Raised(size, p).Sum(-1), p);
        return Lanes.Shaped(y, x.Shape, mask, keepDimensions);
    }

    /// <summary>The product of all elements. Shapes: x -> [].</summary>
    public static Tensor Product(this Tensor x) => x.Reshape(x.Count).Product(0);

    /// <summary>The product over one dimension (1 over none). The gradient is exact where elements are 0.</summary>
    public static Tensor Product(this Tensor x, int dimension, bool keepDimension = false)
    {
        Elementwise.RequireFloating(x, nameof(Product));
        int d = x.Shape.Dimension(dimension, nameof(Product)), n = x.Shape[d];
        Tensor rows = Lanes.MoveToEnd(x, d).Contiguous(), y = Tensor.Uninitialized(rows.Shape.Without(rows.Rank - 1), x.DType);
        if (x.DType == DType.Float32) ProductKernel(rows.AsSpan<float>(), y.AsSpan<float>(), n);
        else ProductKernel(rows.AsSpan<double>(), y.AsSpan<double>(), n);
        if (GradMode.Records(rows)) ProductNode.Rent().Connect(y, rows);
        return keepDimension ? y.Unsqueeze(d) : y;
    }

    /// <summary>Where any element over a dimension is true, or not 0. Shapes: x -> Bool without the dimension.</summary>
    public static Tensor Any(this Tensor x, int dimension, bool keepDimension = false) => x.CountNonZero(dimension, keepDimension).Greater(0);

    /// <summary>Where all elements over a dimension are true, or not 0. Shapes: x -> Bool without the dimension.</summary>
    public static Tensor All(this Tensor x, int dimension, bool keepDimension = false) =>
        x.CountNonZero(dimension, keepDimension).Equal(x.Shape[x.Shape.Dimension(dimension, nameof(All))]);

    /// <summary>How many elements over a dimension are true, or not 0. Shapes: x -> Int32 without the dimension.</summary>
    public static Tensor CountNonZero(this Tensor x, int dimension, bool keepDimension = false)
    {
        int d = x.Shape.Dimension(dimension, nameof(CountNonZero)), n = x.Shape[d];
        Tensor rows = Lanes.Rows(x.Detach().To(DType.Bool), d), y = Tensor.Zeros(rows.Shape.Without(rows.Rank - 1), DType.Int32);
        ReadOnlySpan<bool> mask = rows.AsSpan<bool>();
        Span<int> counts = y.AsSpan<int>();
        for (int i = 0; i < mask.Length; i++) if (mask[i]) counts[i / n]++;
        return keepDimension ? y.Unsqueeze(d) : y;
    }

    // The derivatives of |x|^p at 0 for p < 1, and of s^(1/p) at 0, are infinite; here they are 0.
    private static Tensor Raised(Tensor size, double p)
    {
        Tensor zero = size.Detach().Equal(0);
        return size.MaskedFill(zero, 1).Pow(p).MaskedFill(zero, p < 0 ? double.PositiveInfinity : 0);
    }

    private static Tensor Root(Tensor sum, double p)
    {
        Tensor zero = sum.Detach().Equal(0), safe = sum.MaskedFill(zero, 1);
        return (p == 2 ? safe.Sqrt() : safe.Pow(1 / p)).MaskedFill(zero, 0);
    }

    private static void ProductKernel<T>(ReadOnlySpan<T> x, Span<T> y, int n) where T : unmanaged, INumber<T>
    {
        for (int r = 0; r < y.Length; r++)
        {
            T product = T.One;
            foreach (T value in x.Slice(r * n, n)) product *= value;
            y[r] = product;
        }
    }

    // y = Π x   =>   dxᵢ = dy Π x with xᵢ replaced by 1: no division, so zeros do no harm
    private sealed class ProductNode : Node<ProductNode>
    {
        internal override string Operation => "Product";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0); // [.., N]
            int n = x.Shape[^1];
            Tensor others = x.Unsqueeze(-2).Expand(Raise(x.Shape, n)).MaskedFill(Tensor.Identity(n, DType.Bool), 1); // [.., N, N]
            pass.Add(x, dy.Unsqueeze(-1) * others.Product(-1));
        }

        private static Shape Raise(Shape shape, int n)
        {
            Span<int> sizes = stackalloc int[shape.Rank + 1];
            shape.AsSpan().CopyTo(sizes);
            sizes[^1] = n;
            return new Shape(sizes);
        }
    }
}

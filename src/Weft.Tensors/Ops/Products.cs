using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;
using Weft.Tensors.Quantization;
using Weft.Tensors.Threading;

namespace Weft.Tensors;

/// <summary>Matrix products.</summary>
public static class Products
{
    /// <summary>The matrix product over the last two dimensions; leading ones broadcast.</summary>
    /// <remarks>
    /// Shapes: a [.., M, K], b [.., K, N] -> [.., M, N]. A vector on the left is a row, on the right a column, and its
    /// dimension of size 1 does not appear in the result.
    /// </remarks>
    /// <exception cref="ArgumentException">The inner sizes differ, or the leading sizes do not broadcast.</exception>
    public static Tensor MatMul(this Tensor a, Tensor b)
    {
        Elementwise.RequireFloating(a, nameof(MatMul));
        Elementwise.RequireSameType(a, b, nameof(MatMul));
        if (a.Rank == 0 || b.Rank == 0) throw new ArgumentException($"MatMul: {a.Shape} x {b.Shape}: both need at least one dimension.");
        if (a.Rank == 1) return a.Unsqueeze(0).MatMul(b).Squeeze(b.Rank == 1 ? 0 : -2);
        if (b.Rank == 1) return a.MatMul(b.Unsqueeze(1)).Squeeze(-1);
        if (a.Shape[^1] != b.Shape[^2]) throw new ArgumentException($"MatMul: {a.Shape} x {b.Shape}: inner sizes {a.Shape[^1]} and {b.Shape[^2]} differ.");

        if (b.Rank == 2 && a.Rank > 2 && a.IsContiguous) // one large product instead of many small ones
        {
            Shape shape = a.Shape.With(a.Rank - 1, b.Shape[1]);
            return a.Reshape(new Shape(a.Shape.AsSpan()[..^1]).Count, a.Shape[^1]).MatMul(b).Reshape(shape);
        }

        Span<int> sizes = stackalloc int[Math.Max(a.Rank, b.Rank)];
        Shape batch = Shape.Broadcast(new Shape(a.Shape.AsSpan()[..^2]), new Shape(b.Shape.AsSpan()[..^2]), nameof(MatMul));
        batch.AsSpan().CopyTo(sizes);
        (sizes[^2], sizes[^1]) = (a.Shape[^2], b.Shape[^1]);
        Tensor y = Tensor.Uninitialized(new Shape(sizes), a.DType);
        Batched(a, b, y, batch);
        if (!GradMode.Records(a, b)) return y;
        MatMulNode node = MatMulNode.Rent();
        node.Precision = ProductPrecision.Current;
        node.Connect(y, a, b);
        return y;
    }

    /// <summary>An affine map of the last dimension: y = x Wᵀ + b.</summary>
    /// <remarks>Shapes: x [.., In], weight [Out, In], bias [Out] or null -> y [.., Out].</remarks>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public static Tensor Linear(this Tensor x, Tensor weight, Tensor? bias = null)
    {
        CheckLinear(x, weight, bias);
        ImportanceMatrix.Current?.Observe(weight, x);
        if (weight.Stored is { } stored && !GradMode.Records(x, weight, bias)) return x.LinearStored(stored, bias);

        (x, bias) = (x.Contiguous(), bias?.Contiguous());
        Tensor y = Tensor.Uninitialized(x.Shape.With(x.Rank - 1, weight.Shape[0]), x.DType);
        // Views are let go at once: memory can return to the pool early only when nothing views it.
        Tensor rows = Rows(x), result = Rows(y);
        Multiply(rows, weight.Detach().Transpose(), result, accumulate: false, bias);
        MemoryScope.ReleaseEarly(rows);
        MemoryScope.ReleaseEarly(result);
        if (!GradMode.Records(x, weight, bias)) return y;
        LinearNode node = LinearNode.Rent();
        node.Precision = ProductPrecision.Current;
        node.Connect(y, x, weight, bias);
        return y;
    }

    /// <summary>An affine map of the last dimension and a nonlinearity of each element, in one pass over the result: y = f(x Wᵀ + b).</summary>
    /// <remarks>Shapes: x [.., In], weight [Out, In], bias [Out] or null -> y [.., Out]. The same bits as one after the other. Of the argument of f only f' is kept.</remarks>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public static Tensor LinearActivation(this Tensor x, Tensor weight, Tensor? bias, Activation activation)
    {
        CheckLinear(x, weight, bias);
        bool records = GradMode.Records(x, weight, bias);
        if (x.DType != DType.Float32 || x.Count == 0 || (weight.Stored is not null && !records) || ImportanceMatrix.Current is not null) return x.Linear(weight, bias).Apply(activation);
        return FusedActivations.Linear(x.Contiguous(), weight, bias?.Contiguous(), activation, records);
    }

    private static void CheckLinear(Tensor x, Tensor weight, Tensor? bias)
    {
        Elementwise.RequireSameType(x, weight, nameof(Linear));
        if (weight.Rank != 2 || x.Rank == 0 || x.Shape[^1] != weight.Shape[1])
            throw new ArgumentException($"Linear: x {x.Shape} does not fit weight {weight.Shape}: the last size of x must be the weight's second.");
        if (bias is not null && (bias.Rank != 1 || bias.Shape[0] != weight.Shape[0]))
            throw new ArgumentException($"Linear: bias {bias.Shape} does not fit weight {weight.Shape}.");
    }

    /// <summary>c (+)= a b (+ bias) for matrices with any strides; c has unit stride in its rows. Nothing is recorded. Only float32 products have an end. A weight's gradient is not read soon.</summary>
    internal static unsafe void Multiply(Tensor a, Tensor b, Tensor c, bool accumulate, Tensor? bias = null, ProductEnd end = default, bool gradient = false)
    {
        if (c.DType == DType.Float32)
        {
            fixed (float* pa = a.RawSpan<float>(), pb = b.RawSpan<float>(), pc = c.RawSpan<float>(), pbias = bias is null ? [] : bias.AsSpan<float>())
                MatrixProduct.Run(Describe(a, pa, b, pb, c, pc, accumulate) with { Bias = pbias, End = end, PastCaches = gradient && c.Count >= LargeGradient }, default, ProductPrecision.Current);
        }
        else
        {
            MatrixProductReference.Run(c.Shape[0], c.Shape[1], a.Shape[1], a.RawSpan<double>(), a.Strides[0], a.Strides[1], b.RawSpan<double>(), b.Strides[0], b.Strides[1], c.RawSpan<double>(), c.Strides[0], accumulate,
                bias is null ? [] : bias.AsSpan<double>());
        }
    }

    /// <summary>Two products that do not depend on each other, side by side: threads wait once for both. The first is a weight's gradient; the second may have an end.</summary>
    internal static unsafe void MultiplyBoth(Tensor a, Tensor b, Tensor c, bool accumulate, Tensor otherA, Tensor otherB, Tensor otherC, bool otherAccumulates, ProductEnd end)
    {
        if (c.DType != DType.Float32)
        {
            Multiply(a, b, c, accumulate);
            Multiply(otherA, otherB, otherC, otherAccumulates);
            return;
        }
        fixed (float* pa = a.RawSpan<float>(), pb = b.RawSpan<float>(), pc = c.RawSpan<float>(), oa = otherA.RawSpan<float>(), ob = otherB.RawSpan<float>(), oc = otherC.RawSpan<float>())
            MatrixProduct.Run(Describe(a, pa, b, pb, c, pc, accumulate) with { PastCaches = c.Count >= LargeGradient }, Describe(otherA, oa, otherB, ob, otherC, oc, otherAccumulates) with { End = end }, ProductPrecision.Current);
    }

    // The gradient of so large a weight is not read before all others are there: it would only push them out of the caches.
    private const int LargeGradient = 1 << 20;

    private static unsafe Product Describe(Tensor a, float* pa, Tensor b, float* pb, Tensor c, float* pc, bool accumulate) => new()
    {
        M = c.Shape[0], N = c.Shape[1], K = a.Shape[1], A = pa, Ar = a.Strides[0], Ac = a.Strides[1], B = pb, Br = b.Strides[0], Bc = b.Strides[1], C = pc, Cr = c.Strides[0], Accumulate = accumulate,
    };

    /// <summary>x as a matrix of its rows, without a record. x must be contiguous.</summary>
    internal static Tensor Rows(Tensor x)
    {
        int columns = x.Shape[^1];
        Shape shape = [new Shape(x.Shape.AsSpan()[..^1]).Count, columns];
        return x.View(x.Offset, shape, shape.RowMajorStrides());
    }

    private static void Batched(Tensor a, Tensor b, Tensor y, Shape batch)
    {
        if (y.Count == 0) return;
        if (batch.Rank == 0)
        {
            Multiply(a, b, y, accumulate: false);
            return;
        }
        Shape withMatrixA = Concat(batch, a.Shape[^2], a.Shape[^1]), withMatrixB = Concat(batch, b.Shape[^2], b.Shape[^1]);
        Shape sa = Elementwise.BroadcastStrides(a, withMatrixA), sb = Elementwise.BroadcastStrides(b, withMatrixB);
        Shape matrixA = [a.Shape[^2], a.Shape[^1]], matrixB = [b.Shape[^2], b.Shape[^1]], matrixY = [y.Shape[^2], y.Shape[^1]];
        Shape stridesA = Shape.FromStrides([a.Strides[^2], a.Strides[^1]]), stridesB = Shape.FromStrides([b.Strides[^2], b.Strides[^1]]);
        if (y.DType == DType.Float32 && (long)matrixY.Count * matrixA[1] < SmallMatrix)
        {
            SmallMatrices(a, sa, b, sb, y, batch);
            return;
        }
        Span<int> index = stackalloc int[batch.Rank];
        for (int i = 0; i < batch.Count; i++)
        {
            int oa = a.Offset, ob = b.Offset;
            for (int d = 0; d < batch.Rank; d++)
            {
                oa += index[d] * sa[d];
                ob += index[d] * sb[d];
            }
            Multiply(a.View(oa, matrixA, stridesA), b.View(ob, matrixB, stridesB), y.View(y.Offset + i * matrixY.Count, matrixY, matrixY.RowMajorStrides()), accumulate: false);
            for (int d = batch.Rank - 1; d >= 0 && ++index[d] == batch[d]; d--) index[d] = 0;
        }
    }

    // Products of fewer multiply-adds are shared out whole; larger ones are cut themselves.
    private const long SmallMatrix = 1 << 22;

    private static unsafe void SmallMatrices(Tensor a, Shape sa, Tensor b, Shape sb, Tensor y, Shape batch)
    {
        fixed (float* pa = a.RawSpan<float>(), pb = b.RawSpan<float>(), py = y.AsSpan<float>())
        {
            BatchJob job = new(batch, y.Shape[^2], y.Shape[^1], a.Shape[^1], pa, sa, pb, sb, py, ProductPrecision.Current);
            ForkJoin.Run(batch.Count, (int)Math.Max(1, (1 << 16) / Math.Max(1, (long)y.Shape[^2] * y.Shape[^1] * a.Shape[^1])), ref job);
        }
    }

    private readonly unsafe struct BatchJob(Shape batch, int m, int n, int k, float* a, Shape sa, float* b, Shape sb, float* y, Precision precision) : IRangeJob
    {
        public void Run(int start, int end)
        {
            for (int i = start; i < end; i++)
            {
                nint oa = 0, ob = 0;
                for (int d = batch.Rank - 1, rest = i; d >= 0; rest /= batch[d], d--)
                {
                    oa += (nint)(rest % batch[d]) * sa[d];
                    ob += (nint)(rest % batch[d]) * sb[d];
                }
                MatrixProduct.RunSerial(m, n, k, a + oa, sa[^2], sa[^1], b + ob, sb[^2], sb[^1], y + (nint)i * m * n, n, accumulate: false, precision);
            }
        }
    }

    private static Shape Concat(Shape batch, int rows, int columns)
    {
        Span<int> sizes = stackalloc int[batch.Rank + 2];
        batch.AsSpan().CopyTo(sizes);
        (sizes[^2], sizes[^1]) = (rows, columns);
        return new Shape(sizes);
    }

    // y = a b   =>   da = dy bᵀ,   db = aᵀ dy, each summed over broadcast dimensions
    private sealed class MatMulNode : Node<MatMulNode>
    {
        internal Precision Precision;

        internal override string Operation => "MatMul";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            Tensor a = Input(0), b = Input(1);
            if (pass.Needs(a)) pass.Add(a, dy.MatMul(b.Transpose()).SumTo(a.Shape));
            if (pass.Needs(b)) pass.Add(b, a.Transpose().MatMul(dy).SumTo(b.Shape));
        }
    }

    // What both maps share: dx = dy W,   dW = dyᵀ x,   db = sum over rows of dy, for a contiguous dy.
    internal static unsafe void LinearBackward(Tensor x, Tensor weight, Tensor? bias, Tensor dy, BackwardPass pass)
    {
        Tensor rows = Rows(dy), across = rows.Transpose(), inputs = Rows(x);
        bool needsWeight = pass.Needs(weight), needsInput = pass.Needs(x), addsWeight = false, addsInput = false;
        // Where x is f(a) and goes nowhere else, f'(a) is multiplied to its gradient while that is in the cache.
        Tensor? dw = needsWeight ? pass.Target(weight, out addsWeight) : null, slope = needsInput ? FusedActivations.TakeSlope(x, pass) : null;
        Tensor? dx = needsInput ? pass.Target(x, out addsInput) : null, result = dx is null ? null : Rows(dx);
        fixed (float* by = slope is null ? [] : slope.AsSpan<float>())
        {
            ProductEnd end = slope is null ? default : new ProductEnd(&ActivationKernels.Scale, by, reads: true);
            if (dw is not null && result is not null) MultiplyBoth(across, inputs, dw, addsWeight, rows, weight.Detach(), result, addsInput, end);
            else if (dw is not null) Multiply(across, inputs, dw, addsWeight, gradient: true);
            else if (result is not null) Multiply(rows, weight.Detach(), result, addsInput, bias: null, end);
        }
        if (bias is not null && pass.Needs(bias))
        {
            Tensor db = pass.Target(bias, out bool accumulate);
            if (db.DType == DType.Float32) ColumnSumKernels.Run(dy.AsSpan<float>(), rows.Shape[0], rows.Shape[1], db.AsSpan<float>(), accumulate);
            else ColumnSumReference.Run<double>(dy.AsSpan<double>(), rows.Shape[0], rows.Shape[1], db.AsSpan<double>(), accumulate);
        }
        if (result is not null) MemoryScope.ReleaseEarly(result);
        MemoryScope.ReleaseEarly(across);
        MemoryScope.ReleaseEarly(inputs);
        MemoryScope.ReleaseEarly(rows);
    }

    // y = x Wᵀ + b   =>   dx = dy W,   dW = dyᵀ x,   db = sum over rows of dy
    private sealed class LinearNode : Node<LinearNode>
    {
        internal Precision Precision;

        internal override string Operation => "Linear";

        internal override Tensor Composition()
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            Tensor y = Input(0).MatMul(Input(1).Transpose());
            return InputCount > 2 && Input(2) is { } bias ? y + bias : y;
        }

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            LinearBackward(Input(0), Input(1), Input(2), dy.Contiguous(), pass);
        }
    }
}

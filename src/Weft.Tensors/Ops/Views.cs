using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Other ways to see the same memory. None of these copies, except where the docs say so.</summary>
public static class Views
{
    /// <summary>The same elements in row-major order under another shape; one size may be -1 and is then worked out.</summary>
    /// <remarks>Copies only if the tensor is not contiguous and its strides cannot express the new shape.</remarks>
    /// <exception cref="ArgumentException">The number of elements differs.</exception>
    public static Tensor Reshape(this Tensor x, params ReadOnlySpan<int> sizes) => x.Reshape(Infer(x.Shape, sizes));

    /// <inheritdoc cref="Reshape(Tensor, ReadOnlySpan{int})"/>
    public static Tensor Reshape(this Tensor x, Shape shape)
    {
        if (shape.Count != x.Count) throw new ArgumentException($"Reshape: {x.Shape} has {x.Count} elements, {shape} has {shape.Count}.");
        if (shape == x.Shape) return x;
        if (x.IsContiguous) return Record(x, x.View(x.Offset, shape, shape.RowMajorStrides()));
        if (TryStrides(x, shape) is { } strides) return Record(x, x.View(x.Offset, shape, strides));
        return x.Contiguous().Reshape(shape);
    }

    /// <summary>The same elements in row-major order: this tensor if they already lie so, else a copy.</summary>
    public static Tensor Contiguous(this Tensor x)
    {
        if (x.IsContiguous) return x;
        Tensor y = Tensor.Uninitialized(x.Shape, x.DType);
        StridedCopy.Run(x, y);
        return Record(x, y);
    }

    /// <summary>Exchanges two dimensions (negative ones count from the end).</summary>
    public static Tensor Transpose(this Tensor x, int a = -2, int b = -1)
    {
        a = x.Shape.Dimension(a, nameof(Transpose));
        b = x.Shape.Dimension(b, nameof(Transpose));
        Span<int> order = stackalloc int[x.Rank];
        for (int i = 0; i < order.Length; i++) order[i] = i == a ? b : i == b ? a : i;
        return x.Permute(order);
    }

    /// <summary>Reorders dimensions: dimension i of the result is dimension order[i] of this tensor.</summary>
    public static Tensor Permute(this Tensor x, params ReadOnlySpan<int> order)
    {
        if (order.Length != x.Rank) throw new ArgumentException($"Permute: {order.Length} dimensions named for {x.Shape}.");
        Span<int> sizes = stackalloc int[x.Rank], strides = stackalloc int[x.Rank];
        int seen = 0;
        for (int i = 0; i < x.Rank; i++)
        {
            int d = x.Shape.Dimension(order[i], nameof(Permute));
            seen |= 1 << d;
            (sizes[i], strides[i]) = (x.Shape[d], x.Strides[d]);
        }
        if (seen != (1 << x.Rank) - 1) throw new ArgumentException($"Permute: [{string.Join(", ", order.ToArray())}] names a dimension twice.");
        Tensor y = x.View(x.Offset, new Shape(sizes), Shape.FromStrides(strides));
        if (!GradMode.Records(x)) return y;
        PermuteNode node = PermuteNode.Rent();
        node.Inverse = Invert(order, x.Rank);
        node.Connect(y, x);
        return y;
    }

    /// <summary>Stretches dimensions of size 1 (and adds leading ones) without copying. Shapes: [.., 1, ..] -> shape.</summary>
    public static Tensor Expand(this Tensor x, Shape shape)
    {
        if (shape == x.Shape) return x;
        if (shape.Rank < x.Rank) throw new ArgumentException($"Expand: {x.Shape} has more dimensions than {shape}.");
        Span<int> strides = stackalloc int[shape.Rank];
        for (int i = 1; i <= x.Rank; i++)
        {
            int from = x.Shape[x.Rank - i], to = shape[shape.Rank - i];
            if (from != to && from != 1) throw new ArgumentException($"Expand: {x.Shape} does not stretch to {shape}: size {from} at dimension -{i} is not 1.");
            strides[^i] = from == to ? x.Strides[x.Rank - i] : 0;
        }
        return Record(x, x.View(x.Offset, shape, Shape.FromStrides(strides)));
    }

    /// <summary>Adds a dimension of size 1.</summary>
    public static Tensor Unsqueeze(this Tensor x, int dimension)
    {
        int rank = x.Rank + 1, d = dimension < 0 ? dimension + rank : dimension;
        if ((uint)d >= (uint)rank) throw new ArgumentOutOfRangeException(nameof(dimension), $"Unsqueeze: dimension {dimension} of {x.Shape}.");
        Span<int> sizes = stackalloc int[rank], strides = stackalloc int[rank];
        for (int i = 0, o = 0; i < rank; i++) (sizes[i], strides[i]) = i == d ? (1, 1) : (x.Shape[o], x.Strides[o++]);
        return Record(x, x.View(x.Offset, new Shape(sizes), Shape.FromStrides(strides)));
    }

    /// <summary>Removes a dimension of size 1; one of another size stays as it is.</summary>
    public static Tensor Squeeze(this Tensor x, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(Squeeze));
        return x.Shape[d] == 1 ? x.Select(d, 0) : x;
    }

    /// <summary>Removes every dimension of size 1.</summary>
    public static Tensor Squeeze(this Tensor x)
    {
        for (int d = x.Rank - 1; d >= 0; d--) x = x.Squeeze(d);
        return x;
    }

    /// <summary>Joins the dimensions from start to end (inclusive) into one.</summary>
    public static Tensor Flatten(this Tensor x, int start = 0, int end = -1)
    {
        if (x.Rank == 0) return x.Reshape(1);
        start = x.Shape.Dimension(start, nameof(Flatten));
        end = x.Shape.Dimension(end, nameof(Flatten));
        if (start > end) throw new ArgumentException($"Flatten: dimension {start} comes after {end}.");
        Span<int> sizes = stackalloc int[x.Rank - (end - start)];
        int joined = 1;
        for (int d = 0, o = 0; d < x.Rank; d++)
        {
            if (d < start || d > end) sizes[o++] = x.Shape[d];
            else if ((joined *= x.Shape[d]) >= 0 && d == end) sizes[o++] = joined;
        }
        return x.Reshape(new Shape(sizes));
    }

    /// <summary>The part of a dimension from start, of the given length, every step-th element.</summary>
    public static Tensor Narrow(this Tensor x, int dimension, int start, int length, int step = 1)
    {
        int d = x.Shape.Dimension(dimension, nameof(Narrow)), size = x.Shape[d];
        if (step < 1) throw new ArgumentOutOfRangeException(nameof(step), $"Narrow: step {step} must be at least 1.");
        if (start < 0 || length < 0 || (length > 0 && start + (long)(length - 1) * step >= size))
            throw new ArgumentOutOfRangeException(nameof(start), $"Narrow: {length} elements from {start} by {step} of dimension {d} of {x.Shape}.");
        Span<int> strides = stackalloc int[x.Rank];
        x.Strides.AsSpan().CopyTo(strides);
        strides[d] *= step;
        int offset = length == 0 ? x.Offset : x.Offset + start * x.Strides[d];
        Tensor y = x.View(offset, x.Shape.With(d, length), Shape.FromStrides(strides));
        if (!GradMode.Records(x)) return y;
        NarrowNode node = NarrowNode.Rent();
        (node.Dimension, node.Start, node.Length, node.Step) = (d, start, length, step);
        node.Connect(y, x);
        return y;
    }

    /// <summary>One index of a dimension, which disappears.</summary>
    public static Tensor Select(this Tensor x, int dimension, int index)
    {
        int d = x.Shape.Dimension(dimension, nameof(Select));
        int i = index < 0 ? index + x.Shape[d] : index;
        if ((uint)i >= (uint)x.Shape[d]) throw new ArgumentOutOfRangeException(nameof(index), $"Select: index {index} of dimension {d} of {x.Shape}.");
        Tensor part = x.Narrow(d, i, 1);
        Span<int> sizes = stackalloc int[x.Rank - 1], strides = stackalloc int[x.Rank - 1];
        for (int k = 0, o = 0; k < x.Rank; k++) if (k != d) (sizes[o], strides[o++]) = (part.Shape[k], part.Strides[k]);
        return Record(part, part.View(part.Offset, new Shape(sizes), Shape.FromStrides(strides)));
    }

    // A view or a copy of the same elements in the same order: its gradient is the same, in the input's shape.
    internal static Tensor Record(Tensor x, Tensor y)
    {
        if (GradMode.Records(x)) ReshapeNode.Rent().Connect(y, x);
        return y;
    }

    private static Shape Infer(Shape shape, ReadOnlySpan<int> sizes)
    {
        int unknown = sizes.IndexOf(-1);
        if (unknown < 0) return new Shape(sizes);
        int known = 1;
        Span<int> resolved = stackalloc int[sizes.Length];
        sizes.CopyTo(resolved);
        for (int i = 0; i < sizes.Length; i++) if (i != unknown) known *= sizes[i];
        if (known == 0 || shape.Count % known != 0) throw new ArgumentException($"Reshape: {shape} has {shape.Count} elements, which [{string.Join(", ", sizes.ToArray())}] cannot hold.");
        resolved[unknown] = shape.Count / known;
        return new Shape(resolved);
    }

    // Splitting or joining dimensions of a view needs no copy where each group of old dimensions is itself evenly strided.
    private static Shape? TryStrides(Tensor x, Shape shape)
    {
        if (x.Count == 0) return null;
        Span<int> sizes = stackalloc int[x.Rank], steps = stackalloc int[x.Rank];
        int old = 0;
        for (int d = 0; d < x.Rank; d++) if (x.Shape[d] != 1) (sizes[old], steps[old++]) = (x.Shape[d], x.Strides[d]);
        Span<int> strides = stackalloc int[shape.Rank];
        strides.Fill(1);
        int n = 0;
        for (int o = 0; o < old;)
        {
            int oEnd = o + 1, oCount = sizes[o], nStart = n, nCount = 1;
            while (n < shape.Rank && nCount < oCount) nCount *= shape[n++];
            while (nCount != oCount)
            {
                if (nCount < oCount)
                {
                    if (n == shape.Rank) return null;
                    nCount *= shape[n++];
                }
                else
                {
                    if (oEnd == old || steps[oEnd - 1] != steps[oEnd] * sizes[oEnd]) return null;
                    oCount *= sizes[oEnd++];
                }
            }
            int stride = steps[oEnd - 1];
            for (int k = n - 1; k >= nStart; k--)
            {
                strides[k] = stride;
                stride *= shape[k];
            }
            o = oEnd;
        }
        return Shape.FromStrides(strides);
    }

    private static Shape Invert(ReadOnlySpan<int> order, int rank)
    {
        Span<int> inverse = stackalloc int[rank];
        for (int i = 0; i < rank; i++) inverse[order[i] < 0 ? order[i] + rank : order[i]] = i;
        return Shape.FromStrides(inverse);
    }

    // y has the elements of x in the same order, or stretched   =>   dx = dy summed to the shape of x
    private sealed class ReshapeNode : Node<ReshapeNode>
    {
        internal override string Operation => "Reshape";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0);
            pass.Add(x, dy.Count == x.Count ? dy.Reshape(x.Shape) : dy.SumTo(x.Shape));
        }
    }

    // y = x with dimensions reordered   =>   dx = dy reordered back
    private sealed class PermuteNode : Node<PermuteNode>
    {
        internal Shape Inverse;

        internal override string Operation => "Permute";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.Permute(Inverse.AsSpan()));
    }

    // y = x[.., start : start + length * step : step, ..]   =>   dx = 0 but for that part, where it is dy
    private sealed class NarrowNode : Node<NarrowNode>
    {
        internal int Dimension, Start, Length, Step;

        internal override string Operation => "Narrow";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0);
            if (pass.CreateGraph || !x.DType.IsFloating())
            {
                pass.Add(x, Embed(dy, x.Shape, Dimension, Start, Step));
                return;
            }
            // Into one gradient, so that the parts of a tensor (queries, keys and values) need no zero-filled tensor each.
            Tensor dx = pass.Target(x, out bool accumulate);
            if (!accumulate && dy.Count != dx.Count) dx.Clear();
            Tensor part = dx.Narrow(Dimension, Start, Length, Step);
            if (accumulate) StridedCopy.Add(dy, part);
            else StridedCopy.Run(dy, part);
            MemoryScope.ReleaseEarly(part);
        }
    }

    /// <summary>Zeros of a shape with x written into a part of one dimension: the transpose of <see cref="Narrow"/>.</summary>
    internal static Tensor Embed(Tensor x, Shape shape, int dimension, int start, int step)
    {
        Tensor y = Tensor.Zeros(shape, x.DType);
        using (GradMode.Off()) StridedCopy.Run(x, y.Narrow(dimension, start, x.Shape[dimension], step));
        if (!GradMode.Records(x)) return y;
        EmbedNode node = EmbedNode.Rent();
        (node.Dimension, node.Start, node.Step) = (dimension, start, step);
        node.Connect(y, x);
        return y;
    }

    // y = 0 but for a part, which is x   =>   dx = that part of dy
    private sealed class EmbedNode : Node<EmbedNode>
    {
        internal int Dimension, Start, Step;

        internal override string Operation => "Embed";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.Narrow(Dimension, Start, Input(0).Shape[Dimension], Step));
    }
}

using System.Numerics;
using Weft.Tensors.Autograd;
using Weft.Tensors.Threading;

namespace Weft.Tensors;

/// <summary>Picking elements by index, and putting them back.</summary>
/// <remarks>
/// Index tensors are Int32 and count from 0. Repeated indices add up in index order, on one thread, so results are the same
/// bits every time.
/// </remarks>
public static class Indexing
{
    // ---- Whole slices of a dimension ------------------------------------------------------------------------------------

    /// <summary>The slices of a dimension that the indices name, in their order.</summary>
    /// <remarks>Shapes: x [.., N, ..], index [M] -> [.., M, ..].</remarks>
    /// <exception cref="ArgumentException">The index is not an Int32 vector, or one of its entries is outside the dimension.</exception>
    public static Tensor IndexSelect(this Tensor x, int dimension, Tensor index)
    {
        int d = x.Shape.Dimension(dimension, nameof(IndexSelect));
        RequireIndex(index, x.Shape[d], nameof(IndexSelect), x.Shape);
        if (index.Rank != 1) throw new ArgumentException($"IndexSelect: the index of {x.Shape} must have one dimension, not {index.Shape}.");
        Tensor source = x.Detach().Contiguous(), y = Tensor.Uninitialized(x.Shape.With(d, index.Count), x.DType);
        ReadOnlySpan<int> at = index.Contiguous().AsSpan<int>();
        switch (x.DType)
        {
            case DType.Float32: SelectKernel<float>(source, at, d, y); break;
            case DType.Float64: SelectKernel<double>(source, at, d, y); break;
            case DType.Int32: SelectKernel<int>(source, at, d, y); break;
            default: SelectKernel<bool>(source, at, d, y); break;
        }
        if (!x.DType.IsFloating() || !GradMode.Records(x)) return y;
        IndexSelectNode node = IndexSelectNode.Rent();
        node.Dimension = d;
        node.Connect(y, x, index);
        return y;
    }

    /// <inheritdoc cref="IndexSelect(Tensor, int, Tensor)"/>
    public static Tensor IndexSelect(this Tensor x, int dimension, ReadOnlySpan<int> index) => x.IndexSelect(dimension, Tensor.From(index, [index.Length]));

    /// <summary>x with scale · source added to the slices that the indices name; repeated ones add up.</summary>
    /// <remarks>Shapes: x [.., N, ..], index [M], source [.., M, ..] -> the shape of x.</remarks>
    public static Tensor IndexAdd(this Tensor x, int dimension, Tensor index, Tensor source, double scale = 1)
    {
        int d = x.Shape.Dimension(dimension, nameof(IndexAdd));
        Elementwise.RequireSameType(x, source, nameof(IndexAdd));
        if (source.Shape != x.Shape.With(d, index.Count)) throw new ArgumentException($"IndexAdd: {source.Shape} at {index.Count} indices of dimension {d} of {x.Shape}.");
        return x + IndexSum(scale == 1 ? source : source * scale, d, index, x.Shape[d]);
    }

    /// <summary>x with the slices that the indices name replaced by those of source. The indices must be distinct.</summary>
    /// <remarks>Shapes: x [.., N, ..], index [M], source [.., M, ..] -> the shape of x.</remarks>
    public static Tensor IndexCopy(this Tensor x, int dimension, Tensor index, Tensor source)
    {
        int d = x.Shape.Dimension(dimension, nameof(IndexCopy)), n = x.Shape[d];
        RequireIndex(index, n, nameof(IndexCopy), x.Shape);
        int[] from = new int[n]; // which slice of [x, source] each slice of the result is
        for (int i = 0; i < n; i++) from[i] = i;
        ReadOnlySpan<int> at = index.Contiguous().AsSpan<int>();
        for (int i = 0; i < at.Length; i++) from[at[i]] = n + i;
        return Tensor.Concat([x, source], d).IndexSelect(d, from);
    }

    /// <summary>Zeros with the slices of x added where the indices say: the transpose of <see cref="IndexSelect(Tensor, int, Tensor)"/>.</summary>
    internal static Tensor IndexSum(Tensor x, int d, Tensor index, int size)
    {
        RequireIndex(index, size, nameof(IndexAdd), x.Shape.With(d, size));
        Tensor source = x.Detach().Contiguous(), y = Tensor.Zeros(x.Shape.With(d, size), x.DType);
        ReadOnlySpan<int> at = index.Contiguous().AsSpan<int>();
        if (x.DType == DType.Float32) SumKernel<float>(source, at, d, y);
        else SumKernel<double>(source, at, d, y);
        if (!GradMode.Records(x)) return y;
        IndexSumNode node = IndexSumNode.Rent();
        node.Dimension = d;
        node.Connect(y, x, index);
        return y;
    }

    /// <summary>Rows of a table. Shapes: weight [V, C], ids [..] -> [.., C].</summary>
    /// <param name="weight">The table.</param>
    /// <param name="ids">Int32 row numbers.</param>
    /// <param name="paddingId">A row that is read like any other but gets no gradient.</param>
    /// <exception cref="ArgumentException">The table is not a matrix, or an id is outside it.</exception>
    public static Tensor Embedding(this Tensor weight, Tensor ids, int? paddingId = null)
    {
        if (weight.Rank != 2) throw new ArgumentException($"Embedding: the table must have two dimensions, not {weight.Shape}.");
        RequireIndex(ids, weight.Shape[0], nameof(Embedding), weight.Shape);
        if (weight.Stored is { } stored && !GradMode.Records(weight)) return stored.EmbeddingStored(ids);
        Span<int> sizes = stackalloc int[ids.Rank + 1];
        ids.Shape.AsSpan().CopyTo(sizes);
        sizes[^1] = weight.Shape[1];
        Tensor flat = ids.Reshape(ids.Count), rows = weight.IndexSelect(0, flat); // [N, C]
        if (paddingId is { } padding) rows = flat.Equal(padding).Unsqueeze(1).Where(rows.Detach(), rows);
        return rows.Reshape(new Shape(sizes)); // [.., C]
    }

    // ---- Single elements along a dimension ------------------------------------------------------------------------------

    /// <summary>y[.., i, ..] = x[.., index[.., i, ..], ..]: one index per element of the result.</summary>
    /// <remarks>Shapes: index has the rank of x and is nowhere larger but along the dimension -> the shape of index.</remarks>
    public static Tensor Gather(this Tensor x, int dimension, Tensor index)
    {
        int d = x.Shape.Dimension(dimension, nameof(Gather));
        RequireFit(index, x.Shape, d, nameof(Gather));
        Tensor source = x.Detach().Contiguous(), y = Tensor.Uninitialized(index.Shape, x.DType);
        int[] positions = Positions(index, x.Shape, d);
        switch (x.DType)
        {
            case DType.Float32: GatherKernel<float>(source, positions, y); break;
            case DType.Float64: GatherKernel<double>(source, positions, y); break;
            case DType.Int32: GatherKernel<int>(source, positions, y); break;
            default: GatherKernel<bool>(source, positions, y); break;
        }
        if (!x.DType.IsFloating() || !GradMode.Records(x)) return y;
        GatherNode node = GatherNode.Rent();
        node.Dimension = d;
        node.Connect(y, x, index);
        return y;
    }

    /// <summary>x with y[.., index[.., i, ..], ..] += source[.., i, ..]; repeated indices add up.</summary>
    /// <remarks>Shapes: index has the rank of x; source is at least as large as index in every dimension -> the shape of x.</remarks>
    public static Tensor ScatterAdd(this Tensor x, int dimension, Tensor index, Tensor source)
    {
        int d = x.Shape.Dimension(dimension, nameof(ScatterAdd));
        Elementwise.RequireSameType(x, source, nameof(ScatterAdd));
        return x + ScatterSum(Cut(source, index.Shape, nameof(ScatterAdd)), d, index, x.Shape);
    }

    /// <summary>Zeros with elements added where the indices say: the transpose of <see cref="Gather"/>.</summary>
    internal static Tensor ScatterSum(Tensor x, int d, Tensor index, Shape shape)
    {
        RequireFit(index, shape, d, nameof(ScatterAdd));
        Tensor source = x.Detach().Contiguous(), y = Tensor.Zeros(shape, x.DType);
        int[] positions = Positions(index, shape, d);
        if (x.DType == DType.Float32) ScatterKernel<float>(source, positions, y);
        else ScatterKernel<double>(source, positions, y);
        if (!GradMode.Records(x)) return y;
        ScatterSumNode node = ScatterSumNode.Rent();
        node.Dimension = d;
        node.Connect(y, x, index);
        return y;
    }

    /// <summary>The leading part of a tensor that has a shape.</summary>
    internal static Tensor Cut(Tensor x, Shape shape, string operation)
    {
        if (x.Rank != shape.Rank) throw new ArgumentException($"{operation}: source {x.Shape} and index {shape} have different ranks.");
        for (int d = 0; d < shape.Rank; d++) if (x.Shape[d] != shape[d]) x = x.Narrow(d, 0, shape[d]);
        return x;
    }

    internal static void RequireIndex(Tensor index, int size, string operation, Shape shape)
    {
        if (index.DType != DType.Int32) throw new ArgumentException($"{operation}: indices are Int32, not {index.DType} {index.Shape}.");
        ReadOnlySpan<int> entries = index.Contiguous().AsSpan<int>();
        for (int i = 0; i < entries.Length; i++)
            if ((uint)entries[i] >= (uint)size)
                throw new ArgumentOutOfRangeException(nameof(index), $"{operation}: index {entries[i]} at {Place(i, index.Shape)} is outside 0..{size - 1} of {shape}.");
    }

    // Where the i-th entry in row-major order stands: [1, 2].
    internal static string Place(int i, Shape shape)
    {
        int[] place = new int[shape.Rank];
        for (int d = shape.Rank - 1; d >= 0; d--) (i, place[d]) = Math.DivRem(i, shape[d]);
        return $"[{string.Join(", ", place)}]";
    }

    internal static void RequireFit(Tensor index, Shape shape, int d, string operation)
    {
        RequireIndex(index, shape[d], operation, shape);
        bool fits = index.Rank == shape.Rank;
        for (int i = 0; fits && i < shape.Rank; i++) fits = i == d || index.Shape[i] <= shape[i];
        if (!fits) throw new ArgumentException($"{operation}: index {index.Shape} does not fit {shape} along dimension {d}.");
    }

    /// <summary>The flat position in a row-major tensor that each entry of an index means.</summary>
    internal static int[] Positions(Tensor index, Shape shape, int d)
    {
        int[] positions = new int[index.Count];
        ReadOnlySpan<int> at = index.Contiguous().AsSpan<int>();
        Shape strides = shape.RowMajorStrides();
        Span<int> counter = stackalloc int[index.Rank];
        for (int i = 0; i < positions.Length; i++)
        {
            int position = 0;
            for (int k = 0; k < counter.Length; k++) position += (k == d ? at[i] : counter[k]) * strides[k];
            positions[i] = position;
            for (int k = counter.Length - 1; k >= 0 && ++counter[k] == index.Shape[k]; k--) counter[k] = 0;
        }
        return positions;
    }

    // ---- Kernels --------------------------------------------------------------------------------------------------------

    // Elements that pay for a fork.
    private const int ParallelGrain = 1 << 14;

    private static unsafe void SelectKernel<T>(Tensor x, ReadOnlySpan<int> index, int d, Tensor y) where T : unmanaged
    {
        (int outer, int inner) = Around(x.Shape, d);
        fixed (T* px = x.AsSpan<T>(), py = y.AsSpan<T>())
        fixed (int* pi = index)
        {
            SelectJob<T> job = new(px, pi, index.Length, x.Shape[d], inner, py);
            ForkJoin.Run(outer * index.Length, Math.Max(1, ParallelGrain / Math.Max(1, inner)), ref job);
        }
    }

    // Slices in the order of y.
    private readonly unsafe struct SelectJob<T>(T* x, int* index, int count, int size, int inner, T* y) : IRangeJob where T : unmanaged
    {
        public void Run(int start, int end)
        {
            for (int i = start; i < end; i++)
                new ReadOnlySpan<T>(x + ((nint)(i / count) * size + index[i % count]) * inner, inner).CopyTo(new Span<T>(y + (nint)i * inner, inner));
        }
    }

    private static unsafe void SumKernel<T>(Tensor x, ReadOnlySpan<int> index, int d, Tensor y) where T : unmanaged, INumber<T>
    {
        (int outer, int inner) = Around(x.Shape, d);
        fixed (T* px = x.AsSpan<T>(), py = y.AsSpan<T>())
        fixed (int* pi = index)
        {
            SumJob<T> job = new(px, pi, index.Length, y.Shape[d], outer, inner, py);
            ForkJoin.Run(inner, Math.Max(64, ParallelGrain / Math.Max(1, outer * index.Length)), ref job);
        }
    }

    // Some elements of every slice: several may be added to one place, in their order.
    private readonly unsafe struct SumJob<T>(T* x, int* index, int count, int size, int outer, int inner, T* y) : IRangeJob where T : unmanaged, INumber<T>
    {
        public void Run(int start, int end)
        {
            for (int i = 0; i < outer * count; i++)
            {
                Span<T> target = new(y + ((nint)(i / count) * size + index[i % count]) * inner + start, end - start);
                System.Numerics.Tensors.TensorPrimitives.Add(target, new ReadOnlySpan<T>(x + (nint)i * inner + start, end - start), target);
            }
        }
    }

    private static void GatherKernel<T>(Tensor x, int[] positions, Tensor y) where T : unmanaged
    {
        ReadOnlySpan<T> xs = x.AsSpan<T>();
        Span<T> ys = y.AsSpan<T>();
        for (int i = 0; i < ys.Length; i++) ys[i] = xs[positions[i]];
    }

    private static void ScatterKernel<T>(Tensor x, int[] positions, Tensor y) where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> xs = x.AsSpan<T>();
        Span<T> ys = y.AsSpan<T>();
        for (int i = 0; i < xs.Length; i++) ys[positions[i]] += xs[i];
    }

    private static (int Outer, int Inner) Around(Shape shape, int d)
    {
        int outer = 1, inner = 1;
        for (int i = 0; i < d; i++) outer *= shape[i];
        for (int i = d + 1; i < shape.Rank; i++) inner *= shape[i];
        return (outer, inner);
    }

    // ---- Nodes ----------------------------------------------------------------------------------------------------------

    // y = slices of x   =>   dx = zeros with the slices of dy added
    private sealed class IndexSelectNode : Node<IndexSelectNode>
    {
        internal int Dimension;

        internal override string Operation => "IndexSelect";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0), index = Input(1);
            if (pass.CreateGraph || !x.DType.IsFloating())
            {
                pass.Add(x, IndexSum(dy, Dimension, index, x.Shape[Dimension]));
                return;
            }
            // Straight into the gradient's memory: an embedding's table is much larger than the rows that a batch reads.
            Tensor dx = pass.Target(x, out bool accumulate);
            if (!accumulate) dx.Clear();
            ReadOnlySpan<int> at = index.Contiguous().AsSpan<int>();
            if (x.DType == DType.Float32) SumKernel<float>(dy.Contiguous(), at, Dimension, dx);
            else SumKernel<double>(dy.Contiguous(), at, Dimension, dx);
        }
    }

    // y = zeros with slices of x added   =>   dx = slices of dy
    private sealed class IndexSumNode : Node<IndexSumNode>
    {
        internal int Dimension;

        internal override string Operation => "IndexAdd";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.IndexSelect(Dimension, Input(1)));
    }

    // y = elements of x   =>   dx = zeros with the elements of dy added
    private sealed class GatherNode : Node<GatherNode>
    {
        internal int Dimension;

        internal override string Operation => "Gather";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), ScatterSum(dy, Dimension, Input(1), Input(0).Shape));
    }

    // y = zeros with elements of x added   =>   dx = elements of dy
    private sealed class ScatterSumNode : Node<ScatterSumNode>
    {
        internal int Dimension;

        internal override string Operation => "ScatterAdd";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.Gather(Dimension, Input(1)));
    }
}

namespace Weft.Tensors;

/// <summary>How values that meet in one place are combined.</summary>
public enum ScatterReduction
{
    /// <summary>They are added.</summary>
    Sum,

    /// <summary>They are averaged.</summary>
    Mean,

    /// <summary>The largest stays; ties divide the gradient evenly.</summary>
    Max,

    /// <summary>The smallest stays; ties divide the gradient evenly.</summary>
    Min,

    /// <summary>They are multiplied.</summary>
    Product,
}

/// <summary>Writing to places that an index names, and other things that start from indices.</summary>
public static class Scattering
{
    /// <summary>x with y[.., index[.., i, ..], ..] = source[.., i, ..]; of repeated indices the last counts.</summary>
    /// <remarks>Shapes: index has the rank of x; source is at least as large as index in every dimension -> the shape of x.</remarks>
    public static Tensor Scatter(this Tensor x, int dimension, Tensor index, Tensor source)
    {
        int d = x.Shape.Dimension(dimension, nameof(Scatter));
        Elementwise.RequireSameType(x, source, nameof(Scatter));
        Indexing.RequireFit(index, x.Shape, d, nameof(Scatter));
        Tensor cut = Indexing.Cut(source, index.Shape, nameof(Scatter));
        int[] positions = Indexing.Positions(index, x.Shape, d), writer = new int[x.Count];
        for (int i = 0; i < positions.Length; i++) writer[positions[i]] = i + 1;
        Tensor overwritten = Tensor.From(Array.ConvertAll(writer, static w => w != 0), x.Shape);
        Tensor counts = Tensor.Uninitialized(index.Shape, DType.Bool);
        for (int i = 0; i < positions.Length; i++) counts.AsSpan<bool>()[i] = writer[positions[i]] == i + 1;
        Tensor values = Indexing.ScatterSum(counts.Where(cut, Tensor.Zeros([], x.DType)), d, index, x.Shape);
        return overwritten.Where(values, x);
    }

    /// <summary>x with the sources that share a place combined there, with what x had there or without it.</summary>
    /// <remarks>Shapes as in <see cref="Scatter"/>. Products cost (places · sources) along the dimension, and are exact with zeros.</remarks>
    public static Tensor ScatterReduce(this Tensor x, int dimension, Tensor index, Tensor source, ScatterReduction reduction, bool includeSelf = true)
    {
        int d = x.Shape.Dimension(dimension, nameof(ScatterReduce));
        Elementwise.RequireSameType(x, source, nameof(ScatterReduce));
        Indexing.RequireFit(index, x.Shape, d, nameof(ScatterReduce));
        Tensor cut = Indexing.Cut(source, index.Shape, nameof(ScatterReduce));
        Tensor counts = Indexing.ScatterSum(Tensor.Ones(index.Shape, x.DType), d, index, x.Shape), touched = counts.Greater(0);
        Tensor own = Tensor.Full([], includeSelf ? 1 : 0, x.DType);
        switch (reduction)
        {
            case ScatterReduction.Sum:
                return (includeSelf ? x : x.MaskedFill(touched, 0)) + Indexing.ScatterSum(cut, d, index, x.Shape);
            case ScatterReduction.Mean:
                Tensor sum = (includeSelf ? x : x.MaskedFill(touched, 0)) + Indexing.ScatterSum(cut, d, index, x.Shape);
                return touched.Where(sum / (counts + own).Maximum(1), x);
            case ScatterReduction.Product:
                return (includeSelf ? x : x.MaskedFill(touched, 1)) * Products(cut, d, index, x.Shape);
            default:
                return touched.Where(Extreme(x, d, index, cut, reduction == ScatterReduction.Max, includeSelf), x);
        }
    }

    /// <summary>x[indices[0][m], indices[1][m], ..]: one index vector for each of the leading dimensions.</summary>
    /// <remarks>Shapes: x [N1, .., Nk, rest..], k indices [M] -> [M, rest..].</remarks>
    public static Tensor At(this Tensor x, params ReadOnlySpan<Tensor> indices)
    {
        if (indices.IsEmpty || indices.Length > x.Rank) throw new ArgumentException($"At: {indices.Length} index vectors for {x.Shape}.");
        int count = indices[0].Count;
        int[] flat = new int[count];
        for (int d = 0; d < indices.Length; d++)
        {
            if (indices[d].Rank != 1 || indices[d].Count != count) throw new ArgumentException($"At: index {indices[d].Shape} beside {indices[0].Shape} for {x.Shape}.");
            Indexing.RequireIndex(indices[d], x.Shape[d], nameof(At), x.Shape);
            ReadOnlySpan<int> at = indices[d].Contiguous().AsSpan<int>();
            for (int i = 0; i < count; i++) flat[i] = flat[i] * x.Shape[d] + at[i];
        }
        return x.Flatten(0, indices.Length - 1).IndexSelect(0, flat);
    }

    /// <summary>The elements where a mask holds, in row-major order. Shapes: x and mask broadcast -> [number that hold].</summary>
    public static Tensor MaskedSelect(this Tensor x, Tensor mask)
    {
        Shape shape = Shape.Broadcast(x.Shape, mask.Shape, nameof(MaskedSelect));
        Comparisons.RequireMask(mask, nameof(MaskedSelect));
        bool[] holds = mask.Expand(shape).ToArray<bool>();
        return x.Expand(shape).Reshape(shape.Count).IndexSelect(0, Enumerable.Range(0, holds.Length).Where(i => holds[i]).ToArray());
    }

    /// <summary>The indices of the elements that are true, or not 0, in row-major order. Shapes: x of rank k -> Int32 [count, k].</summary>
    public static Tensor NonZero(this Tensor x)
    {
        bool[] holds = x.Detach().To(DType.Bool).ToArray<bool>();
        List<int> rows = [];
        int[] index = new int[x.Rank];
        for (int i = 0; i < holds.Length; i++)
        {
            if (!holds[i]) continue;
            int rest = i;
            for (int d = x.Rank - 1; d >= 0; d--) (rest, index[d]) = Math.DivRem(rest, x.Shape[d]);
            rows.AddRange(index);
        }
        return Tensor.From(rows.ToArray(), [x.Rank == 0 ? (holds[0] ? 1 : 0) : rows.Count / x.Rank, x.Rank]);
    }

    /// <summary>1 at the index and 0 elsewhere. Shapes: ids [..] -> Int32 [.., classes].</summary>
    public static Tensor OneHot(this Tensor ids, int classes)
    {
        Indexing.RequireIndex(ids, classes, nameof(OneHot), [classes]);
        Tensor y = Tensor.Zeros([ids.Count, classes], DType.Int32);
        ReadOnlySpan<int> at = ids.Contiguous().AsSpan<int>();
        for (int i = 0; i < at.Length; i++) y.AsSpan<int>()[i * classes + at[i]] = 1;
        return y.Reshape(new Shape([.. ids.Shape.AsSpan(), classes]));
    }

    /// <summary>How often each whole number occurs, at least up to a length. Shapes: ids [..] -> Int32 [max(length, largest + 1)].</summary>
    public static Tensor BinCount(this Tensor ids, int minimumLength = 0)
    {
        Indexing.RequireIndex(ids, int.MaxValue, nameof(BinCount), ids.Shape);
        int[] values = ids.ToArray<int>(), counts = new int[Math.Max(minimumLength, values.Length == 0 ? 0 : values.Max() + 1)];
        foreach (int value in values)
        {
            if (value < 0) throw new ArgumentOutOfRangeException(nameof(ids), $"BinCount: {value} is negative.");
            counts[value]++;
        }
        return Tensor.From(counts, [counts.Length]);
    }

    // The value is taken without a record and then put together again from the entries that equal it, so that they share its gradient.
    private static Tensor Extreme(Tensor x, int d, Tensor index, Tensor source, bool largest, bool includeSelf)
    {
        double[] best = x.Detach().To(DType.Float64).ToArray<double>(), values = source.Detach().To(DType.Float64).ToArray<double>();
        int[] positions = Indexing.Positions(index, x.Shape, d);
        if (!includeSelf) foreach (int p in positions) best[p] = largest ? double.NegativeInfinity : double.PositiveInfinity;
        for (int i = 0; i < positions.Length; i++)
            best[positions[i]] = largest ? Math.Max(best[positions[i]], values[i]) : Math.Min(best[positions[i]], values[i]);
        Tensor y = Tensor.From(best, x.Shape).To(x.DType), zero = Tensor.Zeros([], x.DType);

        Tensor fromSource = source.Detach().Equal(y.Gather(d, index)), fromSelf = x.Detach().Equal(y);
        if (!includeSelf) fromSelf = Tensor.Zeros(x.Shape, DType.Bool);
        Tensor ties = Indexing.ScatterSum(fromSource.To(x.DType), d, index, x.Shape) + fromSelf.To(x.DType);
        Tensor sum = Indexing.ScatterSum(fromSource.Where(source - source.Detach(), zero), d, index, x.Shape) + fromSelf.Where(x - x.Detach(), zero);
        return y + sum / ties.Maximum(1);
    }

    // For each place the product of its sources: every source beside every place of the dimension, 1 where it belongs elsewhere.
    private static Tensor Products(Tensor source, int d, Tensor index, Shape shape)
    {
        for (int k = 0; k < shape.Rank; k++)
            if (k != d && index.Shape[k] != shape[k]) throw new ArgumentException($"ScatterReduce: a product needs an index as large as {shape} but along dimension {d}, not {index.Shape}.");
        Tensor values = Lanes.MoveToEnd(source, d).Unsqueeze(-2), at = Lanes.MoveToEnd(index, d).Unsqueeze(-2); // [.., 1, M]
        Tensor elsewhere = at.NotEqual(Tensor.Arange(shape[d]).Unsqueeze(1)); // [.., N, M]
        return Lanes.MoveFromEnd(values.MaskedFill(elsewhere, 1).Product(-1), d); // [.., N, ..]
    }
}

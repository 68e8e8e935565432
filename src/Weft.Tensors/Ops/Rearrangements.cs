namespace Weft.Tensors;

/// <summary>How elements beyond the edge are made up.</summary>
public enum Padding
{
    /// <summary>A constant.</summary>
    Constant,

    /// <summary>The inside mirrored at the edge, without repeating it: c b | a b c | b a.</summary>
    Reflect,

    /// <summary>The edge repeated: a a | a b c | c c.</summary>
    Replicate,

    /// <summary>The other end: b c | a b c | a b.</summary>
    Circular,
}

/// <summary>Copies that rearrange, repeat or extend the elements of dimensions.</summary>
public static class Rearrangements
{
    /// <summary>Some dimensions in reverse order. Shapes: x -> alike.</summary>
    public static Tensor Flip(this Tensor x, params ReadOnlySpan<int> dimensions)
    {
        foreach (int dimension in dimensions)
        {
            int d = x.Shape.Dimension(dimension, nameof(Flip)), n = x.Shape[d];
            x = Mapped(x, d, n, i => n - 1 - i);
        }
        return x;
    }

    /// <summary>A dimension shifted, what leaves one end coming back at the other. Shapes: x -> alike.</summary>
    public static Tensor Roll(this Tensor x, int shift, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(Roll)), n = x.Shape[d];
        return Mapped(x, d, n, i => Modulo(i - shift, n));
    }

    /// <summary>All elements in row-major order shifted, as one. Shapes: x -> alike.</summary>
    public static Tensor Roll(this Tensor x, int shift) => x.Reshape(x.Count).Roll(shift, 0).Reshape(x.Shape);

    /// <summary>A dimension extended before and after. A negative number crops.</summary>
    /// <remarks>Shapes: [.., N, ..] -> [.., before + N + after, ..].</remarks>
    /// <exception cref="ArgumentException">More is cropped than is there, or reflected than the inside holds.</exception>
    public static Tensor Pad(this Tensor x, int dimension, int before, int after, Padding mode = Padding.Constant, double value = 0)
    {
        int d = x.Shape.Dimension(dimension, nameof(Pad)), n = x.Shape[d], size = before + n + after;
        if (size < 0) throw new ArgumentException($"Pad: {before} and {after} crop more than dimension {d} of {x.Shape} has.");
        if (mode == Padding.Constant)
        {
            int start = Math.Max(0, -before), kept = Math.Max(0, n - start - Math.Max(0, -after));
            Tensor inner = x.Narrow(d, start, kept);
            if (before <= 0 && after <= 0) return inner;
            return Tensor.Concat([
                Tensor.Full(x.Shape.With(d, Math.Max(0, before)), value, x.DType), inner, Tensor.Full(x.Shape.With(d, Math.Max(0, after)), value, x.DType)], d);
        }
        int reach = Math.Max(before, after);
        if (size > 0 && (n == 0 || (mode == Padding.Reflect && reach >= n) || (mode == Padding.Circular && reach > n)))
            throw new ArgumentException($"Pad: {mode} by {reach} reaches beyond dimension {d} of {x.Shape}.");
        return mode switch
        {
            Padding.Reflect => Mapped(x, d, size, i => Mirror(i - before, n)),
            Padding.Replicate => Mapped(x, d, size, i => Math.Clamp(i - before, 0, n - 1)),
            _ => Mapped(x, d, size, i => Modulo(i - before, n)),
        };
    }

    /// <summary>The whole repeated along each dimension; leading dimensions may be added.</summary>
    /// <remarks>Shapes: x [N1, .., Nk], counts [c0, .., ck] with at least as many -> [c0 .., c1 · N1, ..].</remarks>
    public static Tensor Repeat(this Tensor x, params ReadOnlySpan<int> counts)
    {
        if (counts.Length < x.Rank) throw new ArgumentException($"Repeat: {counts.Length} counts for {x.Shape}.");
        while (x.Rank < counts.Length) x = x.Unsqueeze(0);
        for (int d = 0; d < counts.Length; d++)
        {
            int n = x.Shape[d];
            if (counts[d] != 1) x = Mapped(x, d, n * counts[d], i => i % n);
        }
        return x;
    }

    /// <summary>Each slice of a dimension repeated, one after the other. Shapes: [.., N, ..] -> [.., N · count, ..].</summary>
    public static Tensor RepeatInterleave(this Tensor x, int count, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(RepeatInterleave));
        return Mapped(x, d, x.Shape[d] * count, i => i / count);
    }

    /// <summary>All windows of a size along a dimension, one every so many steps; their contents become the last dimension.</summary>
    /// <remarks>Shapes: [.., N, ..] -> [.., (N - size) / step + 1, .., size].</remarks>
    public static Tensor Windows(this Tensor x, int dimension, int size, int step)
    {
        int d = x.Shape.Dimension(dimension, nameof(Windows)), n = x.Shape[d];
        if (size < 1 || step < 1 || size > n) throw new ArgumentException($"Windows: size {size}, step {step} of dimension {d} of {x.Shape}.");
        int count = (n - size) / step + 1;
        Tensor y = Mapped(x, d, count * size, i => i / size * step + i % size); // [.., count · size, ..]
        Span<int> sizes = stackalloc int[x.Rank + 1], order = stackalloc int[x.Rank + 1];
        for (int i = 0; i < x.Rank; i++) sizes[i < d ? i : i + 1] = x.Shape[i];
        (sizes[d], sizes[d + 1]) = (count, size);
        for (int i = 0; i < order.Length; i++) order[i] = i <= d ? i : i + 1;
        order[^1] = d + 1;
        return y.Reshape(new Shape(sizes)).Permute(order);
    }

    /// <summary>The elements with equal index in two dimensions, as the last dimension; offset 1 lies above the main diagonal.</summary>
    /// <remarks>Shapes: [.., N, M] -> [.., length].</remarks>
    public static Tensor Diagonal(this Tensor x, int offset = 0, int first = -2, int second = -1)
    {
        int a = x.Shape.Dimension(first, nameof(Diagonal)), b = x.Shape.Dimension(second, nameof(Diagonal));
        if (a == b) throw new ArgumentException($"Diagonal: dimension {a} of {x.Shape} was named twice.");
        Tensor matrices = Lanes.MoveToEnd(Lanes.MoveToEnd(x, a), b > a ? b - 1 : b); // [.., N, M]
        int n = matrices.Shape[^2], m = matrices.Shape[^1];
        int length = Math.Max(0, offset >= 0 ? Math.Min(n, m - offset) : Math.Min(n + offset, m)), start = offset >= 0 ? offset : -offset * m;
        return Mapped(matrices.Flatten(-2), matrices.Rank - 2, length, i => start + i * (m + 1));
    }

    /// <summary>Matrices with the last dimension on a diagonal and zeros elsewhere. Shapes: [.., N] -> [.., N + |offset|, N + |offset|].</summary>
    public static Tensor DiagonalEmbed(this Tensor x, int offset = 0)
    {
        int n = x.Shape[^1], m = n + Math.Abs(offset), start = offset >= 0 ? offset : -offset * m;
        int[] index = new int[n];
        for (int i = 0; i < n; i++) index[i] = start + i * (m + 1);
        Tensor flat = Indexing.IndexSum(x, x.Rank - 1, Tensor.From(index, [n]), m * m); // [.., M · M]
        return flat.Reshape(new Shape([.. x.Shape.AsSpan()[..^1], m, m])); // [.., M, M]
    }

    /// <summary>The slices of a dimension that a function of their new place names.</summary>
    internal static Tensor Mapped(Tensor x, int d, int size, Func<int, int> source)
    {
        int[] index = new int[size];
        for (int i = 0; i < size; i++) index[i] = source(i);
        return x.IndexSelect(d, index);
    }

    private static int Modulo(int i, int n) => ((i % n) + n) % n;

    private static int Mirror(int i, int n) => i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

namespace Weft.Tensors;

/// <summary>
/// Brings one dimension, or several as one, to the end, so that an operation over a dimension is a loop over rows. The recorded
/// versions are views and reshapes; the raw ones carry no history.
/// </summary>
internal static class Lanes
{
    /// <summary>x with a dimension moved to the end, contiguous, without history.</summary>
    internal static Tensor Rows(Tensor x, int dimension) => MoveToEnd(x.Detach(), dimension).Contiguous();

    /// <summary>The inverse of <see cref="Rows"/>: the last dimension moved back, contiguous.</summary>
    internal static Tensor Back(Tensor rows, int dimension) => MoveFromEnd(rows, dimension).Contiguous();

    /// <summary>x with a dimension moved to the end. Recorded.</summary>
    internal static Tensor MoveToEnd(Tensor x, int dimension)
    {
        if (dimension == x.Rank - 1) return x;
        Span<int> order = stackalloc int[x.Rank];
        for (int i = 0; i < order.Length; i++) order[i] = i < dimension ? i : i + 1 < order.Length ? i + 1 : dimension;
        return x.Permute(order);
    }

    /// <summary>x with its last dimension moved to a place. Recorded.</summary>
    internal static Tensor MoveFromEnd(Tensor x, int dimension)
    {
        if (dimension == x.Rank - 1) return x;
        Span<int> order = stackalloc int[x.Rank];
        for (int i = 0; i < order.Length; i++) order[i] = i < dimension ? i : i == dimension ? order.Length - 1 : i - 1;
        return x.Permute(order);
    }

    /// <summary>x with the named dimensions moved to the end and joined into one; all of them where none is named. Recorded.</summary>
    /// <remarks>Shapes: x -> [kept.., product of the reduced].</remarks>
    internal static Tensor Join(Tensor x, ReadOnlySpan<int> dimensions, string operation, out int mask)
    {
        mask = dimensions.IsEmpty ? (1 << x.Rank) - 1 : Reductions.Mask(x, dimensions, operation);
        Span<int> order = stackalloc int[x.Rank], sizes = stackalloc int[x.Rank + 1];
        int at = 0, kept = 0, joined = 1;
        for (int d = 0; d < x.Rank; d++)
        {
            if ((mask >> d & 1) != 0)
            {
                joined *= x.Shape[d];
                continue;
            }
            sizes[kept++] = x.Shape[d];
            order[at++] = d;
        }
        for (int d = 0; d < x.Rank; d++) if ((mask >> d & 1) != 0) order[at++] = d;
        sizes[kept] = joined;
        return x.Permute(order).Reshape(new Shape(sizes[..(kept + 1)]));
    }

    /// <summary>A result of shape [kept..] in the shape that the reduction promised.</summary>
    internal static Tensor Shaped(Tensor y, Shape original, int mask, bool keep) => y.Reshape(Reductions.ReducedShape(original, mask, keep));

    internal static NotSupportedException Empty(string operation, Shape shape) =>
        new($"{operation}: {shape} has no elements along the dimension, and there is no value for none.");
}

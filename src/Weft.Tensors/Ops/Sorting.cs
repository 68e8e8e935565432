namespace Weft.Tensors;

/// <summary>Order along a dimension. NaN counts as the largest number, and equal elements keep their order.</summary>
/// <remarks>Indices are Int32 positions along the dimension in x; the gradient goes where a value came from.</remarks>
public static class Sorting
{
    /// <summary>The elements along a dimension in ascending or descending order, and where they were. Shapes: alike.</summary>
    public static (Tensor Values, Tensor Indices) Sort(this Tensor x, int dimension = -1, bool descending = false)
    {
        Tensor indices = x.ArgSort(dimension, descending);
        return (x.Gather(dimension, indices), indices);
    }

    /// <summary>Where the elements of the sorted dimension were (Int32). Shapes: alike.</summary>
    public static Tensor ArgSort(this Tensor x, int dimension = -1, bool descending = false)
    {
        int d = x.Shape.Dimension(dimension, nameof(Sort)), n = x.Shape[d];
        Tensor rows = Lanes.Rows(x, d).To(DType.Float64), indices = Tensor.Uninitialized(rows.Shape, DType.Int32); // exact for every type
        double[] keys = new double[n];
        int sign = descending ? -1 : 1;
        Comparison<int> order = (a, b) => Compare(keys[a], keys[b]) * sign is var c && c != 0 ? c : a.CompareTo(b);
        for (int start = 0; start < rows.Count; start += n)
        {
            rows.AsSpan<double>().Slice(start, n).CopyTo(keys);
            Span<int> at = indices.AsSpan<int>().Slice(start, n);
            for (int i = 0; i < n; i++) at[i] = i;
            at.Sort(order);
        }
        return Lanes.Back(indices, d);
    }

    /// <summary>The k largest (or smallest) elements along a dimension, the most extreme first. Shapes: [.., N, ..] -> [.., k, ..].</summary>
    public static (Tensor Values, Tensor Indices) TopK(this Tensor x, int k, int dimension = -1, bool largest = true)
    {
        int d = x.Shape.Dimension(dimension, nameof(TopK));
        if (k < 0 || k > x.Shape[d]) throw new ArgumentOutOfRangeException(nameof(k), $"TopK: {k} of dimension {d} of {x.Shape}.");
        Tensor indices = x.ArgSort(d, descending: largest).Narrow(d, 0, k).Contiguous();
        return (x.Gather(d, indices), indices);
    }

    /// <summary>The k-th smallest element over a dimension, k from 1, and where it was. Shapes: [.., N, ..] -> without the dimension.</summary>
    public static (Tensor Values, Tensor Indices) KthSmallest(this Tensor x, int number, int dimension = -1, bool keepDimension = false)
    {
        int d = x.Shape.Dimension(dimension, nameof(KthSmallest));
        if (number < 1 || number > x.Shape[d]) throw new ArgumentOutOfRangeException(nameof(number), $"KthSmallest: number {number} of dimension {d} of {x.Shape}.");
        Tensor indices = x.ArgSort(d).Narrow(d, number - 1, 1).Contiguous(), values = x.Gather(d, indices);
        return keepDimension ? (values, indices) : (values.Squeeze(d), indices.Squeeze(d));
    }

    /// <summary>The middle element over a dimension, the lower of two, and where it was.</summary>
    public static (Tensor Values, Tensor Indices) Median(this Tensor x, int dimension = -1, bool keepDimension = false) =>
        x.KthSmallest((x.Shape[x.Shape.Dimension(dimension, nameof(Median))] + 1) / 2, dimension, keepDimension);

    /// <summary>The different elements in ascending order, where each element of x stands among them, and how often each occurs.</summary>
    /// <remarks>Shapes: x [..] -> values [M], inverse [..] (Int32), counts [M] (Int32).</remarks>
    public static (Tensor Values, Tensor Inverse, Tensor Counts) Unique(this Tensor x)
    {
        Tensor flat = x.Detach().Reshape(x.Count), order = flat.ArgSort(0);
        double[] sorted = flat.IndexSelect(0, order).To(DType.Float64).ToArray<double>();
        ReadOnlySpan<int> at = order.AsSpan<int>();
        int[] inverse = new int[sorted.Length];
        List<int> first = [], counts = [];
        for (int i = 0; i < sorted.Length; i++)
        {
            if (i == 0 || !sorted[i].Equals(sorted[i - 1]))
            {
                first.Add(at[i]);
                counts.Add(0);
            }
            counts[^1]++;
            inverse[at[i]] = counts.Count - 1;
        }
        return (flat.IndexSelect(0, first.ToArray()), Tensor.From(inverse, x.Shape), Tensor.From(counts.ToArray(), [counts.Count]));
    }

    /// <summary>Where each value would be inserted to keep a vector sorted: before equal elements, or after them. Shapes: values -> Int32 alike.</summary>
    /// <remarks>The same as finding the bucket of a value: bucket i lies between boundaries i - 1 and i.</remarks>
    public static Tensor SearchSorted(this Tensor sorted, Tensor values, bool after = false)
    {
        if (sorted.Rank != 1) throw new ArgumentException($"SearchSorted: the sorted sequence must be a vector, not {sorted.Shape}.");
        double[] keys = sorted.Detach().To(DType.Float64).ToArray<double>(), wanted = values.Detach().To(DType.Float64).ToArray<double>();
        Tensor y = Tensor.Uninitialized(values.Shape, DType.Int32);
        Span<int> at = y.AsSpan<int>();
        for (int i = 0; i < wanted.Length; i++)
        {
            int low = 0, high = keys.Length;
            while (low < high)
            {
                int middle = (low + high) / 2, c = Compare(keys[middle], wanted[i]);
                if (c < 0 || (after && c == 0)) low = middle + 1;
                else high = middle;
            }
            at[i] = low;
        }
        return y;
    }

    private static int Compare(double a, double b) => double.IsNaN(a) ? (double.IsNaN(b) ? 0 : 1) : double.IsNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0; // 0 = -0
}

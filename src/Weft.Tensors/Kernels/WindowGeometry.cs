namespace Weft.Tensors.Kernels;

/// <summary>Sizes along up to three dimensions of space, outermost first; those that a tensor does not have are 1 (offsets 0).</summary>
internal readonly record struct Triple(int Depth, int Height, int Width)
{
    internal int Product => Depth * Height * Width;

    /// <summary>The last sizes of a list, with a filler before them.</summary>
    internal static Triple From(ReadOnlySpan<int> sizes, int filler) => new(sizes.Length > 2 ? sizes[^3] : filler, sizes.Length > 1 ? sizes[^2] : filler, sizes.Length > 0 ? sizes[^1] : filler);
}

/// <summary>How a window slides over a plane or volume: what convolutions and their transposes have in common.</summary>
/// <remarks>Output position o sees the inputs o · stride - before + k · dilation for k below the kernel's size; those outside are zero.</remarks>
internal readonly record struct WindowGeometry(Triple In, Triple Out, Triple Kernel, Triple Stride, Triple Before, Triple Dilation)
{
    /// <summary>The geometry over an input. Each list has a size per dimension, or one for all, or none for the usual value.</summary>
    /// <exception cref="ArgumentException">A size is out of range, or the window is larger than the padded input.</exception>
    internal static WindowGeometry Over(string operation, ReadOnlySpan<int> input, ReadOnlySpan<int> kernel, ReadOnlySpan<int> stride, ReadOnlySpan<int> before, ReadOnlySpan<int> after, ReadOnlySpan<int> dilation)
    {
        int rank = input.Length;
        Span<int> k = stackalloc int[rank], s = stackalloc int[rank], b = stackalloc int[rank], a = stackalloc int[rank], d = stackalloc int[rank], o = stackalloc int[rank];
        Spread(kernel, 1, 1, k, operation, "kernel size");
        Spread(stride, 1, 1, s, operation, "stride");
        Spread(before, 0, 0, b, operation, "padding");
        Spread(after, 0, 0, a, operation, "padding");
        Spread(dilation, 1, 1, d, operation, "dilation");
        for (int i = 0; i < rank; i++)
        {
            long room = (long)input[i] + b[i] + a[i] - ((long)d[i] * (k[i] - 1) + 1);
            if (room < 0) throw new ArgumentException($"{operation}: a window of {k[i]} with dilation {d[i]} is larger than size {input[i]} padded by {b[i]} and {a[i]}.");
            o[i] = (int)(room / s[i]) + 1;
        }
        return new(Triple.From(input, 1), Triple.From(o, 1), Triple.From(k, 1), Triple.From(s, 1), Triple.From(b, 0), Triple.From(d, 1));
    }

    /// <summary>Fills one value per dimension from a list of that many, of one, or of none.</summary>
    internal static void Spread(ReadOnlySpan<int> values, int usual, int least, Span<int> into, string operation, string what)
    {
        if (values.Length > 1 && values.Length != into.Length) throw new ArgumentException($"{operation}: {values.Length} values of {what} for {into.Length} dimensions.");
        for (int i = 0; i < into.Length; i++)
        {
            into[i] = values.IsEmpty ? usual : values[values.Length == 1 ? 0 : i];
            if (into[i] < least) throw new ArgumentException($"{operation}: {what} {into[i]} must be at least {least}.");
        }
    }
}

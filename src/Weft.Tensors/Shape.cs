using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Weft.Tensors;

/// <summary>The sizes of a tensor's dimensions, outermost first: <c>[B, T, C]</c>. Up to 8 dimensions, stored in place.</summary>
/// <remarks>Write it as a collection expression: <c>Tensor.Zeros([2, 3])</c>. <c>[]</c> is the shape of a single number.</remarks>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The largest number of dimensions.</summary>
    public const int MaxRank = 8;

    private readonly Sizes _sizes;

    /// <summary>Makes a shape from its sizes.</summary>
    /// <exception cref="ArgumentException">There are more than 8 sizes, or one is negative.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > MaxRank) throw new ArgumentException($"Shape: {sizes.Length} dimensions, at most {MaxRank} are supported.");
        Rank = sizes.Length;
        long count = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] < 0) throw new ArgumentException($"Shape: size {sizes[i]} of dimension {i} is negative.");
            _sizes[i] = sizes[i];
            count *= sizes[i];
            if (count > int.MaxValue) throw new ArgumentException($"Shape: [{string.Join(", ", sizes.ToArray())}] has more than {int.MaxValue} elements.");
        }
        Count = (int)count;
    }

    /// <summary>The number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>The number of elements: the product of the sizes, 1 for rank 0.</summary>
    public int Count { get; }

    /// <summary>The size of one dimension; <c>^1</c> is the last.</summary>
    public int this[Index index] => this[index.GetOffset(Rank)];

    /// <summary>The size of one dimension.</summary>
    public int this[int dimension] =>
        (uint)dimension < (uint)Rank ? _sizes[dimension] : throw new ArgumentOutOfRangeException(nameof(dimension), $"Dimension {dimension} of {this}.");

    /// <summary>Makes a shape from its sizes (what a collection expression calls).</summary>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>The sizes as a span that lives as long as this shape.</summary>
    [UnscopedRef]
    public ReadOnlySpan<int> AsSpan() => ((ReadOnlySpan<int>)_sizes)[..Rank];

    /// <summary>Enumerates the sizes.</summary>
    [UnscopedRef]
    public ReadOnlySpan<int>.Enumerator GetEnumerator() => AsSpan().GetEnumerator();

    /// <summary>The sizes as an array.</summary>
    public int[] ToArray() => AsSpan().ToArray();

    /// <summary>This shape with one size replaced.</summary>
    public Shape With(int dimension, int size)
    {
        Span<int> sizes = stackalloc int[Rank];
        AsSpan().CopyTo(sizes);
        sizes[dimension] = size;
        return new Shape(sizes);
    }

    /// <summary>This shape without one dimension.</summary>
    public Shape Without(int dimension)
    {
        Span<int> sizes = stackalloc int[Rank - 1];
        for (int i = 0, o = 0; i < Rank; i++) if (i != dimension) sizes[o++] = this[i];
        return new Shape(sizes);
    }

    /// <summary>Row-major strides in elements: the last dimension's is 1.</summary>
    public Shape RowMajorStrides()
    {
        Span<int> strides = stackalloc int[Rank];
        int stride = 1;
        for (int i = Rank - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(1, this[i]);
        }
        return FromStrides(strides);
    }

    /// <summary>Turns a dimension counted from either end (-1 is the last) into one counted from the start.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int Dimension(int dimension, string operation)
    {
        int d = dimension < 0 ? dimension + Rank : dimension;
        if ((uint)d >= (uint)Rank) throw new ArgumentOutOfRangeException(nameof(dimension), $"{operation}: dimension {dimension} of {this}, which has {Rank}.");
        return d;
    }

    /// <summary>The shape to which two shapes broadcast: sizes are aligned at the end, and 1 stretches.</summary>
    /// <exception cref="ArgumentException">Two sizes differ and neither is 1.</exception>
    public static Shape Broadcast(Shape a, Shape b, string operation)
    {
        if (a == b) return a;
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> sizes = stackalloc int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int x = i <= a.Rank ? a[a.Rank - i] : 1, y = i <= b.Rank ? b[b.Rank - i] : 1;
            if (x != y && x != 1 && y != 1)
                throw new ArgumentException($"{operation}: {a} and {b} do not broadcast: sizes {x} and {y} differ at dimension -{i}.");
            sizes[rank - i] = x == 1 ? y : x;
        }
        return new Shape(sizes);
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) => AsSpan().SequenceEqual(other.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (int size in this) hash.Add(size);
        return hash.ToHashCode();
    }

    /// <summary>The sizes in brackets: <c>[2, 3]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", ToArray())}]";

    /// <summary>Whether two shapes have the same sizes.</summary>
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);

    // Strides are kept in the same structure; they may be negative or multiply to anything, so they skip the checks.
    internal static Shape FromStrides(ReadOnlySpan<int> strides) => new(strides, unchecked_: true);

    private Shape(ReadOnlySpan<int> strides, bool unchecked_)
    {
        _ = unchecked_;
        Rank = strides.Length;
        for (int i = 0; i < strides.Length; i++) _sizes[i] = strides[i];
    }

    [InlineArray(MaxRank)]
    private struct Sizes
    {
        private int _first;
    }
}

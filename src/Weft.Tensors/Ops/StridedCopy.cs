using System.Runtime.CompilerServices;

namespace Weft.Tensors;

/// <summary>Copies between tensors of the same shape and type whatever their strides.</summary>
internal static class StridedCopy
{
    internal static void Run(Tensor source, Tensor target)
    {
        switch (source.DType)
        {
            case DType.Float32: Run<float>(source, target); break;
            case DType.Float64: Run<double>(source, target); break;
            case DType.Int32: Run<int>(source, target); break;
            default: Run<bool>(source, target); break;
        }
    }

    /// <summary>target += source, for floating types.</summary>
    internal static void Add(Tensor source, Tensor target)
    {
        if (source.DType == DType.Float32) Add<float>(source, target);
        else Add<double>(source, target);
    }

    private static void Add<T>(Tensor source, Tensor target) where T : unmanaged, System.Numerics.INumber<T>
    {
        if (source.Count == 0) return;
        ReadOnlySpan<T> from = source.RawSpan<T>();
        Span<T> to = target.RawSpan<T>();
        StridedLoop loop = new(target.Shape, target.Strides, source.Strides, default);
        do
        {
            int o = loop.Offset0, s = loop.Offset1;
            if (loop.Stride0 == 1 && loop.Stride1 == 1)
            {
                Span<T> run = to.Slice(o, loop.Length);
                System.Numerics.Tensors.TensorPrimitives.Add(run, from.Slice(s, loop.Length), run);
            }
            else
            {
                for (int i = 0; i < loop.Length; i++, o += loop.Stride0, s += loop.Stride1) to[o] += from[s];
            }
        }
        while (loop.Next());
    }

    private static void Run<T>(Tensor source, Tensor target) where T : unmanaged
    {
        if (source.Count == 0) return;
        ReadOnlySpan<T> from = source.RawSpan<T>();
        Span<T> to = target.RawSpan<T>();
        if (source.IsContiguous && target.IsContiguous)
        {
            from[..source.Count].CopyTo(to);
            return;
        }
        StridedLoop loop = new(target.Shape, target.Strides, source.Strides, default);
        do
        {
            int o = loop.Offset0, s = loop.Offset1;
            if (loop.Stride0 == 1 && loop.Stride1 == 1)
                from.Slice(s, loop.Length).CopyTo(to[o..]);
            else
                for (int i = 0; i < loop.Length; i++, o += loop.Stride0, s += loop.Stride1) to[o] = from[s];
        }
        while (loop.Next());
    }
}

/// <summary>
/// Visits a shape as runs of equal stride, for up to three operands at once: neighbouring dimensions that every operand walks
/// as one are joined, and the innermost is left to the caller.
/// </summary>
internal ref struct StridedLoop
{
    private Dimensions _sizes, _counter;
    private Dimensions _s0, _s1, _s2;
    private readonly int _rank;

    internal StridedLoop(Shape shape, Shape strides0, Shape strides1, Shape strides2)
    {
        bool three = strides2.Rank == shape.Rank;
        int rank = 0;
        for (int d = 0; d < shape.Rank; d++)
        {
            int size = shape[d];
            if (size == 1) continue;
            int a = strides0[d], b = strides1[d], c = three ? strides2[d] : 0;
            if (rank > 0 && _s0[rank - 1] == a * size && _s1[rank - 1] == b * size && _s2[rank - 1] == c * size)
            {
                _sizes[rank - 1] *= size;
                (_s0[rank - 1], _s1[rank - 1], _s2[rank - 1]) = (a, b, c);
                continue;
            }
            (_sizes[rank], _s0[rank], _s1[rank], _s2[rank]) = (size, a, b, c);
            rank++;
        }
        if (rank == 0) (_sizes[rank++], Length) = (1, 1);
        _rank = rank;
        Length = _sizes[rank - 1];
        Stride0 = _s0[rank - 1];
        Stride1 = _s1[rank - 1];
        Stride2 = _s2[rank - 1];
    }

    /// <summary>The number of elements in a run, and each operand's step inside it.</summary>
    internal readonly int Length, Stride0, Stride1, Stride2;

    /// <summary>Where each operand's run begins.</summary>
    internal int Offset0, Offset1, Offset2;

    /// <summary>Goes on to the next run; false when all were visited.</summary>
    internal bool Next()
    {
        for (int d = _rank - 2; d >= 0; d--)
        {
            Offset0 += _s0[d];
            Offset1 += _s1[d];
            Offset2 += _s2[d];
            if (++_counter[d] < _sizes[d]) return true;
            Offset0 -= _s0[d] * _sizes[d];
            Offset1 -= _s1[d] * _sizes[d];
            Offset2 -= _s2[d] * _sizes[d];
            _counter[d] = 0;
        }
        return false;
    }

    [InlineArray(Shape.MaxRank)]
    private struct Dimensions
    {
        private int _first;
    }
}

using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Putting tensors together and taking them apart.</summary>
public static class Joining
{
    extension(Tensor)
    {
        /// <summary>Tensors one after the other along a dimension. Shapes: [.., Ni, ..] -> [.., ΣNi, ..].</summary>
        /// <exception cref="ArgumentException">There is none, or types or other sizes differ.</exception>
        public static Tensor Concat(ReadOnlySpan<Tensor> parts, int dimension)
        {
            if (parts.IsEmpty) throw new ArgumentException("Concat: no tensors were given.");
            Tensor first = parts[0];
            int d = first.Shape.Dimension(dimension, nameof(Concat)), total = 0;
            bool records = false;
            foreach (Tensor part in parts)
            {
                Elementwise.RequireSameType(first, part, nameof(Concat));
                if (part.Rank != first.Rank || part.Shape.With(d, 0) != first.Shape.With(d, 0))
                    throw new ArgumentException($"Concat: {part.Shape} does not continue {first.Shape} along dimension {d}.");
                total += part.Shape[d];
                records |= GradMode.Records(part);
            }
            Tensor y = Tensor.Uninitialized(first.Shape.With(d, total), first.DType);
            int at = 0;
            foreach (Tensor part in parts)
            {
                StridedCopy.Run(part, y.Narrow(d, at, part.Shape[d]));
                at += part.Shape[d];
            }
            if (!records || !first.DType.IsFloating()) return y;
            ConcatNode node = ConcatNode.Rent();
            node.Dimension = d;
            node.Connect(y, parts);
            return y;
        }

        /// <summary>Tensors of one shape along a new dimension. Shapes: k of [..] -> [.., k, ..].</summary>
        public static Tensor Stack(ReadOnlySpan<Tensor> parts, int dimension = 0)
        {
            Tensor[] raised = new Tensor[parts.Length];
            for (int i = 0; i < raised.Length; i++) raised[i] = parts[i].Unsqueeze(dimension);
            return Concat(raised, dimension);
        }
    }

    /// <summary>Views of consecutive parts of one size along a dimension; the last may be smaller.</summary>
    public static Tensor[] Split(this Tensor x, int size, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(Split)), n = x.Shape[d];
        if (size < 1) throw new ArgumentOutOfRangeException(nameof(size), $"Split: size {size} of the parts of {x.Shape} must be at least 1.");
        Tensor[] parts = new Tensor[Math.Max(1, (n + size - 1) / size)];
        for (int i = 0; i < parts.Length; i++) parts[i] = x.Narrow(d, i * size, Math.Min(size, n - i * size));
        return parts;
    }

    /// <summary>Views of consecutive parts of the given sizes along a dimension.</summary>
    /// <exception cref="ArgumentException">The sizes do not add up to the dimension's.</exception>
    public static Tensor[] Split(this Tensor x, ReadOnlySpan<int> sizes, int dimension)
    {
        int d = x.Shape.Dimension(dimension, nameof(Split)), at = 0;
        Tensor[] parts = new Tensor[sizes.Length];
        for (int i = 0; i < parts.Length; at += sizes[i++]) parts[i] = x.Narrow(d, at, sizes[i]);
        if (at != x.Shape[d]) throw new ArgumentException($"Split: [{string.Join(", ", sizes.ToArray())}] does not add up to dimension {d} of {x.Shape}.");
        return parts;
    }

    /// <summary>Views of at most so many parts of equal size along a dimension (7 in 3 parts: 3, 3, 1).</summary>
    public static Tensor[] Chunk(this Tensor x, int count, int dimension)
    {
        if (count < 1) throw new ArgumentOutOfRangeException(nameof(count), $"Chunk: {count} parts of {x.Shape}.");
        int n = x.Shape[x.Shape.Dimension(dimension, nameof(Chunk))];
        return x.Split(Math.Max(1, (n + count - 1) / count), dimension);
    }

    // y = parts one after the other   =>   each part's gradient is its part of dy
    private sealed class ConcatNode : Node<ConcatNode>
    {
        internal int Dimension;

        internal override string Operation => "Concat";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            int at = 0;
            for (int i = 0; i < InputCount; i++)
            {
                Tensor part = Input(i);
                int size = part.Shape[Dimension];
                if (pass.Needs(part)) pass.Add(part, dy.Narrow(Dimension, at, size));
                at += size;
            }
        }
    }
}

using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;
using Weft.Tensors.Quantization;

namespace Weft.Tensors;

/// <summary>Products and look-ups with matrices that stay as they are stored.</summary>
/// <remarks>They have no gradient: rounding has none. Inside recorded computations the dequantized matrix serves.</remarks>
public static class StoredProducts
{
    /// <summary>y = x Wᵀ + b with x rounded to eight bits (<see cref="StoredProduct"/>).</summary>
    /// <remarks>Shapes: x [.., In] Float32, weight [Out, In], bias [Out] or null -> y [.., Out].</remarks>
    /// <exception cref="ArgumentException">The sizes do not fit, or x is not Float32.</exception>
    /// <exception cref="InvalidOperationException">x is part of a recorded computation.</exception>
    public static Tensor LinearStored(this Tensor x, StoredMatrix weight, Tensor? bias = null)
    {
        if (x.DType != DType.Float32 || x.Rank == 0 || x.Shape[^1] != weight.ColumnCount)
            throw new ArgumentException($"LinearStored: x {x.DType} {x.Shape} does not fit weight [{weight.RowCount}, {weight.ColumnCount}]: Float32 with the weight's second size last.");
        if (bias is not null && (bias.Rank != 1 || bias.Shape[0] != weight.RowCount)) throw new ArgumentException($"LinearStored: bias {bias.Shape} does not fit weight [{weight.RowCount}, {weight.ColumnCount}].");
        if (GradMode.Records(x)) throw new InvalidOperationException("LinearStored: rounded products have no gradient; use it inside GradMode.Off().");
        x = x.Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape.With(x.Rank - 1, weight.RowCount));
        StoredProduct.Run(weight, x.Count / Math.Max(1, weight.ColumnCount), x.AsSpan<float>(), y.AsSpan<float>(), bias is null ? [] : bias.AsSpan<float>());
        return y;
    }

    /// <summary>Rows of a table, dequantized. Shapes: table [V, C], ids [..] Int32 -> [.., C].</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the table.</exception>
    public static Tensor EmbeddingStored(this StoredMatrix table, Tensor ids)
    {
        Span<int> sizes = stackalloc int[ids.Rank + 1];
        ids.Shape.AsSpan().CopyTo(sizes);
        sizes[^1] = table.ColumnCount;
        Tensor y = Tensor.Uninitialized(new Shape(sizes));
        Span<float> values = y.AsSpan<float>();
        ReadOnlySpan<int> rows = ids.Contiguous().AsSpan<int>();
        for (int i = 0; i < rows.Length; i++)
        {
            if ((uint)rows[i] >= (uint)table.RowCount) throw new ArgumentOutOfRangeException(nameof(ids), $"Embedding: index {rows[i]} is outside 0..{table.RowCount - 1} of [{table.RowCount}, {table.ColumnCount}].");
            table.ReadRow(rows[i], values.Slice(i * table.ColumnCount, table.ColumnCount));
        }
        return y;
    }
}

namespace Weft.Tensors;

/// <summary>Triangles and diagonals of matrices (the last two dimensions).</summary>
public static class Triangles
{
    /// <summary>The part on and below a diagonal, zeros elsewhere; diagonal 0 is the main one, positive ones lie above it.</summary>
    public static Tensor Tril(this Tensor x, int diagonal = 0) => x.MaskedFill(UpperMask(x, diagonal + 1, nameof(Tril)), 0);

    /// <summary>The part on and above a diagonal, zeros elsewhere.</summary>
    public static Tensor Triu(this Tensor x, int diagonal = 0) => x.MaskedFill(UpperMask(x, diagonal, nameof(Triu)).LogicalNot(), 0);

    /// <summary>Bool [rows, columns], true where column ≥ row + diagonal. With diagonal 1 it masks the future.</summary>
    public static Tensor UpperMask(int rows, int columns, int diagonal = 0)
    {
        Tensor mask = Tensor.Uninitialized([rows, columns], DType.Bool);
        Span<bool> m = mask.AsSpan<bool>();
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) m[i * columns + j] = j >= i + diagonal;
        return mask;
    }

    private static Tensor UpperMask(Tensor x, int diagonal, string operation)
    {
        if (x.Rank < 2) throw new ArgumentException($"{operation}: {x.Shape} is not a matrix.");
        return UpperMask(x.Shape[^2], x.Shape[^1], diagonal);
    }
}

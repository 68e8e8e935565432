using Weft.Tensors.Quantization;

namespace Weft.Tensors.Files.Gguf;

/// <summary>A tensor of a GGUF file.</summary>
/// <param name="Name">Its name, such as <c>blk.0.attn_q.weight</c>.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Shape">The dimensions, outermost first (the file has them innermost first).</param>
/// <param name="Offset">Where its bytes begin, counted from the start of the file.</param>
/// <param name="ByteLength">How many bytes it has.</param>
public sealed record GgufEntry(string Name, GgufType Type, int[] Shape, long Offset, long ByteLength)
{
    /// <summary>The number of elements.</summary>
    public long ElementCount { get; } = Shape.Aggregate(1L, static (product, size) => product * size);

    /// <summary>The elements of a row: the innermost dimension.</summary>
    public int RowLength => Shape[^1];

    /// <summary>The number of rows, all outer dimensions together.</summary>
    public long RowCount => RowLength == 0 ? 0 : ElementCount / RowLength;

    /// <summary>The bytes of a row.</summary>
    public long RowBytes => Type.ByteLength(RowLength);

    /// <summary>Name, type and shape.</summary>
    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}

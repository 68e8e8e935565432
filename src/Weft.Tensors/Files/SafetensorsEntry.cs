namespace Weft.Tensors.Files;

/// <summary>One tensor of a safetensors file: what it is and where its bytes lie.</summary>
/// <param name="Name">The tensor's name in the file.</param>
/// <param name="Type">The element type as stored.</param>
/// <param name="Shape">The dimensions, outermost first; empty for a single value.</param>
/// <param name="Offset">The first byte, counted from the start of the file.</param>
/// <param name="ByteLength">The number of bytes.</param>
public sealed record SafetensorsEntry(string Name, SafetensorsType Type, int[] Shape, long Offset, long ByteLength)
{
    /// <summary>The number of elements: the product of the dimensions, 1 for a single value.</summary>
    public long ElementCount => ByteLength / Type.ByteSize();

    /// <summary>Name, type and shape, as messages show them: <c>wte.weight F32 [50257, 768]</c>.</summary>
    public override string ToString() => $"{Name} {Type.FormatName()} [{string.Join(", ", Shape)}]";
}

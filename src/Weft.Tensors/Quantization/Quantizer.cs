using System.Runtime.InteropServices;
using Weft.Tensors.Files;

namespace Weft.Tensors.Quantization;

/// <summary>Rounds rows of numbers to stored blocks.</summary>
/// <remarks>
/// With an importance for each column (the mean square of what the column is multiplied by) the error is weighted by it. Without one the
/// simple types give the bytes of ggml's reference; the others search as it does.
/// </remarks>
public static class Quantizer
{
    /// <summary>The types that can be written.</summary>
    public static IReadOnlyList<GgufType> Writable { get; } =
    [
        GgufType.F32, GgufType.F16, GgufType.BF16, GgufType.Q8_0, GgufType.Q4_0, GgufType.Q4_1, GgufType.Q5_0, GgufType.Q5_1, GgufType.Q4_K, GgufType.Q5_K, GgufType.Q6_K,
        GgufType.IQ4_NL, GgufType.IQ4_XS, GgufType.MXFP4, GgufType.TQ1_0, GgufType.TQ2_0, GgufType.Q1_0, GgufType.Q2_0, GgufType.Q8_1, GgufType.Q8_K,
    ];

    /// <summary>Writes a row.</summary>
    /// <param name="type">One of <see cref="Writable"/>.</param>
    /// <param name="row">The elements, a whole number of blocks.</param>
    /// <param name="blocks">As many bytes as the row fills.</param>
    /// <param name="importance">A weight for each element of the row, or nothing.</param>
    /// <exception cref="ArgumentException">The sizes do not fit, or the type cannot be written.</exception>
    public static void Run(GgufType type, ReadOnlySpan<float> row, Span<byte> blocks, ReadOnlySpan<float> importance = default)
    {
        int size = type.BlockValues(), bytes = type.BlockBytes();
        if (row.Length % size != 0 || blocks.Length != type.ByteLength(row.Length))
            throw new ArgumentException($"Quantizer: {row.Length} values into {blocks.Length} bytes of {type}; {size} values fill {bytes} bytes.");
        if (!importance.IsEmpty && importance.Length != row.Length) throw new ArgumentException($"Quantizer: {importance.Length} weights for {row.Length} values.");
        switch (type)
        {
            case GgufType.F32: ElementConversion.FromSingle(SafetensorsType.F32, row, blocks); return;
            case GgufType.F16: ElementConversion.FromSingle(SafetensorsType.F16, row, blocks); return;
            case GgufType.BF16: ElementConversion.FromSingle(SafetensorsType.BF16, row, blocks); return;
        }
        float meanSquare = 0; // of the row, for the weights
        foreach (float x in row) meanSquare += x * x;
        meanSquare /= row.Length;
        blocks.Clear();
        for (int i = 0; i < row.Length; i += size)
        {
            ReadOnlySpan<float> x = row.Slice(i, size), w = importance.IsEmpty ? [] : importance.Slice(i, size);
            Span<byte> block = blocks.Slice(i / size * bytes, bytes);
            switch (type)
            {
                case GgufType.Q4_0: SmallBlockQuantizer.Symmetric(x, w, meanSquare, 4, block); break;
                case GgufType.Q5_0: SmallBlockQuantizer.Symmetric(x, w, meanSquare, 5, block); break;
                case GgufType.Q4_1: SmallBlockQuantizer.WithOffset(x, w, meanSquare, 4, block); break;
                case GgufType.Q5_1: SmallBlockQuantizer.WithOffset(x, w, meanSquare, 5, block); break;
                case GgufType.Q8_0: SmallBlockQuantizer.Q8_0(x, block); break;
                case GgufType.Q8_1: SmallBlockQuantizer.Q8_1(x, block); break;
                case GgufType.MXFP4: SmallBlockQuantizer.MXFP4(x, block); break;
                case GgufType.IQ4_NL: SmallBlockQuantizer.IQ4_NL(x, w, block); break;
                case GgufType.Q1_0: SmallBlockQuantizer.Q1_0(x, block); break;
                case GgufType.Q2_0: SmallBlockQuantizer.Q2_0(x, block); break;
                case GgufType.Q4_K: SuperBlockQuantizer.WithOffsets(x, w, 4, block); break;
                case GgufType.Q5_K: SuperBlockQuantizer.WithOffsets(x, w, 5, block); break;
                case GgufType.Q6_K: SuperBlockQuantizer.Q6_K(x, w, block); break;
                case GgufType.Q8_K: SuperBlockQuantizer.Q8_K(x, block); break;
                case GgufType.IQ4_XS: SuperBlockQuantizer.IQ4_XS(x, w, block); break;
                case GgufType.TQ1_0: SuperBlockQuantizer.TQ1_0(x, block); break;
                case GgufType.TQ2_0: SuperBlockQuantizer.TQ2_0(x, block); break;
                default: throw new ArgumentException($"Quantizer: {type} cannot be written; can be: {string.Join(", ", Writable)}.");
            }
        }
    }

    internal static void PutHalf(Span<byte> block, int at, float value) => MemoryMarshal.Write(block[at..], (System.Half)value);
}

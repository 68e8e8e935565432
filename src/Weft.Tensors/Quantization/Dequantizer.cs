using System.Runtime.InteropServices;
using Weft.Tensors.Files;

namespace Weft.Tensors.Quantization;

/// <summary>Turns stored blocks into the numbers that they stand for.</summary>
/// <remarks>
/// The float32 operations are those of ggml's reference in the same order (products and sums rounded one by one), so the values are the
/// same bits as those of every program that follows it.
/// </remarks>
public static class Dequantizer
{
    /// <summary>Reads whole blocks.</summary>
    /// <param name="type">How they are stored.</param>
    /// <param name="blocks">The bytes of as many blocks as the values fill.</param>
    /// <param name="values">The elements, a whole number of blocks.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public static void Run(GgufType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        int size = type.BlockValues();
        if (values.Length % size != 0 || blocks.Length != type.ByteLength(values.Length))
            throw new ArgumentException($"Dequantizer: {blocks.Length} bytes of {type} for {values.Length} values; {size} values fill {type.BlockBytes()} bytes.");
        switch (type)
        {
            case GgufType.F32: ElementConversion.ToSingle(SafetensorsType.F32, blocks, values); return;
            case GgufType.F16: ElementConversion.ToSingle(SafetensorsType.F16, blocks, values); return;
            case GgufType.BF16: ElementConversion.ToSingle(SafetensorsType.BF16, blocks, values); return;
            case GgufType.F64: ElementConversion.ToSingle(SafetensorsType.F64, blocks, values); return;
            case GgufType.I8: ElementConversion.ToSingle(SafetensorsType.I8, blocks, values); return;
            case GgufType.I16: ElementConversion.ToSingle(SafetensorsType.I16, blocks, values); return;
            case GgufType.I32: ElementConversion.ToSingle(SafetensorsType.I32, blocks, values); return;
            case GgufType.I64: ElementConversion.ToSingle(SafetensorsType.I64, blocks, values); return;
        }
        BlockReader read = Reader(type);
        int bytes = type.BlockBytes();
        for (int i = 0; i < values.Length; i += size, blocks = blocks[bytes..]) read(blocks[..bytes], values.Slice(i, size));
    }

    private delegate void BlockReader(ReadOnlySpan<byte> block, Span<float> values);

    private static BlockReader Reader(GgufType type) => type switch
    {
        GgufType.Q4_0 => SmallBlocks.Q4_0,
        GgufType.Q4_1 => SmallBlocks.Q4_1,
        GgufType.Q5_0 => SmallBlocks.Q5_0,
        GgufType.Q5_1 => SmallBlocks.Q5_1,
        GgufType.Q8_0 => SmallBlocks.Q8_0,
        GgufType.Q8_1 => SmallBlocks.Q8_1,
        GgufType.IQ4_NL => SmallBlocks.IQ4_NL,
        GgufType.MXFP4 => SmallBlocks.MXFP4,
        GgufType.NVFP4 => SmallBlocks.NVFP4,
        GgufType.Q1_0 => SmallBlocks.Q1_0,
        GgufType.Q2_0 => SmallBlocks.Q2_0,
        GgufType.Q2_K => SuperBlocks.Q2_K,
        GgufType.Q3_K => SuperBlocks.Q3_K,
        GgufType.Q4_K => SuperBlocks.Q4_K,
        GgufType.Q5_K => SuperBlocks.Q5_K,
        GgufType.Q6_K => SuperBlocks.Q6_K,
        GgufType.Q8_K => SuperBlocks.Q8_K,
        GgufType.IQ4_XS => SuperBlocks.IQ4_XS,
        GgufType.TQ1_0 => SuperBlocks.TQ1_0,
        GgufType.TQ2_0 => SuperBlocks.TQ2_0,
        GgufType.IQ2_XXS => GridBlocks.IQ2_XXS,
        GgufType.IQ2_XS => GridBlocks.IQ2_XS,
        GgufType.IQ2_S => GridBlocks.IQ2_S,
        GgufType.IQ3_XXS => GridBlocks.IQ3_XXS,
        GgufType.IQ3_S => GridBlocks.IQ3_S,
        GgufType.IQ1_S => GridBlocks.IQ1_S,
        GgufType.IQ1_M => GridBlocks.IQ1_M,
        _ => throw new ArgumentOutOfRangeException(nameof(type), $"{type} has no blocks."),
    };

    /// <summary>The float16 at a byte.</summary>
    internal static float HalfAt(ReadOnlySpan<byte> block, int at) => (float)MemoryMarshal.Read<Half>(block[at..]);
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Weft.Tensors.Quantization;

/// <summary>Blocks of 256 elements: parts of 16 or 32 with small scales, which have a common scale.</summary>
/// <remarks>Layouts are those of ggml (MIT licence, the ggml authors), which defines the format.</remarks>
internal static class SuperBlocks
{
    internal const int Size = 256;

    // 16 bytes (scale | offset << 4), 64 bytes of two bits, d f16, dmin f16: d s q - dmin o, for each 16
    internal static void Q2_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        ReadOnlySpan<byte> scales = block[..16], quants = block.Slice(16, 64);
        float d = Dequantizer.HalfAt(block, 80), min = Dequantizer.HalfAt(block, 82);
        for (int part = 0; part < 16; part++)
        {
            float scale = d * (scales[part] & 15), offset = min * (scales[part] >> 4);
            int from = part / 8 * 32 + part % 2 * 16, shift = part % 8 / 2 * 2;
            for (int l = 0; l < 16; l++) y[part * 16 + l] = scale * (quants[from + l] >> shift & 3) - offset;
        }
    }

    // 32 bytes of high bits, 64 bytes of two bits, 12 bytes of 6-bit scales, d f16: d (s - 32) (q - 4)
    internal static void Q3_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        ReadOnlySpan<byte> high = block[..32], quants = block.Slice(32, 64);
        float d = Dequantizer.HalfAt(block, 108);
        Span<sbyte> scales = stackalloc sbyte[16];
        Q3Scales(block.Slice(96, 12), scales);
        for (int part = 0; part < 16; part++)
        {
            float scale = d * scales[part];
            int column = part % 2 * 16, from = part / 8 * 32 + column, shift = part % 8 / 2 * 2, bit = 1 << part / 2;
            for (int l = 0; l < 16; l++) y[part * 16 + l] = scale * ((quants[from + l] >> shift & 3) - ((high[column + l] & bit) != 0 ? 0 : 4));
        }
    }

    // d f16, dmin f16, 12 bytes of 6-bit scales and offsets, 128 bytes of nibbles: d s q - dmin o, for each 32
    internal static void Q4_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0), min = Dequantizer.HalfAt(block, 2);
        ReadOnlySpan<byte> quants = block.Slice(16, 128);
        for (int part = 0; part < 8; part++)
        {
            (int s, int o) = ScaleAndOffset(block.Slice(4, 12), part);
            float scale = d * s, offset = min * o;
            int from = part / 2 * 32, shift = part % 2 * 4;
            for (int l = 0; l < 32; l++) y[part * 32 + l] = scale * (quants[from + l] >> shift & 15) - offset;
        }
    }

    // as Q4_K, with 32 bytes of fifth bits before the nibbles
    internal static void Q5_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0), min = Dequantizer.HalfAt(block, 2);
        ReadOnlySpan<byte> high = block.Slice(16, 32), quants = block.Slice(48, 128);
        for (int part = 0; part < 8; part++)
        {
            (int s, int o) = ScaleAndOffset(block.Slice(4, 12), part);
            float scale = d * s, offset = min * o;
            int from = part / 2 * 32, shift = part % 2 * 4;
            for (int l = 0; l < 32; l++) y[part * 32 + l] = scale * ((quants[from + l] >> shift & 15) + (high[l] >> part & 1) * 16) - offset;
        }
    }

    // 128 bytes of low nibbles, 64 bytes of high pairs, 16 signed scales, d f16: d s (q - 32), for each 16
    internal static void Q6_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        ReadOnlySpan<byte> low = block[..128], high = block.Slice(128, 64);
        ReadOnlySpan<sbyte> scales = MemoryMarshal.Cast<byte, sbyte>(block.Slice(192, 16));
        float d = Dequantizer.HalfAt(block, 208);
        for (int part = 0; part < 16; part++)
        {
            float scale = d * scales[part];
            int half = part / 8, quarter = part % 8 / 2, column = part % 2 * 16;
            int fromLow = half * 64 + quarter % 2 * 32 + column, fromHigh = half * 32 + column, shiftLow = quarter / 2 * 4, shiftHigh = quarter * 2;
            for (int l = 0; l < 16; l++) y[part * 16 + l] = scale * ((low[fromLow + l] >> shiftLow & 15 | (high[fromHigh + l] >> shiftHigh & 3) << 4) - 32);
        }
    }

    // d f32, 256 signed bytes, 16 sums: d q
    internal static void Q8_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = BinaryPrimitives.ReadSingleLittleEndian(block);
        for (int j = 0; j < Size; j++) y[j] = d * (sbyte)block[4 + j];
    }

    // d f16, high pairs of scales u16, 4 bytes low nibbles of scales, 128 bytes of nibbles: d (s - 32) step[q]
    internal static void IQ4_XS(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        int high = BinaryPrimitives.ReadUInt16LittleEndian(block[2..]);
        for (int part = 0; part < 8; part++)
        {
            int s = block[4 + part / 2] >> part % 2 * 4 & 15 | (high >> 2 * part & 3) << 4;
            float scale = d * (s - 32);
            ReadOnlySpan<byte> quants = block.Slice(8 + part * 16, 16);
            for (int j = 0; j < 16; j++)
            {
                y[part * 32 + j] = scale * SmallBlocks.UnevenSteps[quants[j] & 15];
                y[part * 32 + j + 16] = scale * SmallBlocks.UnevenSteps[quants[j] >> 4];
            }
        }
    }

    // 48 bytes of five digits to base three, 4 bytes of four, d f16: d (digit - 1)
    internal static void TQ1_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 52);
        int at = 0;
        at = Digits(block[..32], 5, d, y, at);
        at = Digits(block.Slice(32, 16), 5, d, y, at);
        Digits(block.Slice(48, 4), 4, d, y, at);
    }

    // 64 bytes of two bits, d f16: d (q - 1)
    internal static void TQ2_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 64);
        for (int i = 0; i < Size; i++) y[i] = ((block[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) - 1) * d;
    }

    /// <summary>The 6-bit scale and offset of a part of 32, as Q4_K and Q5_K pack them into 12 bytes.</summary>
    internal static (int Scale, int Offset) ScaleAndOffset(ReadOnlySpan<byte> packed, int part) => part < 4
        ? (packed[part] & 63, packed[part + 4] & 63)
        : (packed[part + 4] & 15 | packed[part - 4] >> 6 << 4, packed[part + 4] >> 4 | packed[part] >> 6 << 4);

    /// <summary>The 16 scales of Q3_K, less 32: low nibbles in 8 bytes, high pairs in 4.</summary>
    internal static void Q3Scales(ReadOnlySpan<byte> packed, Span<sbyte> scales)
    {
        for (int i = 0; i < 16; i++) scales[i] = (sbyte)((packed[i % 8] >> i / 8 * 4 & 15 | (packed[8 + i % 4] >> i / 4 * 2 & 3) << 4) - 32);
    }

    // A byte holds its digits as a fraction: the first is the whole part of 3 q / 256, the next that of the rest.
    private static int Digits(ReadOnlySpan<byte> bytes, int digits, float d, Span<float> y, int at)
    {
        int power = 1;
        for (int n = 0; n < digits; n++, power *= 3)
            foreach (byte packed in bytes) y[at++] = (((byte)(packed * power) * 3 >> 8) - 1) * d;
        return at;
    }
}

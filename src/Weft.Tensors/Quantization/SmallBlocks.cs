using System.Buffers.Binary;

namespace Weft.Tensors.Quantization;

/// <summary>Blocks of 32 to 128 elements with one scale (or one for each 16).</summary>
/// <remarks>
/// Nibbles: byte j of a block of 32 holds element j in its low and element j + 16 in its high half. d is the scale, m the offset.
/// Layouts are those of ggml (MIT licence, the ggml authors), which defines the format.
/// </remarks>
internal static class SmallBlocks
{
    private const int Half = 16;

    /// <summary>The uneven steps of IQ4_NL and IQ4_XS.</summary>
    internal static ReadOnlySpan<sbyte> UnevenSteps => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Twice the 16 values of a 4-bit float (sign, two bits exponent, one bit fraction).</summary>
    internal static ReadOnlySpan<sbyte> DoubledFloat4 => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    // d f16, 16 bytes of nibbles: d (q - 8)
    internal static void Q4_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int j = 0; j < Half; j++)
        {
            int q = block[2 + j];
            y[j] = ((q & 15) - 8) * d;
            y[j + Half] = ((q >> 4) - 8) * d;
        }
    }

    // d f16, m f16, nibbles: d q + m
    internal static void Q4_1(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0), m = Dequantizer.HalfAt(block, 2);
        for (int j = 0; j < Half; j++)
        {
            int q = block[4 + j];
            y[j] = (q & 15) * d + m;
            y[j + Half] = (q >> 4) * d + m;
        }
    }

    // d f16, 32 fifth bits, nibbles: d (q - 16)
    internal static void Q5_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[2..]);
        for (int j = 0; j < Half; j++)
        {
            int q = block[6 + j];
            y[j] = ((q & 15 | (int)(high >> j & 1) << 4) - 16) * d;
            y[j + Half] = ((q >> 4 | (int)(high >> (j + Half) & 1) << 4) - 16) * d;
        }
    }

    // d f16, m f16, 32 fifth bits, nibbles: d q + m
    internal static void Q5_1(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0), m = Dequantizer.HalfAt(block, 2);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        for (int j = 0; j < Half; j++)
        {
            int q = block[8 + j];
            y[j] = (q & 15 | (int)(high >> j & 1) << 4) * d + m;
            y[j + Half] = (q >> 4 | (int)(high >> (j + Half) & 1) << 4) * d + m;
        }
    }

    // d f16, 32 signed bytes: d q
    internal static void Q8_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int j = 0; j < y.Length; j++) y[j] = (sbyte)block[2 + j] * d;
    }

    // d f16, d times the sum f16, 32 signed bytes: d q
    internal static void Q8_1(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int j = 0; j < y.Length; j++) y[j] = (sbyte)block[4 + j] * d;
    }

    // d f16, nibbles: d step[q]
    internal static void IQ4_NL(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int j = 0; j < Half; j++)
        {
            int q = block[2 + j];
            y[j] = d * UnevenSteps[q & 15];
            y[j + Half] = d * UnevenSteps[q >> 4];
        }
    }

    // exponent byte, nibbles: 2^(e - 127) float4[q]
    internal static void MXFP4(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = HalfPowerOfTwo(block[0]);
        for (int j = 0; j < Half; j++)
        {
            int q = block[1 + j];
            y[j] = DoubledFloat4[q & 15] * d;
            y[j + Half] = DoubledFloat4[q >> 4] * d;
        }
    }

    // 4 scales of 8 bits, then for each 16 elements 8 bytes of nibbles: d float4[q]
    internal static void NVFP4(ReadOnlySpan<byte> block, Span<float> y)
    {
        const int Part = 16;
        for (int s = 0; s < 4; s++)
        {
            float d = HalfFloat8(block[s]);
            for (int j = 0; j < Part / 2; j++)
            {
                int q = block[4 + s * (Part / 2) + j];
                y[s * Part + j] = DoubledFloat4[q & 15] * d;
                y[s * Part + j + Part / 2] = DoubledFloat4[q >> 4] * d;
            }
        }
    }

    // d f16, a bit each, low first: d (2 b - 1)
    internal static void Q1_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int j = 0; j < y.Length; j++) y[j] = (block[2 + j / 8] >> j % 8 & 1) != 0 ? d : -d;
    }

    // d f16, two bits each, low first: d (q - 1)
    internal static void Q2_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int j = 0; j < y.Length; j++) y[j] = ((block[2 + j / 4] >> j % 4 * 2 & 3) - 1) * d;
    }

    /// <summary>2^(e - 128): half of what the byte says, because the steps are doubled.</summary>
    internal static float HalfPowerOfTwo(byte e) => BitConverter.UInt32BitsToSingle(e < 2 ? 0x00200000u << e : (uint)(e - 1) << 23);

    /// <summary>Half of an unsigned 8-bit float: four bits exponent (bias 7), three bits fraction.</summary>
    internal static float HalfFloat8(byte code)
    {
        if (code is 0 or 0x7F) return 0;
        int exponent = code >> 3 & 15, fraction = code & 7;
        return (exponent == 0 ? MathF.ScaleB(fraction, -9) : MathF.ScaleB(1 + fraction / 8f, exponent - 7)) * 0.5f;
    }
}

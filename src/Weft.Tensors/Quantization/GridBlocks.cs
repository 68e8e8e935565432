using System.Buffers.Binary;
using System.Numerics;

namespace Weft.Tensors.Quantization;

/// <summary>Blocks of 256 elements that are looked up, eight or four at once, in a table.</summary>
/// <remarks>
/// A sign byte of IQ2_XXS, IQ2_XS and IQ3_XXS is stored in seven bits: the eighth makes the number of minuses even. Layouts are those of
/// ggml (MIT licence, the ggml authors), which defines the format.
/// </remarks>
internal static class GridBlocks
{
    private const float Iq1Shift = 0.125f;

    // d f16, for each 32: four table indices, then 4 x 7 bits of signs and 4 bits of scale
    internal static void IQ2_XXS(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int part = 0; part < 8; part++)
        {
            ReadOnlySpan<byte> at = block[(2 + part * 8)..];
            uint tail = BinaryPrimitives.ReadUInt32LittleEndian(at[4..]);
            float scale = d * (0.5f + (tail >> 28)) * 0.25f;
            for (int l = 0; l < 4; l++) Signed(GridTables.Iq2Xxs.AsSpan(at[l] * 8, 8), scale, EvenSigns((int)(tail >> 7 * l & 127)), 0, y[(part * 32 + l * 8)..]);
        }
    }

    // d f16, 32 u16 (9 bits index, 7 bits signs), 8 bytes of two scales
    internal static void IQ2_XS(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int i = 0; i < 32; i++)
        {
            int code = BinaryPrimitives.ReadUInt16LittleEndian(block[(2 + 2 * i)..]);
            float scale = d * (0.5f + (block[66 + i / 4] >> i % 4 / 2 * 4 & 15)) * 0.25f;
            Signed(GridTables.Iq2Xs.AsSpan((code & 511) * 8, 8), scale, EvenSigns(code >> 9), 0, y[(i * 8)..]);
        }
    }

    // d f16, 32 low bytes of indices, 32 bytes of signs, 8 bytes of high pairs, 8 bytes of two scales
    internal static void IQ2_S(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int i = 0; i < 32; i++)
        {
            int index = block[2 + i] | (block[66 + i / 4] >> i % 4 * 2 & 3) << 8;
            float scale = d * (0.5f + (block[74 + i / 4] >> i % 4 / 2 * 4 & 15)) * 0.25f;
            Signed(GridTables.Iq2S.AsSpan(index * 8, 8), scale, block[34 + i], 0, y[(i * 8)..]);
        }
    }

    // d f16, 64 indices, for each 32 a u32: 4 x 7 bits of signs and 4 bits of scale
    internal static void IQ3_XXS(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int i = 0; i < 64; i++)
        {
            uint tail = BinaryPrimitives.ReadUInt32LittleEndian(block[(66 + i / 8 * 4)..]);
            float scale = d * (0.5f + (tail >> 28)) * 0.5f;
            Signed(GridTables.Iq3Xxs.AsSpan(block[2 + i] * 4, 4), scale, EvenSigns((int)(tail >> i % 8 / 2 * 7 & 127)), i % 2 * 4, y[(i * 4)..]);
        }
    }

    // d f16, 64 low bytes of indices, 8 bytes of high bits, 32 bytes of signs, 4 bytes of two scales
    internal static void IQ3_S(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int i = 0; i < 64; i++)
        {
            int index = block[2 + i] | (block[66 + i / 8] >> i % 8 & 1) << 8;
            float scale = d * (1 + 2 * (block[106 + i / 16] >> i / 8 % 2 * 4 & 15));
            Signed(GridTables.Iq3S.AsSpan(index * 4, 4), scale, block[74 + i / 2], i % 2 * 4, y[(i * 4)..]);
        }
    }

    // d f16, 32 low bytes of indices, 8 u16 (4 x 3 high bits, 3 bits scale, the shift's sign)
    internal static void IQ1_S(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Dequantizer.HalfAt(block, 0);
        for (int i = 0; i < 32; i++)
        {
            int high = BinaryPrimitives.ReadUInt16LittleEndian(block[(34 + i / 4 * 2)..]);
            int index = block[2 + i] | (high >> 3 * (i % 4) & 7) << 8;
            Shifted(index, d * (2 * (high >> 12 & 7) + 1), (high & 0x8000) != 0, y[(i * 8)..]);
        }
    }

    // 32 low bytes of indices, 16 bytes (two times 3 high bits and the shift's sign), 4 u16 of four 3-bit scales and 4 bits of d
    internal static void IQ1_M(ReadOnlySpan<byte> block, Span<float> y)
    {
        Span<int> words = stackalloc int[4];
        for (int w = 0; w < 4; w++) words[w] = BinaryPrimitives.ReadUInt16LittleEndian(block[(48 + 2 * w)..]);
        float d = (float)BitConverter.UInt16BitsToHalf((ushort)(words[0] >> 12 | words[1] >> 8 & 0xF0 | words[2] >> 4 & 0xF00 | words[3] & 0xF000));
        for (int i = 0; i < 32; i++)
        {
            int high = block[32 + i / 2] >> i % 2 * 4 & 15, index = block[i] | (high & 7) << 8;
            Shifted(index, d * (2 * (words[i / 8] >> i / 2 % 4 * 3 & 7) + 1), (high & 8) != 0, y[(i * 8)..]);
        }
    }

    private static int EvenSigns(int seven) => seven | (BitOperations.PopCount((uint)seven) & 1) << 7;

    private static void Signed(ReadOnlySpan<sbyte> grid, float scale, int signs, int firstSign, Span<float> y)
    {
        for (int j = 0; j < grid.Length; j++)
        {
            float value = scale * grid[j];
            y[j] = (signs >> (firstSign + j) & 1) != 0 ? -value : value;
        }
    }

    private static void Shifted(int index, float scale, bool down, Span<float> y)
    {
        float shift = down ? -Iq1Shift : Iq1Shift;
        ReadOnlySpan<sbyte> grid = GridTables.Iq1.AsSpan(index * 8, 8);
        for (int j = 0; j < 8; j++) y[j] = scale * (grid[j] + shift);
    }
}

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Quantization;

namespace Weft.Tensors.Kernels;

/// <summary>Spreads stored blocks into 16-bit integers, a scale and an offset for each 32 of them.</summary>
/// <remarks>
/// <para>element i = scale[i / 32] · w[i] + offset[i / 32], exactly as the format says; small whole scales inside a block of 256 are multiplied
/// into w, which still fits (at most 127 · 32). Layouts: <see cref="SmallBlocks"/>, <see cref="SuperBlocks"/>.</para>
/// <para>Vectors of 128 bits, which every platform has; a lane holds an element. The oracle is <see cref="Dequantizer"/>.</para>
/// </remarks>
internal static unsafe class BlockUnpacking
{
    /// <summary>Whether rows of a type can be spread; the others are dequantized.</summary>
    internal static bool Supports(GgufType type) => type is GgufType.Q4_0 or GgufType.Q4_1 or GgufType.Q5_0 or GgufType.Q5_1 or GgufType.Q8_0 or GgufType.IQ4_NL or GgufType.MXFP4
        or GgufType.Q3_K or GgufType.Q4_K or GgufType.Q5_K or GgufType.Q6_K or GgufType.IQ4_XS;

    /// <summary>Whether what is multiplied by rows of a type is rounded in groups of 256, not 32.</summary>
    internal static bool RoundsLarge(GgufType type) => Supports(type) && type.BlockValues() == SuperBlocks.Size;

    /// <summary>Spreads a row of so many elements; offsets are written where the type has them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(GgufType type, byte* row, int count, short* w, float* scale, float* offset)
    {
        int size = type.BlockValues(), bytes = type.BlockBytes();
        for (int i = 0; i < count; i += size, row += bytes, w += size, scale += size / 32, offset += size / 32)
        {
            switch (type)
            {
                case GgufType.Q4_0: Small(row, 2, -8, w); scale[0] = Half(row); break;
                case GgufType.Q4_1: Small(row, 4, 0, w); scale[0] = Half(row); offset[0] = Half(row + 2); break;
                case GgufType.Q5_0: Small(row, 6, -16, w); AddFifthBits(row + 2, w); scale[0] = Half(row); break;
                case GgufType.Q5_1: Small(row, 8, 0, w); AddFifthBits(row + 4, w); scale[0] = Half(row); offset[0] = Half(row + 2); break;
                case GgufType.Q8_0: Bytes(row + 2, w); scale[0] = Half(row); break;
                case GgufType.IQ4_NL: Steps(row + 2, SmallBlocks.UnevenSteps, 1, w); scale[0] = Half(row); break;
                case GgufType.MXFP4: Steps(row + 1, SmallBlocks.DoubledFloat4, 1, w); scale[0] = SmallBlocks.HalfPowerOfTwo(row[0]); break;
                case GgufType.Q3_K: Q3_K(row, w, scale); break;
                case GgufType.Q4_K: WithOffsets(row, 4, w, scale, offset); break;
                case GgufType.Q5_K: WithOffsets(row, 5, w, scale, offset); break;
                case GgufType.Q6_K: Q6_K(row, w, scale); break;
                default: IQ4_XS(row, w, scale); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Half(byte* at)
    {
        // The exponent moves by 127 - 15, which is wrong for infinity and NaN alone. .NET's own conversion is a call, around which loops would keep nothing in registers.
        uint bits = Unsafe.ReadUnaligned<ushort>(at), magnitude = (bits & 0x7FFF) << 13;
        uint moved = BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(magnitude) * 5.192296858534828e33f); // 2^112
        return BitConverter.UInt32BitsToSingle((magnitude >= 0x7C00u << 13 ? magnitude | 0x7F800000 : moved) | (bits & 0x8000) << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<byte> values, short factor, short add, short* w)
    {
        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(values);
        Vector128.Store(low.AsInt16() * Vector128.Create(factor) + Vector128.Create(add), w);
        Vector128.Store(high.AsInt16() * Vector128.Create(factor) + Vector128.Create(add), w + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<sbyte> values, short factor, short* w)
    {
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(values);
        Vector128.Store(low * Vector128.Create(factor), w);
        Vector128.Store(high * Vector128.Create(factor), w + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> LowNibbles(Vector128<byte> v) => v & Vector128.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> HighNibbles(Vector128<byte> v) => Vector128.ShiftRightLogical(v.AsUInt16(), 4).AsByte() & Vector128.Create((byte)15);

    // The bits at a place of each byte, moved to the bottom.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Bits(Vector128<byte> v, int shift, byte mask) => Vector128.ShiftRightLogical(v.AsUInt16(), shift).AsByte() & Vector128.Create(mask);

    private static void Small(byte* row, int at, short add, short* w)
    {
        Vector128<byte> q = Vector128.Load(row + at);
        Store(LowNibbles(q), 1, add, w);
        Store(HighNibbles(q), 1, add, w + 16);
    }

    private static void AddFifthBits(byte* bits, short* w)
    {
        Vector128<short> first = Vector128.Create(1, 2, 4, 8, 16, 32, 64, 128), sixteen = Vector128.Create((short)16);
        for (int part = 0; part < 4; part++)
        {
            Vector128<short> set = ~Vector128.Equals(Vector128.Create((short)bits[part]) & first, Vector128<short>.Zero) & sixteen;
            Vector128.Store(Vector128.Load(w + part * 8) + set, w + part * 8);
        }
    }

    private static void Bytes(byte* q, short* w)
    {
        Store(Vector128.Load(q).AsSByte(), 1, w);
        Store(Vector128.Load(q + 16).AsSByte(), 1, w + 16);
    }

    private static void Steps(byte* q, ReadOnlySpan<sbyte> steps, short factor, short* w)
    {
        Vector128<sbyte> table = Vector128.Create(steps);
        Vector128<byte> nibbles = Vector128.Load(q);
        Store(Vector128.Shuffle(table, LowNibbles(nibbles).AsSByte()), factor, w);
        Store(Vector128.Shuffle(table, HighNibbles(nibbles).AsSByte()), factor, w + 16);
    }

    // Q4_K, Q5_K
    private static void WithOffsets(byte* row, int bits, short* w, float* scale, float* offset)
    {
        float d = Half(row), min = Half(row + 2);
        byte* low = row + (bits == 5 ? 48 : 16);
        ReadOnlySpan<byte> packed = new(row + 4, 12);
        for (int part = 0; part < 8; part++)
        {
            (int s, int o) = SuperBlocks.ScaleAndOffset(packed, part);
            scale[part] = d;
            offset[part] = -(min * o);
            for (int column = 0; column < 32; column += 16)
            {
                Vector128<byte> q = Vector128.Load(low + part / 2 * 32 + column);
                q = part % 2 == 0 ? LowNibbles(q) : HighNibbles(q);
                if (bits == 5) q |= Vector128.ShiftLeft(Bits(Vector128.Load(row + 16 + column), part, 1).AsUInt16(), 4).AsByte();
                Store(q, (short)s, 0, w + part * 32 + column);
            }
        }
    }

    private static void Q6_K(byte* row, short* w, float* scale)
    {
        float d = Half(row + 208);
        for (int part = 0; part < 16; part++)
        {
            if (part % 2 == 0) scale[part / 2] = d;
            int half = part / 8, quarter = part % 8 / 2, column = part % 2 * 16;
            Vector128<byte> low = Bits(Vector128.Load(row + half * 64 + quarter % 2 * 32 + column), quarter / 2 * 4, 15);
            Vector128<byte> high = Bits(Vector128.Load(row + 128 + half * 32 + column), quarter * 2, 3);
            short s = (sbyte)row[192 + part];
            Store(low | Vector128.ShiftLeft(high.AsUInt16(), 4).AsByte(), s, (short)(-32 * s), w + part * 16);
        }
    }

    private static void Q3_K(byte* row, short* w, float* scale)
    {
        float d = Half(row + 108);
        sbyte* scales = stackalloc sbyte[16];
        SuperBlocks.Q3Scales(new ReadOnlySpan<byte>(row + 96, 12), new Span<sbyte>(scales, 16));
        for (int part = 0; part < 16; part++)
        {
            if (part % 2 == 0) scale[part / 2] = d;
            int column = part % 2 * 16;
            Vector128<byte> low = Bits(Vector128.Load(row + 32 + part / 8 * 32 + column), part % 8 / 2 * 2, 3), high = Bits(Vector128.Load(row + column), part / 2, 1);
            Store(low | Vector128.ShiftLeft(high.AsUInt16(), 2).AsByte(), scales[part], (short)(-4 * scales[part]), w + part * 16);
        }
    }

    private static void IQ4_XS(byte* row, short* w, float* scale)
    {
        float d = Half(row);
        int high = BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(row + 2, 2));
        for (int part = 0; part < 8; part++)
        {
            scale[part] = d;
            int s = row[4 + part / 2] >> part % 2 * 4 & 15 | (high >> 2 * part & 3) << 4;
            Steps(row + 8 + part * 16, SmallBlocks.UnevenSteps, (short)(s - 32), w + part * 32);
        }
    }
}

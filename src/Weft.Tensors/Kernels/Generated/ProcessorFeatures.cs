using System.Runtime.Intrinsics.X86;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>What the processor can do beyond the instructions that .NET offers, asked of the processor itself.</summary>
/// <remarks>Bits as in Intel's Software Developer's Manual, volume 2A, CPUID: leaf 1, and leaf 7 with subleaves 0 and 1.</remarks>
internal static unsafe class ProcessorFeatures
{
    // XGETBV with ECX = 0: EDX:EAX tells which registers the system saves. xor ecx, ecx; xgetbv; ret.
    private static ReadOnlySpan<byte> ReadControlRegister => [0x31, 0xC9, 0x0F, 0x01, 0xD0, 0xC3];

    // Upper halves of YMM, opmasks, upper halves of ZMM0-15, ZMM16-31 and SSE: what AVX-512 code needs saved.
    private const int Avx512State = 0b1110_0110;

    /// <summary>AVX-512 F, BW, DQ and VL, with a system that saves their registers.</summary>
    internal static bool Avx512 { get; } = HasAvx512();

    /// <summary>VDPBF16PS.</summary>
    internal static bool Bfloat16 { get; } = Avx512 && (Leaf7(1).Eax & 1 << 5) != 0;

    /// <summary>VPDPBUSD and VPDPWSSD (AVX512_VNNI).</summary>
    internal static bool IntegerProducts { get; } = Avx512 && (X86Base.CpuId(7, 0).Ecx & 1 << 11) != 0;

    /// <summary>
    /// Whether VDPBF16PS does more than two multiply-adds in float32. Zen 4: twice as much, 233 of 117 GFLOP/s. Emerald Rapids: not
    /// half, 77 of 179, since Intel means AMX for this; there factors are rounded and multiplied in float32.
    /// </summary>
    internal static bool Bfloat16Pays { get; } = Bfloat16 && X86Base.CpuId(0, 0) is (_, 0x68747541, 0x444D4163, 0x69746E65); // "Auth" "cAMD" "enti": EBX, ECX, EDX

    private static bool HasAvx512()
    {
        if (!X86Base.X64.IsSupported || X86Base.CpuId(0, 0).Eax < 7) return false;
        const int Osxsave = 1 << 27, Required = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31; // F, DQ, BW, VL
        if ((X86Base.CpuId(1, 0).Ecx & Osxsave) == 0 || (X86Base.CpuId(7, 0).Ebx & Required) != Required) return false;
        if (Avx512F.IsSupported) return true; // the runtime has asked already
        nint read = ExecutableMemory.Place(ReadControlRegister);
        return read != 0 && (((delegate* unmanaged<int>)read)() & Avx512State) == Avx512State;
    }

    private static (int Eax, int Ebx, int Ecx, int Edx) Leaf7(int subleaf) => X86Base.CpuId(7, 0).Eax >= subleaf ? X86Base.CpuId(7, subleaf) : default;
}

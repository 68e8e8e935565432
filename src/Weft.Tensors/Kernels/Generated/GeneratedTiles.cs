using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>Tiles of matrix products as machine code, where that can do more than .NET's own instructions.</summary>
/// <remarks>
/// bfloat16 and whole numbers: .NET has no intrinsic for VDPBF16PS, nor for VPDPBUSD at 512 bits. float32: the C# tiles are as fast, but an ahead-of-time build for plain x64 has no
/// AVX-512 unless it refuses older machines (docs/decisions/0006-generated-kernels.md). <c>WEFT_GENERATED=0</c> turns both off;
/// <c>WEFT_GENERATED=1</c> uses them wherever they run, also where others are as fast.
/// </remarks>
internal static unsafe class GeneratedTiles
{
    private static readonly int[] s_rows = [12, 8, 4, 2, 1];
    private static readonly string? s_asked = Environment.GetEnvironmentVariable("WEFT_GENERATED");
    private static readonly Lazy<nint[]?> s_float32 = new(static () => WantsFloat32 ? Build(TileKind.Float32) : null);
    private static readonly Lazy<nint[]?> s_bfloat16 = new(static () => WantsBfloat16 ? Build(TileKind.Bfloat16) : null);

    private static readonly Lazy<nint[]?> s_integers = new(static () => WantsIntegers ? Build([IntegerTileEmitter.Emit(false, false), IntegerTileEmitter.Emit(false, true), IntegerTileEmitter.Emit(true, false), IntegerTileEmitter.Emit(true, true)]) : null);

    /// <summary>Whether float32 products run on generated code.</summary>
    internal static bool Float32 => s_float32.Value is not null;

    /// <summary>Whether bfloat16 products run on generated code.</summary>
    internal static bool Bfloat16 => s_bfloat16.Value is not null;

    /// <summary>Whether products of whole numbers, for tokens in eights, run on generated code.</summary>
    internal static bool Integers => s_integers.Value is not null;

    /// <summary>What is generated, or why nothing is.</summary>
    internal static string Description
    {
        get
        {
            if (s_asked == "0") return "off (WEFT_GENERATED=0)";
            if (!ProcessorFeatures.Avx512) return "none: the processor has no AVX-512";
            if (!Allowed) return "off (narrower kernels were asked for)";
            if ((WantsFloat32 && !Float32) || (WantsBfloat16 && !Bfloat16) || (WantsIntegers && !Integers)) return "refused: the system does not let memory become executable";
            string[] made = [.. (ReadOnlySpan<string>)[Float32 ? "float32" : "", Bfloat16 ? "bfloat16" : "", Integers ? "int8" : ""]];
            string kinds = string.Join(", ", made.Where(static kind => kind.Length > 0)) is { Length: > 0 } some ? some : "not needed";
            return Bfloat16 ? kinds : kinds + (ProcessorFeatures.Bfloat16 ? "; float32 vectors are faster than this processor's bfloat16 ones" : "; the processor has no bfloat16 products");
        }
    }

    // Under the JIT, Avx512F says whether the user switched AVX-512 off; ahead of time it only says what was compiled for.
    private static bool Allowed =>
        s_asked != "0" && ProcessorFeatures.Avx512 && (Environment.GetEnvironmentVariable("WEFT_KERNELS") is null or "512") && (Avx512F.IsSupported || !RuntimeFeature.IsDynamicCodeSupported);

    private static bool WantsFloat32 => Allowed && (s_asked == "1" || KernelTiers.Current != KernelTier.Bits512);

    private static bool WantsBfloat16 => Allowed && (s_asked == "1" ? ProcessorFeatures.Bfloat16 : ProcessorFeatures.Bfloat16Pays);

    private static bool WantsIntegers => Allowed && ProcessorFeatures.IntegerProducts;

    /// <summary>Runs a tile of whole numbers, of 16 bits or 8, with or without offsets. Needs <see cref="Integers"/>.</summary>
    internal static void RunIntegers(bool words, bool offsets, ref IntegerTileCall call) =>
        ((delegate* unmanaged[SuppressGCTransition]<IntegerTileCall*, void>)s_integers.Value![(words ? 2 : 0) + (offsets ? 1 : 0)])((IntegerTileCall*)Unsafe.AsPointer(ref call));

    /// <summary>Runs a tile for each of its panels. Rows are 12, 8, 4, 2 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Run(TileKind kind, int rows, bool narrow, ref TileCall call)
    {
        nint[] tiles = (kind == TileKind.Float32 ? s_float32 : s_bfloat16).Value!;
        // Panels take some ten microseconds at most, so the collector may wait for them.
        ((delegate* unmanaged[SuppressGCTransition]<TileCall*, void>)tiles[Index(rows, narrow)])((TileCall*)Unsafe.AsPointer(ref call));
    }

    /// <summary>Runs a packing loop over lanes that lie side by side, one or two vectors of 16. Needs <see cref="Bfloat16"/>.</summary>
    internal static void PackAcross(int vectors, ref PackCall call) => Pack(vectors - 1, ref call);

    /// <summary>Runs a packing loop over 16, 12 or 8 lanes that lie apart. Needs <see cref="Bfloat16"/>.</summary>
    internal static void PackAlong(int lanes, ref PackCall call) => Pack(lanes switch { 16 => 2, 12 => 3, _ => 4 }, ref call);

    /// <summary>Runs a packing loop over 48 lanes that lie side by side: four tiles of 12 rows. Needs <see cref="Bfloat16"/>.</summary>
    internal static void PackAcrossTiles(ref PackCall call) => Pack(5, ref call);

    /// <summary>Runs a packing loop over one row, 32 elements at a time. Needs <see cref="Bfloat16"/>.</summary>
    internal static void PackRow(ref PackCall call) => Pack(6, ref call);

    /// <summary>Runs the dot products of a vector with four rows. Needs <see cref="Bfloat16"/>.</summary>
    internal static void RunDots(ref DotCall call) =>
        ((delegate* unmanaged[SuppressGCTransition]<DotCall*, void>)s_bfloat16.Value![2 * s_rows.Length + 7])((DotCall*)Unsafe.AsPointer(ref call));

    private static void Pack(int index, ref PackCall call) =>
        ((delegate* unmanaged[SuppressGCTransition]<PackCall*, void>)s_bfloat16.Value![2 * s_rows.Length + index])((PackCall*)Unsafe.AsPointer(ref call));

    private static int Index(int rows, bool narrow) => (rows switch { 12 => 0, 8 => 1, 4 => 2, 2 => 3, _ => 4 }) * 2 + (narrow ? 1 : 0);

    // In the order of Index, then of Pack and RunDots.
    private static nint[]? Build(TileKind kind)
    {
        List<byte[]> routines = [];
        foreach (int rows in s_rows)
            for (int vectors = 2; vectors > 0; vectors--) routines.Add(TileEmitter.Emit(kind, rows, vectors));
        if (kind == TileKind.Bfloat16)
        {
            for (int vectors = 1; vectors <= 2; vectors++) routines.Add(PackEmitter.Across(vectors));
            foreach (int lanes in (ReadOnlySpan<int>)[16, 12, 8]) routines.Add(PackEmitter.Along(lanes));
            routines.Add(PackEmitter.AcrossTiles());
            routines.Add(PackEmitter.Row());
            routines.Add(DotEmitter.Emit());
        }
        return Build(routines);
    }

    private static nint[]? Build(IReadOnlyList<byte[]> routines)
    {
        const int Alignment = 64;
        List<byte> code = [];
        List<nint> starts = [];
        foreach (byte[] routine in routines)
        {
            while (code.Count % Alignment != 0) code.Add(0xCC); // int3: nobody should come by
            starts.Add(code.Count);
            code.AddRange(routine);
        }
        nint start = ExecutableMemory.Place(CollectionsMarshal.AsSpan(code));
        return start == 0 ? null : [.. starts.Select(s => s + start)];
    }
}

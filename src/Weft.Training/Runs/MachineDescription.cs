using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.Wasm;
using System.Runtime.Intrinsics.X86;

namespace Weft.Training.Runs;

/// <summary>The machine that a run ran on, in the words of its report.</summary>
public static class MachineDescription
{
    /// <summary>Describes this machine: processor, cores, instruction sets, memory, operating system, .NET.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Collect() =>
    [
        new("Processor", ProcessorName()),
        new("Cores", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)),
        new("Instruction sets", InstructionSets()),
        new("Memory", string.Create(CultureInfo.InvariantCulture, $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1L << 30):0.#} GiB")),
        new("Operating system", $"{RuntimeInformation.OSDescription} ({RuntimeInformation.OSArchitecture})"),
        new(".NET", $"{Environment.Version} {(System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeCompiled ? "JIT" : "ahead of time")}"),
    ];

    // Only Linux says it in a file; elsewhere the architecture has to do.
    private static string ProcessorName()
    {
        const string ProcessorFile = "/proc/cpuinfo";
        try
        {
            if (File.Exists(ProcessorFile))
            {
                foreach (string line in File.ReadLines(ProcessorFile))
                    if (line.StartsWith("model name", StringComparison.Ordinal)) return line[(line.IndexOf(':') + 1)..].Trim();
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A report is not worth failing for.
        }
        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static string InstructionSets()
    {
        List<string> names = [];
        Add(Sse42.IsSupported, "SSE4.2");
        Add(Avx2.IsSupported, "AVX2");
        Add(Fma.IsSupported, "FMA");
        Add(AvxVnni.IsSupported, "AVX-VNNI");
        Add(Avx512F.IsSupported, "AVX-512");
        Add(Avx512Vbmi.IsSupported, "AVX-512 VBMI");
        Add(Avx10v1.IsSupported, "AVX10.1");
        Add(AdvSimd.IsSupported, "AdvSimd");
        Add(Dp.IsSupported, "DotProd");
        Add(PackedSimd.IsSupported, "Wasm SIMD");
        int bits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        return names.Count == 0 ? "none" : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", names)} (vectors of {bits} bits)");

        void Add(bool supported, string name)
        {
            if (supported) names.Add(name);
        }
    }
}

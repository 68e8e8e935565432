using System.Runtime.InteropServices;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>Memory that holds machine code: written first, then executable and read-only, never both writable and executable.</summary>
/// <remarks>It lives as long as the process: code that may be running is never freed.</remarks>
internal static unsafe partial class ExecutableMemory
{
    // mman.h of Linux and macOS on x64; winnt.h.
    private const int ProtRead = 1, ProtWrite = 2, ProtExecute = 4, MapPrivate = 2;
    private const uint MemCommitReserve = 0x3000, PageReadWrite = 0x04, PageExecuteRead = 0x20, MemRelease = 0x8000;

    private static int MapAnonymous => OperatingSystem.IsMacOS() ? 0x1000 : 0x20;

    /// <summary>Places code in memory; 0 where the system refuses (hardened kernels, some containers, browsers).</summary>
    internal static nint Place(ReadOnlySpan<byte> code)
    {
        try
        {
            return OperatingSystem.IsWindows() ? PlaceOnWindows(code) : OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() ? PlaceOnUnix(code) : 0;
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return 0;
        }
    }

    private static nint PlaceOnUnix(ReadOnlySpan<byte> code)
    {
        nuint size = (nuint)(code.Length + Environment.SystemPageSize - 1) / (nuint)Environment.SystemPageSize * (nuint)Environment.SystemPageSize;
        nint memory = Map(0, size, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        if (memory is -1 or 0) return 0;
        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (Protect(memory, size, ProtRead | ProtExecute) == 0) return memory;
        _ = Unmap(memory, size);
        return 0;
    }

    private static nint PlaceOnWindows(ReadOnlySpan<byte> code)
    {
        nint memory = VirtualAlloc(0, (nuint)code.Length, MemCommitReserve, PageReadWrite);
        if (memory == 0) return 0;
        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (VirtualProtect(memory, (nuint)code.Length, PageExecuteRead, out _) != 0) return memory;
        _ = VirtualFree(memory, 0, MemRelease);
        return 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint size, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint size, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint size);

    [LibraryImport("kernel32")]
    private static partial nint VirtualAlloc(nint address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualProtect(nint address, nuint size, uint protection, out uint before);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(nint address, nuint size, uint type);
}

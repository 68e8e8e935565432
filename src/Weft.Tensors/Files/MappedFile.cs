using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Weft.Tensors.Files;

/// <summary>A file as memory: pages are read when they are touched, and the system may drop them again.</summary>
/// <remarks>Whoever holds the object may use its memory. If nobody disposes it, the collector unmaps it. On a platform without mapping (the
/// browser) the file is read into memory instead.</remarks>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private const int DontNeed = 4; // MADV_DONTNEED of Linux's mman.h; nothing is lost, the mapping is read-only

    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly SafeMemoryMappedViewHandle? _handle;
    private readonly byte[]? _copy;
    private byte* _start;

    /// <summary>Maps a file for reading.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    internal MappedFile(string path)
    {
        Path = path;
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
        Length = RandomAccess.GetLength(file);
        if (Length == 0) return; // an empty file cannot be mapped
        if (OperatingSystem.IsBrowser())
        {
            _copy = GC.AllocateUninitializedArray<byte>(checked((int)Length), pinned: true);
            SafetensorsHeader.ReadExactly(path, file, 0, _copy);
            _start = (byte*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_copy, 0);
            return;
        }
        _map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        _handle = _view.SafeMemoryMappedViewHandle;
        _start = (byte*)_handle.DangerousGetHandle() + _view.PointerOffset; // AcquirePointer would keep the collector from unmapping what nobody disposed
    }

    internal string Path { get; }

    internal long Length { get; }

    /// <summary>The first byte; valid while this object is alive and not disposed.</summary>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    internal byte* Start => _start != null || Length == 0 ? _start : throw new ObjectDisposedException(Path, $"{Path} was closed.");

    /// <summary>Some bytes of the file.</summary>
    internal ReadOnlySpan<byte> Span(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new ReadOnlySpan<byte>(Start + offset, length);
    }

    /// <summary>Says that some bytes will not be read again soon: their pages leave the process at once, and come back if they are read after all.</summary>
    internal void Release(byte* start, long length)
    {
        if (_view is null || !OperatingSystem.IsLinux()) return; // elsewhere the system drops pages when memory is short
        long page = Environment.SystemPageSize, first = ((nint)start + page - 1) / page * page, end = ((nint)start + length) / page * page;
        if (end > first) _ = Advise((nint)first, (nuint)(end - first), DontNeed);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start == null) return;
        _start = null;
        _view?.Dispose();
        _map?.Dispose();
    }

    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}

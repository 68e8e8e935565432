using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Weft.Tensors.Files;

/// <summary>A safetensors file that is open for reading: the list of its tensors, and their values on request.</summary>
/// <remarks>
/// Opening reads the header alone. Everything the header says is checked before memory is taken for it: lengths, offsets, shapes,
/// that the tensors tile the data section without holes or overlaps, and that no name occurs twice. Reading is by position, so
/// threads may read from one file at the same time. The file is not mapped into memory on purpose: a mapped file that somebody
/// cuts short kills the process, a read one throws.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    // A part of a tensor that is converted while it is still in the second-level cache.
    private const int ChunkBytes = 1 << 18;

    // A span of bytes holds at most 2^31 - 1 of them, and a larger tensor is read in parts of this size.
    private const int ReadBytes = 1 << 30;

    private readonly SafeFileHandle _handle;

    private SafetensorsFile(string path, SafeFileHandle handle, SafetensorsHeader header)
    {
        Path = path;
        _handle = handle;
        Entries = header.Entries;
        Metadata = header.Metadata;
    }

    /// <summary>The file, as it was named when it was opened.</summary>
    public string Path { get; }

    /// <summary>The tensors by name, in the order of their bytes in the file.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    /// <summary>The texts under <c>__metadata__</c>, empty where there are none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="WeftFileException">The file is not a safetensors file, or a damaged one.</exception>
    /// <exception cref="IOException">The file cannot be opened or read.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFileHandle handle = File.OpenHandle(path);
        try
        {
            return new SafetensorsFile(path, handle, SafetensorsHeader.Read(path, handle));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Reads all bytes of a tensor as they are stored.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="destination">Exactly <see cref="SafetensorsEntry.ByteLength"/> bytes.</param>
    /// <exception cref="ArgumentException">The destination has another length, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The file was cut short after it was opened.</exception>
    public void Read(SafetensorsEntry entry, Span<byte> destination)
    {
        CheckWhole(entry, destination.Length, entry?.ByteLength ?? 0, "bytes");
        Read(entry!, 0, destination);
    }

    /// <summary>Reads a part of a tensor's bytes as they are stored.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="firstByte">Where in the tensor the part starts.</param>
    /// <param name="destination">As many bytes as are wanted.</param>
    /// <exception cref="ArgumentException">The part is not inside the tensor, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The file was cut short after it was opened.</exception>
    public void Read(SafetensorsEntry entry, long firstByte, Span<byte> destination)
    {
        CheckOwn(entry);
        if (firstByte < 0 || destination.Length > entry.ByteLength - firstByte)
            throw new ArgumentException($"Read: {destination.Length} bytes from byte {firstByte} of {entry}, which has {entry.ByteLength} bytes.");
        SafetensorsHeader.ReadExactly(Path, _handle, entry.Offset + firstByte, destination);
    }

    /// <summary>Reads a whole tensor as single precision; floats and integers of every width are converted.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="destination">Exactly as many elements as the tensor has, row-major.</param>
    /// <exception cref="ArgumentException">The destination has another length, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The type has no such values, or the file was cut short after it was opened.</exception>
    public void ReadAsSingle(SafetensorsEntry entry, Span<float> destination)
    {
        CheckWhole(entry, destination.Length, entry?.ElementCount ?? 0, "elements");
        ReadAsSingle(entry!, 0, destination);
    }

    /// <summary>Reads a part of a tensor as single precision.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="firstElement">Where in the tensor the part starts.</param>
    /// <param name="destination">As many elements as are wanted, row-major.</param>
    /// <exception cref="ArgumentException">The part is not inside the tensor, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The type has no such values, or the file was cut short after it was opened.</exception>
    public void ReadAsSingle(SafetensorsEntry entry, long firstElement, Span<float> destination)
    {
        CheckPart(entry, destination.Length, firstElement);
        if (entry.Type == SafetensorsType.F32)
        {
            ReadWithoutConversion(entry, destination, firstElement);
            return;
        }
        int first = 0;
        using Chunks chunks = new(this, entry, firstElement, destination.Length);
        while (chunks.Next(out ReadOnlySpan<byte> bytes, out int count))
        {
            if (!ElementConversion.ToSingle(entry.Type, bytes, destination.Slice(first, count))) throw NoValue(entry, "single precision");
            first += count;
        }
    }

    /// <summary>Reads a whole tensor as double precision; floats and integers of every width are converted.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="destination">Exactly as many elements as the tensor has, row-major.</param>
    /// <exception cref="ArgumentException">The destination has another length, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The type has no such values, or the file was cut short after it was opened.</exception>
    public void ReadAsDouble(SafetensorsEntry entry, Span<double> destination)
    {
        CheckWhole(entry, destination.Length, entry?.ElementCount ?? 0, "elements");
        ReadAsDouble(entry!, 0, destination);
    }

    /// <summary>Reads a part of a tensor as double precision.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="firstElement">Where in the tensor the part starts.</param>
    /// <param name="destination">As many elements as are wanted, row-major.</param>
    /// <exception cref="ArgumentException">The part is not inside the tensor, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The type has no such values, or the file was cut short after it was opened.</exception>
    public void ReadAsDouble(SafetensorsEntry entry, long firstElement, Span<double> destination)
    {
        CheckPart(entry, destination.Length, firstElement);
        if (entry.Type == SafetensorsType.F64)
        {
            ReadWithoutConversion(entry, destination, firstElement);
            return;
        }
        int first = 0;
        using Chunks chunks = new(this, entry, firstElement, destination.Length);
        while (chunks.Next(out ReadOnlySpan<byte> bytes, out int count))
        {
            if (!ElementConversion.ToDouble(entry.Type, bytes, destination.Slice(first, count))) throw NoValue(entry, "double precision");
            first += count;
        }
    }

    /// <summary>Reads a whole tensor of integers of any width (booleans as 0 and 1), each checked to fit in 32 bits.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="destination">Exactly as many elements as the tensor has, row-major.</param>
    /// <exception cref="ArgumentException">The destination has another length, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The type is not an integer type, a value does not fit, or the file was cut short
    /// after it was opened.</exception>
    public void ReadAsInt32(SafetensorsEntry entry, Span<int> destination)
    {
        CheckWhole(entry, destination.Length, entry?.ElementCount ?? 0, "elements");
        ReadAsInt32(entry!, 0, destination);
    }

    /// <summary>Reads a part of a tensor of integers, each checked to fit in 32 bits.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="firstElement">Where in the tensor the part starts.</param>
    /// <param name="destination">As many elements as are wanted, row-major.</param>
    /// <exception cref="ArgumentException">The part is not inside the tensor, or the entry is another file's.</exception>
    /// <exception cref="WeftFileException">The type is not an integer type, a value does not fit, or the file was cut short
    /// after it was opened.</exception>
    public void ReadAsInt32(SafetensorsEntry entry, long firstElement, Span<int> destination)
    {
        CheckPart(entry, destination.Length, firstElement);
        if (!ElementConversion.IsInteger(entry.Type)) throw NoValue(entry, "32-bit integers");
        int first = 0;
        using Chunks chunks = new(this, entry, firstElement, destination.Length);
        while (chunks.Next(out ReadOnlySpan<byte> bytes, out int count))
        {
            int bad = ElementConversion.ToInt32(entry.Type, bytes, destination.Slice(first, count));
            if (bad >= 0)
            {
                long element = firstElement + first + bad;
                throw new WeftFileException(Path, entry.Offset + element * entry.Type.ByteSize(),
                    $"{entry}: element {element} does not fit in a 32-bit integer.");
            }
            first += count;
        }
    }

    private void CheckOwn(SafetensorsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!Entries.TryGetValue(entry.Name, out SafetensorsEntry? own) || !ReferenceEquals(own, entry))
            throw new ArgumentException($"{entry} is not an entry of {Path}.", nameof(entry));
    }

    private void CheckWhole(SafetensorsEntry? entry, int count, long expected, string unit)
    {
        CheckOwn(entry!);
        if (count != expected) throw new ArgumentException($"Read: a destination of {count} {unit} for {entry}, which has {expected}.");
    }

    private void CheckPart(SafetensorsEntry entry, int count, long firstElement)
    {
        CheckOwn(entry);
        if (firstElement < 0 || count > entry.ElementCount - firstElement)
            throw new ArgumentException($"Read: {count} elements from element {firstElement} of {entry}, which has {entry.ElementCount}.");
    }

    private void ReadWithoutConversion<T>(SafetensorsEntry entry, Span<T> destination, long firstElement)
        where T : unmanaged
    {
        int size = entry.Type.ByteSize();
        long offset = entry.Offset + firstElement * size;
        while (!destination.IsEmpty)
        {
            Span<T> part = destination[..Math.Min(destination.Length, ReadBytes / size)];
            SafetensorsHeader.ReadExactly(Path, _handle, offset, MemoryMarshal.AsBytes(part));
            offset += (long)part.Length * size;
            destination = destination[part.Length..];
        }
    }

    private WeftFileException NoValue(SafetensorsEntry entry, string wanted) =>
        new(Path, entry.Offset, $"{entry}: {entry.Type.FormatName()} cannot be read as {wanted}.");

    // Walks a part of a tensor in pieces that fit a borrowed buffer.
    private ref struct Chunks(SafetensorsFile file, SafetensorsEntry entry, long firstElement, int elementCount)
    {
        private readonly int _size = entry.Type.ByteSize();
        private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ChunkBytes, Math.Max(1, (long)elementCount * entry.Type.ByteSize())));
        private long _offset = entry.Offset + firstElement * entry.Type.ByteSize();
        private int _left = elementCount;

        public bool Next(out ReadOnlySpan<byte> bytes, out int count)
        {
            count = Math.Min(_left, _buffer.Length / _size);
            Span<byte> part = _buffer.AsSpan(0, count * _size);
            SafetensorsHeader.ReadExactly(file.Path, file._handle, _offset, part);
            _offset += part.Length;
            _left -= count;
            bytes = part;
            return count > 0;
        }

        public readonly void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);
    }
}

using Weft.Tensors.Quantization;

namespace Weft.Tensors.Files.Gguf;

/// <summary>A GGUF file (or all parts of a split one), mapped into memory: metadata and tensors, quantized or not.</summary>
/// <remarks>
/// Opening reads and checks the header alone; a tensor's bytes are read by the system when they are first touched. A split file
/// (<c>NAME-00001-of-00003.gguf</c>) is opened by its first part: metadata come from that part, tensors from all.
/// </remarks>
public sealed unsafe class GgufFile : IDisposable
{
    internal const int DefaultAlignment = 32;
    private const string PartNumberKey = "split.no", PartCountKey = "split.count", TensorCountKey = "split.tensors.count";

    private readonly List<MappedFile> _files = [];
    private readonly OrderedDictionary<string, GgufEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MappedFile> _fileOf = new(StringComparer.Ordinal);

    private GgufFile(string path) => Path = path;

    /// <summary>The file, as it was named when it was opened.</summary>
    public string Path { get; }

    /// <summary>The version of the format: 2 or 3.</summary>
    public int Version { get; private set; }

    /// <summary>The metadata in the order of the file.</summary>
    public IReadOnlyDictionary<string, GgufValue> Metadata { get; private set; } = new Dictionary<string, GgufValue>();

    /// <summary>The tensors by name, in the order of the file.</summary>
    public IReadOnlyDictionary<string, GgufEntry> Entries => _entries;

    /// <summary>The files that were opened: one, or the parts of a split file.</summary>
    public IReadOnlyList<string> Paths => [.. _files.Select(static f => f.Path)];

    /// <summary>The bytes of all files together.</summary>
    public long ByteLength => _files.Sum(static f => f.Length);

    /// <summary>Whether a file begins as GGUF files do.</summary>
    public static bool HasMagic(string path)
    {
        using FileStream stream = File.OpenRead(path);
        Span<byte> magic = stackalloc byte[4];
        return stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && magic.SequenceEqual("GGUF"u8);
    }

    /// <summary>Opens a file, and the other parts if it is the first of a split one.</summary>
    /// <exception cref="FileNotFoundException">The file, or a part of it, is not there.</exception>
    /// <exception cref="WeftFileException">The file breaks a rule of the format; the exception says which and where.</exception>
    public static GgufFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        GgufFile file = new(path);
        try
        {
            GgufHeader header = file.Add(path);
            (file.Version, file.Metadata) = (header.Version, header.Metadata);
            if (file.Metadata.TryGetValue(PartCountKey, out GgufValue? parts) && parts.AsInteger() is > 1 and var count) file.AddParts(path, count);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>All bytes of a tensor as they are stored; valid while the file is open.</summary>
    /// <exception cref="ArgumentException">The tensor has more than 2^31 - 1 bytes: read it by rows.</exception>
    public ReadOnlySpan<byte> Bytes(GgufEntry entry)
    {
        if (entry.ByteLength > int.MaxValue) throw new ArgumentException($"{entry} has {entry.ByteLength} bytes, more than a span holds: read it by rows.");
        return Own(entry).Span(entry.Offset, (int)entry.ByteLength);
    }

    /// <summary>Some rows of a tensor as they are stored; valid while the file is open.</summary>
    public ReadOnlySpan<byte> Rows(GgufEntry entry, long firstRow, int rowCount)
    {
        if (firstRow < 0 || rowCount < 0 || firstRow + rowCount > entry.RowCount) throw new ArgumentException($"Rows {firstRow} to {firstRow + rowCount} of {entry}, which has {entry.RowCount}.");
        return Own(entry).Span(entry.Offset + firstRow * entry.RowBytes, checked((int)(rowCount * entry.RowBytes)));
    }

    /// <summary>Reads a tensor as single precision, dequantized.</summary>
    /// <param name="entry">An entry of this file.</param>
    /// <param name="destination">Exactly as many elements as the tensor has, row-major.</param>
    /// <exception cref="ArgumentException">The destination has another length, or the entry is another file's.</exception>
    public void ReadAsSingle(GgufEntry entry, Span<float> destination)
    {
        if (destination.Length != entry.ElementCount) throw new ArgumentException($"Read: a destination of {destination.Length} elements for {entry}, which has {entry.ElementCount}.");
        ReadRowsAsSingle(entry, 0, destination);
    }

    /// <summary>Reads rows of a tensor as single precision, dequantized.</summary>
    public void ReadRowsAsSingle(GgufEntry entry, long firstRow, Span<float> destination)
    {
        int row = entry.RowLength;
        for (int at = 0; at < destination.Length; at += row, firstRow++) Dequantizer.Run(entry.Type, Rows(entry, firstRow, 1), destination.Slice(at, row));
        GC.KeepAlive(this);
    }

    /// <summary>Where a tensor's bytes lie; the memory stays while the keeper is referenced.</summary>
    internal byte* Pointer(GgufEntry entry, out MappedFile keeper)
    {
        keeper = Own(entry);
        return keeper.Start + entry.Offset;
    }

    /// <summary>Closes the files. Spans taken from them must not be used any more.</summary>
    public void Dispose()
    {
        foreach (MappedFile file in _files) file.Dispose();
    }

    private MappedFile Own(GgufEntry entry) =>
        _fileOf.TryGetValue(entry.Name, out MappedFile? file) && _entries[entry.Name] == entry ? file : throw new ArgumentException($"{entry} is not an entry of {Path}.", nameof(entry));

    private GgufHeader Add(string path)
    {
        MappedFile mapped = new(path);
        _files.Add(mapped);
        GgufHeader header = new(mapped);
        foreach (GgufEntry entry in header.Entries.Values)
        {
            if (!_entries.TryAdd(entry.Name, entry)) throw new WeftFileException(path, 0, $"the tensor '{entry.Name}' stands in another part too.", fault: FileFault.DuplicateTensor);
            _fileOf.Add(entry.Name, mapped);
        }
        return header;
    }

    // Parts are numbered from 1 in names and from 0 in metadata.
    private void AddParts(string path, long count)
    {
        const int MostParts = 99_999; // five digits
        string suffix = $"-00001-of-{count:D5}.gguf";
        if (count > MostParts || Metadata[PartNumberKey].AsInteger() != 0 || !path.EndsWith(suffix, StringComparison.Ordinal))
            throw new WeftFileException(path, 0, $"is part {(Metadata.TryGetValue(PartNumberKey, out GgufValue? own) ? own.AsInteger() + 1 : 0)} of a file split into {count}; open the first, whose name ends with -00001-of-{count:D5}.gguf.", fault: FileFault.BadValue);
        for (int number = 2; number <= count; number++)
        {
            string part = $"{path[..^suffix.Length]}-{number:D5}-of-{count:D5}.gguf";
            if (!File.Exists(part)) throw new FileNotFoundException($"{part}: part {number} of {count} is missing.", part);
            GgufHeader header = Add(part);
            if (!header.Metadata.TryGetValue(PartNumberKey, out GgufValue? declared) || declared.AsInteger() != number - 1)
                throw new WeftFileException(part, 0, $"'{PartNumberKey}' is {declared?.ToString() ?? "missing"}, but must be {number - 1}.", fault: FileFault.BadValue);
        }
        if (Metadata.TryGetValue(TensorCountKey, out GgufValue? total) && total.AsInteger() != _entries.Count)
            throw new WeftFileException(path, total.Offset, $"'{TensorCountKey}' is {total.AsInteger()}, but the parts hold {_entries.Count} tensors.", fault: FileFault.BadValue);
    }
}

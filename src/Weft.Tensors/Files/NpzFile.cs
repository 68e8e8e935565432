using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Weft.Tensors.Files;

/// <summary>Arrays that NumPy saved: an <c>.npz</c> (a zip file with one <c>.npy</c> for each) or a single <c>.npy</c>, open for reading.</summary>
/// <remarks>
/// An <c>.npy</c> file is a magic word, a header in the form of a Python dictionary (<c>{'descr': '&lt;f4', 'fortran_order': False,
/// 'shape': (2, 3), }</c>) and the elements. Arrays of Python objects would be pickles and are refused.
/// </remarks>
public sealed class NpzFile : CheckpointFile
{
    // NumPy itself reads no longer headers without being told to.
    private const int MaximumHeaderBytes = 10_000;

    // What Deflate can pack at most is 1,032 to 1; an entry that claims more is a lie.
    private const long MaximumPacking = 1032;

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly ZipArchive? _zip;
    private readonly Dictionary<string, CheckpointEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Layout> _layouts = new(StringComparer.Ordinal);

    private NpzFile(string path, FileStream stream, ZipArchive? zip) => (_path, _stream, _zip) = (path, stream, zip);

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, CheckpointEntry> Entries => _entries;

    /// <summary>Opens a file and reads the headers of its arrays.</summary>
    /// <exception cref="WeftFileException">The file is damaged, or holds what is refused.</exception>
    public static new NpzFile Open(string path)
    {
        FileStream stream = File.OpenRead(path);
        try
        {
            Span<byte> magic = stackalloc byte[2];
            bool zipped = stream.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic.SequenceEqual("PK"u8);
            stream.Position = 0;
            NpzFile file = new(path, stream, zipped ? new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true) : null);
            if (file._zip is null) file.Add(System.IO.Path.GetFileNameWithoutExtension(path), "", stream, stream.Length);
            else
            {
                foreach (ZipArchiveEntry entry in file._zip.Entries)
                {
                    if (!entry.FullName.EndsWith(".npy", StringComparison.Ordinal)) continue;
                    if (entry.Length / MaximumPacking > entry.CompressedLength + 1) throw new WeftFileException(path, 0, $"{entry.FullName} claims {entry.Length} bytes from {entry.CompressedLength}.");
                    using Stream data = entry.Open();
                    file.Add(entry.FullName[..^".npy".Length], entry.FullName, data, entry.Length);
                }
            }
            return file;
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            stream.Dispose();
            throw new WeftFileException(path, 0, $"The file is damaged: {exception.Message}", exception);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void ReadAsSingle(CheckpointEntry entry, Span<float> destination)
    {
        CheckLength(entry, destination.Length);
        if (!ElementConversion.ToSingle(_layouts[entry.Name].Type, Bytes(entry), destination)) throw new WeftFileException(_path, 0, $"{entry} holds no real numbers.");
    }

    /// <inheritdoc/>
    public override void ReadAsDouble(CheckpointEntry entry, Span<double> destination)
    {
        CheckLength(entry, destination.Length);
        if (!ElementConversion.ToDouble(_layouts[entry.Name].Type, Bytes(entry), destination)) throw new WeftFileException(_path, 0, $"{entry} holds no real numbers.");
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _zip?.Dispose();
        _stream.Dispose();
    }

    private byte[] Bytes(CheckpointEntry entry)
    {
        Layout layout = _layouts[entry.Name];
        try
        {
            if (_zip is null)
            {
                _stream.Position = layout.DataStart;
                return layout.Elements.Gather(_stream, layout.Type.ByteSize());
            }
            using Stream data = _zip.GetEntry(layout.ZipName)!.Open();
            data.ReadExactly(new byte[layout.DataStart]);
            return layout.Elements.Gather(data, layout.Type.ByteSize());
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            throw new WeftFileException(_path, 0, $"{entry} is damaged: {exception.Message}", exception);
        }
    }

    private void Add(string name, string zipName, Stream stream, long length)
    {
        Span<byte> start = stackalloc byte[12];
        stream.ReadExactly(start[..8]);
        if (start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8)) throw Damaged(name, "it does not begin with NumPy's magic word");
        int version = start[6], lengthBytes = version == 1 ? 2 : 4;
        if (version is < 1 or > 3) throw Damaged(name, $"its format version is {version}");
        stream.ReadExactly(start.Slice(8, lengthBytes));
        long headerBytes = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (headerBytes > MaximumHeaderBytes) throw Damaged(name, $"its header has {headerBytes} bytes, over the cap of {MaximumHeaderBytes}");
        byte[] header = new byte[headerBytes];
        stream.ReadExactly(header);
        string text = Encoding.UTF8.GetString(header);

        string descr = Quoted(text, "descr") ?? throw Damaged(name, "its header has no 'descr' that is a text");
        bool fortran = Word(text, "fortran_order") switch { "True" => true, "False" => false, _ => throw Damaged(name, "its header has no 'fortran_order'") };
        int[] shape = ShapeOf(text) ?? throw Damaged(name, "its header has no 'shape'");
        SafetensorsType type = ElementType(descr) ?? throw new WeftFileException(_path, 0, $"the array '{name}' has the element type '{descr}', which is not read.");

        long[] strides = new long[shape.Length];
        long step = 1;
        for (int i = 0; i < shape.Length; i++)
        {
            int d = fortran ? i : shape.Length - 1 - i;
            strides[d] = step;
            if (shape[d] != 0 && step > long.MaxValue / shape[d]) throw Damaged(name, "its shape is too large");
            step *= shape[d];
        }
        long dataStart = 8 + lengthBytes + headerBytes, stored = (length - dataStart) / type.ByteSize();
        StridedElements elements = StridedElements.Create(0, shape, strides, stored, out string reason) ?? throw Damaged(name, reason);
        _layouts[name] = new Layout(zipName, type, dataStart, elements);
        _entries[name] = new CheckpointEntry(name, shape, type.FormatName(), 0);
    }

    private static string? Quoted(string header, string key)
    {
        string? rest = After(header, key);
        if (rest is null || rest.Length == 0 || rest[0] is not ('\'' or '"')) return null;
        int end = rest.IndexOf(rest[0], 1);
        return end < 0 ? null : rest[1..end];
    }

    private static string? Word(string header, string key) => After(header, key) is { } rest ? new string([.. rest.TakeWhile(char.IsAsciiLetter)]) : null;

    private static int[]? ShapeOf(string header)
    {
        if (After(header, "shape") is not { } rest || !rest.StartsWith('(')) return null;
        int end = rest.IndexOf(')', StringComparison.Ordinal);
        if (end < 0) return null;
        List<int> sizes = [];
        foreach (string part in rest[1..end].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int size)) return null;
            sizes.Add(size);
        }
        return [.. sizes];
    }

    private static string? After(string header, string key)
    {
        int at = Math.Max(header.IndexOf($"'{key}'", StringComparison.Ordinal), header.IndexOf($"\"{key}\"", StringComparison.Ordinal));
        int colon = at < 0 ? -1 : header.IndexOf(':', at);
        return colon < 0 ? null : header[(colon + 1)..].TrimStart();
    }

    private static SafetensorsType? ElementType(string descr) => descr switch
    {
        "<f8" => SafetensorsType.F64, "<f4" => SafetensorsType.F32, "<f2" => SafetensorsType.F16,
        "<i8" => SafetensorsType.I64, "<i4" => SafetensorsType.I32, "<i2" => SafetensorsType.I16, "|i1" or "<i1" => SafetensorsType.I8,
        "<u8" => SafetensorsType.U64, "<u4" => SafetensorsType.U32, "<u2" => SafetensorsType.U16, "|u1" or "<u1" => SafetensorsType.U8,
        "|b1" or "<b1" => SafetensorsType.Bool,
        _ => null,
    };

    private WeftFileException Damaged(string name, string why) => new(_path, 0, $"the array '{name}' is damaged: {why}.");

    private sealed record Layout(string ZipName, SafetensorsType Type, long DataStart, StridedElements Elements);
}

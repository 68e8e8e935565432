using System.Buffers.Binary;
using System.IO.Compression;
using System.Numerics;
using System.Text;

namespace Weft.Tensors.Files;

/// <summary>A PyTorch checkpoint (<c>.bin</c>, <c>.pt</c>, <c>.pth</c>) that is open for reading, without running anything that it contains.</summary>
/// <remarks>
/// Since PyTorch 1.6 a checkpoint is a zip file with a pickle that describes the tensors and one stored entry of raw bytes for each
/// storage; before, it was five pickles and the raw bytes one after the other. Both are read. The pickle may name what describes
/// tensors and dictionaries and nothing else; any other name is refused by that name. Tensors in nested dictionaries get the names of
/// the way to them, joined by dots; other values are ignored.
/// </remarks>
public sealed class TorchFile : CheckpointFile
{
    // The largest published pickles have some hundred kilobytes.
    private const long MaximumPickleBytes = 1 << 28;

    // What the older layout begins with: a pickled integer, named in torch/serialization.py.
    private static readonly BigInteger s_legacyMagic = BigInteger.Parse("119547037146038801333356");

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly ZipArchive? _zip;
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CheckpointEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Storage> _storages = new(StringComparer.Ordinal);
    private string _root = "";

    private TorchFile(string path, FileStream stream, ZipArchive? zip) => (_path, _stream, _zip) = (path, stream, zip);

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, CheckpointEntry> Entries => _entries;

    /// <summary>Opens a checkpoint and reads the description of its tensors.</summary>
    /// <exception cref="WeftFileException">The file is damaged, or names something that is refused.</exception>
    public static new TorchFile Open(string path)
    {
        FileStream stream = File.OpenRead(path);
        TorchFile? file = null;
        try
        {
            Span<byte> magic = stackalloc byte[4];
            bool zipped = stream.ReadAtLeast(magic, 4, throwOnEndOfStream: false) == 4 && magic.SequenceEqual("PK\u0003\u0004"u8);
            stream.Position = 0;
            file = new TorchFile(path, stream, zipped ? new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true) : null);
            if (zipped) file.ReadZip();
            else file.ReadLegacy();
            return file;
        }
        catch (InvalidDataException exception)
        {
            file?.Dispose();
            stream.Dispose();
            throw new WeftFileException(path, 0, $"The zip container is damaged: {exception.Message}", exception);
        }
        catch
        {
            file?.Dispose();
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void ReadAsSingle(CheckpointEntry entry, Span<float> destination)
    {
        CheckLength(entry, destination.Length);
        Tensor tensor = _tensors[entry.Name];
        if (!ElementConversion.ToSingle(tensor.Storage.Type, Bytes(tensor), destination)) throw NoNumbers(entry);
    }

    /// <inheritdoc/>
    public override void ReadAsDouble(CheckpointEntry entry, Span<double> destination)
    {
        CheckLength(entry, destination.Length);
        Tensor tensor = _tensors[entry.Name];
        if (!ElementConversion.ToDouble(tensor.Storage.Type, Bytes(tensor), destination)) throw NoNumbers(entry);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _zip?.Dispose();
        _stream.Dispose();
    }

    private void ReadZip()
    {
        ZipArchiveEntry pickle = _zip!.Entries.FirstOrDefault(static e => e.FullName.EndsWith("/data.pkl", StringComparison.Ordinal) || e.FullName == "data.pkl")
            ?? throw new WeftFileException(_path, 0, "The zip container has no data.pkl, so it is no PyTorch checkpoint.");
        _root = pickle.FullName[..^"data.pkl".Length];
        if (_zip.GetEntry(_root + "byteorder") is { Length: < 16 } order)
        {
            using StreamReader reader = new(order.Open());
            if (reader.ReadToEnd() is var text && text != "little") throw new WeftFileException(_path, 0, $"The byte order is '{text}'; only little is read.");
        }
        if (pickle.Length > MaximumPickleBytes || pickle.CompressedLength != pickle.Length) throw new WeftFileException(_path, 0, $"data.pkl has {pickle.Length} bytes or is compressed, which PyTorch never does.");
        using Stream data = new BufferedStream(pickle.Open());
        Flatten(new PickleReader(data, pickle.Length, _path, 0, Call, LoadStorage).Read());
    }

    private void ReadLegacy()
    {
        PickleReader reader = new(_stream, _stream.Length, _path, 0, Call, LoadStorage);
        if (reader.Read() is not BigInteger magic || magic != s_legacyMagic) throw new WeftFileException(_path, 0, "is neither a zip container nor an older PyTorch checkpoint.");
        if (reader.Read() is not 1001L) throw new WeftFileException(_path, reader.Position, "the older layout's version is not 1001.");
        if (reader.Read() is Dictionary<object, object?> system && system.TryGetValue("little_endian", out object? little) && little is false)
            throw new WeftFileException(_path, reader.Position, "The byte order is big; only little is read.");
        object? root = reader.Read();
        if (reader.Read() is not List<object?> keys) throw new WeftFileException(_path, reader.Position, "the list of storages is missing.");
        long at = reader.Position;
        Span<byte> count = stackalloc byte[8];
        foreach (object? key in keys)
        {
            if (key is not string name || !_storages.TryGetValue(name, out Storage? storage)) throw new WeftFileException(_path, at, $"the storage '{key}' belongs to no tensor.");
            _stream.Position = at;
            if (_stream.ReadAtLeast(count, 8, throwOnEndOfStream: false) < 8 || BinaryPrimitives.ReadInt64LittleEndian(count) != storage.Count) throw new WeftFileException(_path, at, $"the storage '{key}' has another size than its tensors say.");
            storage.Offset = at + 8;
            long bytes = storage.Count * storage.Type.ByteSize();
            if (bytes > _stream.Length - storage.Offset) throw new WeftFileException(_path, at, $"the storage '{key}' has {bytes} bytes, but the file ends before.");
            at = storage.Offset + bytes;
        }
        if (_storages.Values.FirstOrDefault(static s => s.Offset < 0) is { } missing) throw new WeftFileException(_path, at, $"the storage '{missing.Key}' is missing.");
        Flatten(root);
    }

    // The whole list of what a checkpoint may call. None of it runs: each is an instruction to note sizes.
    private object? Call(PickleName function, object?[] arguments, long at)
    {
        switch (function.ToString())
        {
            case "collections.OrderedDict": return new Dictionary<object, object?>();
            case "torch._utils._rebuild_tensor" or "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor_v3": return Rebuild(arguments, at);
            case "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state" when arguments.Length > 0: return arguments[0];
            case "torch._tensor._rebuild_from_type_v2" when arguments is [PickleName inner, _, object?[] state, ..]: return Call(inner, state, at);
            case "torch.Size" or "builtins.tuple" or "builtins.list" when arguments is [var items]: return items;
            case "builtins.set" when arguments is [var items]: return items;
            case "torch.device" or "torch.serialization._get_layout" or "_codecs.encode": return null;
            default: throw new WeftFileException(_path, at, $"the pickle wants to call {function}, which no table of tensors needs; it is refused and nothing was run.");
        }
    }

    private object? LoadStorage(object? identity, long at)
    {
        if (identity is not object?[] { Length: >= 5 } parts || parts[0] is not "storage" || parts[1] is not PickleName type || parts[2] is not string key || parts[4] is not long count || count < 0)
            throw new WeftFileException(_path, at, "a storage is not described as PyTorch does it.");
        if (parts is [_, _, _, _, _, not null, ..]) throw new WeftFileException(_path, at, $"the storage '{key}' is a view of another one, which is not read.");
        SafetensorsType element = type.Module is "torch" or "torch.storage" ? ElementType(type.Name) ?? throw Refused(type, at) : throw Refused(type, at);
        if (_storages.TryGetValue(key, out Storage? known)) return known.Type == element ? known : throw new WeftFileException(_path, at, $"the storage '{key}' has two types.");
        Storage storage = new(key, element, count);
        if (_zip is not null)
        {
            ZipArchiveEntry entry = _zip.GetEntry($"{_root}data/{key}") ?? throw new WeftFileException(_path, at, $"the storage '{key}' is missing.");
            if (entry.CompressedLength != entry.Length) throw new WeftFileException(_path, at, $"the storage '{key}' is compressed, which PyTorch never does.");
            // A storage without a type is counted in bytes.
            if (count > long.MaxValue / element.ByteSize() || entry.Length < count * element.ByteSize()) throw new WeftFileException(_path, at, $"the storage '{key}' should hold {count} {element.FormatName()}, but has {entry.Length} bytes.");
            storage.Offset = 0;
        }
        _storages.Add(key, storage);
        return storage;
    }

    private Tensor Rebuild(object?[] arguments, long at)
    {
        if (arguments.Length < 4 || arguments[0] is not Storage storage || arguments[1] is not long first || arguments[2] is not object?[] sizes || arguments[3] is not object?[] strides)
            throw new WeftFileException(_path, at, "a tensor is not described as PyTorch does it.");
        if (arguments is [_, _, _, _, _, _, PickleName dtype, ..])
        {
            SafetensorsType type = ElementType(dtype.Name) ?? throw Refused(dtype, at);
            storage = new Storage(storage.Key, type, storage.Count / type.ByteSize()) { Offset = storage.Offset };
        }
        int[] shape = Array.ConvertAll(sizes, size => size is long n and >= 0 and <= int.MaxValue ? (int)n : throw new WeftFileException(_path, at, $"a tensor has the size {size}."));
        long[] steps = Array.ConvertAll(strides, stride => stride is long n ? n : throw new WeftFileException(_path, at, $"a tensor has the stride {stride}."));
        StridedElements elements = StridedElements.Create(first, shape, steps, storage.Count, out string reason) ?? throw new WeftFileException(_path, at, $"a tensor does not fit its storage: {reason}.");
        return new Tensor(storage, shape, elements);
    }

    // Each dictionary is entered once, so that one which holds itself, or a thousand times the same, costs nothing.
    private void Flatten(object? root)
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        Stack<(string Prefix, Dictionary<object, object?> Items)> open = [];
        if (root is Dictionary<object, object?> top) open.Push(("", top));
        else throw new WeftFileException(_path, 0, "holds no dictionary of tensors.");
        while (open.TryPop(out (string Prefix, Dictionary<object, object?> Items) next))
        {
            if (!seen.Add(next.Items)) continue;
            foreach ((object key, object? value) in next.Items)
            {
                string name = next.Prefix + key;
                if (value is Dictionary<object, object?> inner) open.Push((name + ".", inner));
                if (value is not Tensor tensor || !_tensors.TryAdd(name, tensor)) continue;
                _entries.Add(name, new CheckpointEntry(name, tensor.Shape, tensor.Storage.Type.FormatName(), Math.Max(0, tensor.Storage.Offset)));
            }
        }
    }

    private byte[] Bytes(Tensor tensor)
    {
        int size = tensor.Storage.Type.ByteSize();
        try
        {
            if (_zip is null)
            {
                _stream.Position = tensor.Storage.Offset;
                return tensor.Elements.Gather(_stream, size);
            }
            using Stream storage = _zip.GetEntry($"{_root}data/{tensor.Storage.Key}")!.Open();
            return tensor.Elements.Gather(storage, size);
        }
        catch (Exception exception) when (exception is EndOfStreamException or InvalidDataException)
        {
            throw new WeftFileException(_path, 0, $"the storage '{tensor.Storage.Key}' ends too early.", exception);
        }
    }

    private static SafetensorsType? ElementType(string name) => name switch
    {
        "FloatStorage" or "float32" or "float" => SafetensorsType.F32,
        "DoubleStorage" or "float64" or "double" => SafetensorsType.F64,
        "HalfStorage" or "float16" or "half" => SafetensorsType.F16,
        "BFloat16Storage" or "bfloat16" => SafetensorsType.BF16,
        "LongStorage" or "int64" or "long" => SafetensorsType.I64,
        "IntStorage" or "int32" or "int" => SafetensorsType.I32,
        "ShortStorage" or "int16" or "short" => SafetensorsType.I16,
        "CharStorage" or "int8" => SafetensorsType.I8,
        "ByteStorage" or "uint8" or "UntypedStorage" => SafetensorsType.U8,
        "BoolStorage" or "bool" => SafetensorsType.Bool,
        "uint16" => SafetensorsType.U16,
        "uint32" => SafetensorsType.U32,
        "uint64" => SafetensorsType.U64,
        "float8_e4m3fn" => SafetensorsType.F8E4M3,
        "float8_e5m2" => SafetensorsType.F8E5M2,
        _ => null,
    };

    private WeftFileException Refused(PickleName type, long at) => new(_path, at, $"the element type {type} is not known.");

    private WeftFileException NoNumbers(CheckpointEntry entry) => new(_path, entry.Offset, $"{entry} holds no real numbers.");

    private sealed class Storage(string key, SafetensorsType type, long count)
    {
        internal string Key => key;

        internal SafetensorsType Type => type;

        internal long Count => count;

        internal long Offset { get; set; } = -1;
    }

    private sealed record Tensor(Storage Storage, int[] Shape, StridedElements Elements);
}

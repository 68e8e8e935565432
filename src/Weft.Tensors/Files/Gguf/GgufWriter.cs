using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Weft.Tensors.Quantization;

namespace Weft.Tensors.Files.Gguf;

/// <summary>Writes GGUF files, version 3: metadata and tensors are declared first, the tensors' bytes streamed when the file is saved.</summary>
/// <remarks>Tensors keep the order in which they were added, each at a multiple of 32 bytes, the last padded too, as ggml demands. Equal content gives equal bytes.</remarks>
public sealed class GgufWriter
{
    private const int Version = 3, Alignment = GgufFile.DefaultAlignment;

    private readonly OrderedDictionary<string, byte[]> _metadata = new(StringComparer.Ordinal); // type and value
    private readonly OrderedDictionary<string, Declaration> _tensors = new(StringComparer.Ordinal);

    private sealed record Declaration(string Name, GgufType Type, int[] Shape, long ByteLength, Action<Stream> Write);

    /// <summary>Whether a key was set.</summary>
    public bool Has(string key) => _metadata.ContainsKey(key);

    /// <summary>Sets a text.</summary>
    public void Set(string key, string value) => SetRaw(key, GgufValueType.Text, Text(value));

    /// <summary>Sets a 32-bit unsigned number, the format's usual type for sizes and ids.</summary>
    public void Set(string key, uint value) => SetRaw(key, GgufValueType.U32, Bytes(value));

    /// <summary>Sets a single.</summary>
    public void Set(string key, float value) => SetRaw(key, GgufValueType.F32, Bytes(value));

    /// <summary>Sets a truth value.</summary>
    public void Set(string key, bool value) => SetRaw(key, GgufValueType.Bool, [value ? (byte)1 : (byte)0]);

    /// <summary>Sets an array of texts.</summary>
    public void Set(string key, IReadOnlyList<string> values)
    {
        using MemoryStream stream = new();
        foreach (string value in values) stream.Write(Text(value));
        SetArray(key, GgufValueType.Text, values.Count, stream.ToArray());
    }

    /// <summary>Sets an array of 32-bit signed numbers.</summary>
    public void Set(string key, ReadOnlySpan<int> values) => SetArray(key, GgufValueType.I32, values.Length, MemoryMarshal.AsBytes(values));

    /// <summary>Sets an array of singles.</summary>
    public void Set(string key, ReadOnlySpan<float> values) => SetArray(key, GgufValueType.F32, values.Length, MemoryMarshal.AsBytes(values));

    /// <summary>Copies a value of another file as it stands there.</summary>
    public void Set(string key, GgufValue value)
    {
        if (value.Type == GgufValueType.Array) SetArray(key, value.ElementType, value.Count, value.RawBytes);
        else SetRaw(key, value.Type, value.RawBytes);
        GC.KeepAlive(value);
    }

    /// <summary>Forgets a key.</summary>
    public void Remove(string key) => _metadata.Remove(key);

    /// <summary>Declares a tensor whose bytes come from a delegate.</summary>
    /// <param name="name">The tensor's name, not used before.</param>
    /// <param name="type">How its elements are stored.</param>
    /// <param name="shape">The dimensions, outermost first, 1 to 4 of them; the last fills whole blocks.</param>
    /// <param name="write">Writes exactly the tensor's bytes. Called once for each save.</param>
    /// <exception cref="ArgumentException">The name is taken, or the shape does not fit the type.</exception>
    public void Add(string name, GgufType type, ReadOnlySpan<int> shape, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (shape.Length is 0 or > 4 || shape[^1] % type.BlockValues() != 0)
            throw new ArgumentException($"{name}: the shape [{string.Join(", ", shape.ToArray())}] does not fit {type}: 1 to 4 dimensions, the last a multiple of {type.BlockValues()}.", nameof(shape));
        long elements = 1;
        foreach (int size in shape) elements = checked(elements * size);
        if (!_tensors.TryAdd(name, new Declaration(name, type, shape.ToArray(), type.ByteLength(elements), write))) throw new ArgumentException($"A tensor {name} was added before.", nameof(name));
    }

    /// <summary>Writes one file, beside the target first and then renamed over it.</summary>
    /// <exception cref="IOException">The file could not be written; an older one is untouched.</exception>
    public void Save(string path) => Save(path, _metadata, _tensors.Values);

    /// <summary>Writes one file if everything fits, else numbered parts <c>STEM-00001-of-0000N.gguf</c>.</summary>
    /// <param name="path">The file's name; parts get their numbers before the extension.</param>
    /// <param name="maximumFileBytes">How many bytes of tensors a part holds at most; a single larger tensor gets its own.</param>
    /// <returns>The files that were written.</returns>
    public IReadOnlyList<string> SaveSplit(string path, long maximumFileBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumFileBytes);
        List<List<Declaration>> parts = [[]];
        long bytes = 0;
        foreach (Declaration tensor in _tensors.Values)
        {
            if (bytes + tensor.ByteLength > maximumFileBytes && parts[^1].Count > 0)
            {
                parts.Add([]);
                bytes = 0;
            }
            parts[^1].Add(tensor);
            bytes += tensor.ByteLength;
        }
        if (parts.Count == 1)
        {
            Save(path);
            return [path];
        }
        string stem = path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? path[..^5] : path;
        List<string> names = [];
        for (int i = 0; i < parts.Count; i++)
        {
            OrderedDictionary<string, byte[]> metadata = new(i == 0 ? _metadata : [], StringComparer.Ordinal)
            {
                ["split.no"] = [.. Bytes((uint)GgufValueType.U16), .. Bytes((ushort)i)],
                ["split.count"] = [.. Bytes((uint)GgufValueType.U16), .. Bytes((ushort)parts.Count)],
                ["split.tensors.count"] = [.. Bytes((uint)GgufValueType.I32), .. Bytes(_tensors.Count)],
            };
            names.Add($"{stem}-{i + 1:D5}-of-{parts.Count:D5}.gguf");
            Save(names[^1], metadata, parts[i]);
        }
        return names;
    }

    private static void Save(string path, OrderedDictionary<string, byte[]> metadata, IReadOnlyCollection<Declaration> tensors) => AtomicFile.Write(path, stream =>
    {
        stream.Write("GGUF"u8);
        stream.Write(Bytes((uint)Version));
        stream.Write(Bytes((ulong)tensors.Count));
        stream.Write(Bytes((ulong)metadata.Count));
        foreach ((string key, byte[] value) in metadata)
        {
            stream.Write(Text(key));
            stream.Write(value);
        }
        long offset = 0;
        foreach (Declaration tensor in tensors)
        {
            stream.Write(Text(tensor.Name));
            stream.Write(Bytes((uint)tensor.Shape.Length));
            for (int d = tensor.Shape.Length - 1; d >= 0; d--) stream.Write(Bytes((ulong)tensor.Shape[d]));
            stream.Write(Bytes((uint)tensor.Type));
            stream.Write(Bytes((ulong)offset));
            offset += Padded(tensor.ByteLength);
        }
        Pad(stream);
        foreach (Declaration tensor in tensors)
        {
            long start = stream.Position;
            tensor.Write(stream);
            if (stream.Position - start != tensor.ByteLength) throw new InvalidOperationException($"{tensor.Name}: {stream.Position - start} bytes were written, its shape has {tensor.ByteLength}.");
            Pad(stream);
        }
    });

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(Stream stream)
    {
        Span<byte> zeros = stackalloc byte[Alignment];
        zeros.Clear();
        stream.Write(zeros[..(int)(Padded(stream.Position) - stream.Position)]);
    }

    private void SetRaw(string key, GgufValueType type, ReadOnlySpan<byte> value) => _metadata[key] = [.. Bytes((uint)type), .. value];

    private void SetArray(string key, GgufValueType element, long count, ReadOnlySpan<byte> value) =>
        _metadata[key] = [.. Bytes((uint)GgufValueType.Array), .. Bytes((uint)element), .. Bytes((ulong)count), .. value];

    private static byte[] Text(string value)
    {
        byte[] text = Encoding.UTF8.GetBytes(value);
        return [.. Bytes((ulong)text.Length), .. text];
    }

    private static byte[] Bytes<T>(T value) where T : unmanaged
    {
        byte[] bytes = new byte[Unsafe.SizeOf<T>()];
        MemoryMarshal.Write(bytes, value);
        return bytes;
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Weft.Tensors.Files;

/// <summary>Writes safetensors files: tensors are declared first and their values streamed when the file is saved.</summary>
/// <remarks>
/// Nothing is copied before <see cref="Save(string)"/>, so a model in memory is not there twice. In the file larger elements come before
/// smaller ones, so that every tensor starts at a multiple of its element size (as in the reference implementation); tensors of
/// one size keep the order in which they were added. Equal tensors give equal bytes.
/// </remarks>
public sealed class SafetensorsWriter
{
    private const int HeaderAlignment = 8;
    private const int ChunkElements = 1 << 15;

    private readonly OrderedDictionary<string, Declaration> _declarations = new(StringComparer.Ordinal);

    private sealed record Declaration(string Name, SafetensorsType Type, int[] Shape, long ByteLength, Action<Stream> Write);

    /// <summary>The texts under <c>__metadata__</c>. Starts as <c>format: pt</c>, without which transformers refuses the file.</summary>
    public IDictionary<string, string> Metadata { get; } = new OrderedDictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" };

    /// <summary>Declares a tensor whose bytes come from a delegate.</summary>
    /// <param name="name">The tensor's name, not used before.</param>
    /// <param name="type">The element type.</param>
    /// <param name="shape">The dimensions, outermost first.</param>
    /// <param name="write">Writes exactly the tensor's bytes, row-major and little-endian. Called once for each save.</param>
    /// <exception cref="ArgumentException">The name is taken or reserved, or a dimension is negative.</exception>
    public void Add(string name, SafetensorsType type, ReadOnlySpan<int> shape, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(write);
        if (name == "__metadata__") throw new ArgumentException("__metadata__ is not a tensor's name.", nameof(name));
        long bytes = type.ByteSize();
        foreach (int size in shape)
        {
            if (size < 0) throw new ArgumentException($"{name}: the size {size} is negative.", nameof(shape));
            bytes = checked(bytes * size);
        }
        if (!_declarations.TryAdd(name, new Declaration(name, type, shape.ToArray(), bytes, write)))
            throw new ArgumentException($"A tensor {name} was added before.", nameof(name));
    }

    /// <summary>Declares a tensor of singles, stored as they are or rounded to nearest with ties to even.</summary>
    /// <param name="name">The tensor's name, not used before.</param>
    /// <param name="shape">The dimensions, outermost first.</param>
    /// <param name="values">The elements, row-major; read when the file is saved.</param>
    /// <param name="type">F32, F64, F16 or BF16.</param>
    /// <exception cref="ArgumentException">The shape does not have as many elements as there are values, or as for <see cref="Add"/>.</exception>
    public void AddSingles(string name, ReadOnlySpan<int> shape, ReadOnlyMemory<float> values, SafetensorsType type = SafetensorsType.F32)
    {
        if (type is not (SafetensorsType.F32 or SafetensorsType.F64 or SafetensorsType.F16 or SafetensorsType.BF16))
            throw new ArgumentException($"Singles are written as F32, F64, F16 or BF16, not as {type.FormatName()}.", nameof(type));
        CheckCount(name, shape, values.Length);
        Add(name, type, shape, stream => WriteSingles(stream, values.Span, type));
    }

    /// <summary>Declares a tensor of elements that are stored as they lie in memory.</summary>
    /// <param name="name">The tensor's name, not used before.</param>
    /// <param name="type">The element type, as wide as <typeparamref name="T"/>.</param>
    /// <param name="shape">The dimensions, outermost first.</param>
    /// <param name="values">The elements, row-major; read when the file is saved.</param>
    /// <exception cref="ArgumentException">The shape does not have as many elements as there are values, or as for <see cref="Add"/>.</exception>
    public void AddValues<T>(string name, SafetensorsType type, ReadOnlySpan<int> shape, ReadOnlyMemory<T> values)
        where T : unmanaged
    {
        CheckCount(name, shape, values.Length);
        if (System.Runtime.CompilerServices.Unsafe.SizeOf<T>() != type.ByteSize())
            throw new ArgumentException($"{name}: {typeof(T).Name} is not as wide as {type.FormatName()}.", nameof(type));
        Add(name, type, shape, stream =>
        {
            // In parts, because a span holds at most 2^31 - 1 bytes.
            ReadOnlySpan<T> left = values.Span;
            while (!left.IsEmpty)
            {
                int count = Math.Min(left.Length, 1 << 20);
                stream.Write(MemoryMarshal.AsBytes(left[..count]));
                left = left[count..];
            }
        });
    }

    /// <summary>Writes singles in a stored type, rounded to nearest with ties to even: for delegates given to <see cref="Add"/>.</summary>
    /// <exception cref="ArgumentException">The type is not F32, F64, F16 or BF16.</exception>
    public static void WriteSingles(Stream stream, ReadOnlySpan<float> values, SafetensorsType type)
    {
        ArgumentNullException.ThrowIfNull(stream);
        int size = type.ByteSize();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Min(values.Length, ChunkElements) * size);
        try
        {
            while (!values.IsEmpty)
            {
                int count = Math.Min(values.Length, ChunkElements);
                Span<byte> bytes = buffer.AsSpan(0, count * size);
                ElementConversion.FromSingle(type, values[..count], bytes);
                stream.Write(bytes);
                values = values[count..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes one file with all declared tensors, beside the target first and then renamed over it.</summary>
    /// <exception cref="IOException">The file could not be written; an older one is untouched.</exception>
    public void Save(string path) => Save(path, [.. _declarations.Values]);

    /// <summary>Writes a model directory's weights: one file if they fit, else numbered files and their index.</summary>
    /// <param name="directory">An existing folder.</param>
    /// <param name="maximumFileBytes">How many bytes of tensors one file holds at most; a single larger tensor gets its own.</param>
    /// <param name="stem">The name before <c>.safetensors</c>.</param>
    /// <returns>The names of the files that were written, the index last.</returns>
    /// <remarks>The index is written after the files that it names, so that a crash leaves an older index or none. What an earlier save left under
    /// the other layout's names is removed at the end.</remarks>
    /// <exception cref="IOException">A file could not be written.</exception>
    public IReadOnlyList<string> SaveSharded(string directory, long maximumFileBytes = 5_000_000_000, string stem = "model")
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumFileBytes);
        List<List<Declaration>> shards = [[]];
        long bytes = 0;
        foreach (Declaration declaration in _declarations.Values)
        {
            if (bytes + declaration.ByteLength > maximumFileBytes && shards[^1].Count > 0)
            {
                shards.Add([]);
                bytes = 0;
            }
            shards[^1].Add(declaration);
            bytes += declaration.ByteLength;
        }

        string single = stem + ".safetensors", index = single + ".index.json";
        if (shards.Count == 1)
        {
            Save(Path.Combine(directory, single), shards[0]);
            File.Delete(Path.Combine(directory, index));
            return [single];
        }

        string[] names = [.. Enumerable.Range(1, shards.Count).Select(number => $"{stem}-{number:D5}-of-{shards.Count:D5}.safetensors")];
        for (int i = 0; i < names.Length; i++) Save(Path.Combine(directory, names[i]), shards[i]);
        AtomicFile.Write(Path.Combine(directory, index), stream => WriteIndex(stream, shards, names));
        File.Delete(Path.Combine(directory, single)); // It would win over the index.
        return [.. names, index];
    }

    private void Save(string path, IReadOnlyList<Declaration> declarations)
    {
        Declaration[] ordered = [.. declarations.OrderByDescending(d => d.Type.ByteSize())];
        AtomicFile.Write(path, stream =>
        {
            byte[] header = Header(ordered);
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (Declaration declaration in ordered)
            {
                long start = stream.Position;
                declaration.Write(stream);
                long written = stream.Position - start;
                if (written != declaration.ByteLength)
                    throw new InvalidOperationException($"{declaration.Name}: {written} bytes were written, its shape has {declaration.ByteLength}.");
            }
        });
    }

    private byte[] Header(Declaration[] declarations)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            if (Metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in Metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long begin = 0;
            foreach (Declaration declaration in declarations)
            {
                json.WriteStartObject(declaration.Name);
                json.WriteString("dtype", declaration.Type.FormatName());
                json.WriteStartArray("shape");
                foreach (int size in declaration.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(begin);
                json.WriteNumberValue(begin += declaration.ByteLength);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        int padding = -buffer.WrittenCount & (HeaderAlignment - 1);
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteIndex(Stream stream, List<List<Declaration>> shards, string[] names)
    {
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", shards.Sum(shard => shard.Sum(d => d.ByteLength)));
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        for (int i = 0; i < names.Length; i++)
            foreach (Declaration declaration in shards[i]) json.WriteString(declaration.Name, names[i]);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void CheckCount(string name, ReadOnlySpan<int> shape, int count)
    {
        long product = 1;
        foreach (int size in shape) product = checked(product * size);
        if (product != count) throw new ArgumentException($"{name}: shape [{string.Join(", ", shape.ToArray())}] has {product} elements, {count} are given.");
    }
}

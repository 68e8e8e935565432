namespace Weft.Tensors.Files;

/// <summary>One tensor of a checkpoint, whatever the format of its file.</summary>
/// <param name="Name">The tensor's name in the file.</param>
/// <param name="Shape">The dimensions, outermost first; empty for a single value.</param>
/// <param name="Type">The element type as the file's format calls it.</param>
/// <param name="Offset">The first byte in the file, for messages.</param>
public sealed record CheckpointEntry(string Name, int[] Shape, string Type, long Offset)
{
    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.Aggregate(1L, static (product, size) => product * size);

    /// <summary>Name, type and shape, as messages show them.</summary>
    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Shape)}]";
}

/// <summary>The tensors of a checkpoint in any of the formats that Weft reads: safetensors, PyTorch's <c>.bin</c> and <c>.pt</c>, NumPy's <c>.npz</c>, each in one file or, with an index, in several.</summary>
public abstract class CheckpointFile : IDisposable
{
    /// <summary>The tensors by name.</summary>
    public abstract IReadOnlyDictionary<string, CheckpointEntry> Entries { get; }

    /// <summary>Reads a tensor in row-major order as single precision.</summary>
    /// <exception cref="ArgumentException">The destination has another number of elements.</exception>
    /// <exception cref="WeftFileException">The file is damaged, or the type holds no real numbers.</exception>
    public abstract void ReadAsSingle(CheckpointEntry entry, Span<float> destination);

    /// <summary>Reads a tensor in row-major order as double precision.</summary>
    /// <inheritdoc cref="ReadAsSingle"/>
    public abstract void ReadAsDouble(CheckpointEntry entry, Span<double> destination);

    /// <summary>Closes the file.</summary>
    public abstract void Dispose();

    /// <summary>Opens the weights of a model folder, or one named file.</summary>
    /// <remarks>A folder's safetensors are taken before its PyTorch files, and one file before a sharded one, as transformers does.</remarks>
    /// <param name="path">A folder, a file, or an index of shards.</param>
    /// <exception cref="FileNotFoundException">The folder holds no weights.</exception>
    /// <exception cref="WeftFileException">A file is damaged or holds what is refused.</exception>
    public static CheckpointFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Directory.Exists(path)) return OpenFile(path);
        string[] names = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "weights.npz"];
        string? found = names.Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists);
        return OpenFile(found ?? throw new FileNotFoundException($"{path} holds no weights: none of {string.Join(", ", names)} is there.", Path.Combine(path, names[0])));
    }

    /// <summary>Throws if a destination does not hold exactly a tensor's elements.</summary>
    private protected static void CheckLength(CheckpointEntry entry, int length)
    {
        if (length != entry.ElementCount) throw new ArgumentException($"{entry} has {entry.ElementCount} elements, but {length} are asked for.");
    }

    private static CheckpointFile OpenFile(string path)
    {
        if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".safetensors.index.json", StringComparison.OrdinalIgnoreCase))
            return new SafetensorsCheckpoint(SafetensorsSet.Open(path));
        if (path.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase)) return ShardedCheckpoint.Open(path);
        if (path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase)) return NpzFile.Open(path);
        string[] torch = [".bin", ".pt", ".pth"];
        if (torch.Any(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase))) return TorchFile.Open(path);
        throw new WeftFileException(path, 0, "is no checkpoint by its name: .safetensors, .bin, .pt, .pth, .npz and .npy are read.");
    }

    private sealed class SafetensorsCheckpoint : CheckpointFile
    {
        private readonly SafetensorsSet _set;

        internal SafetensorsCheckpoint(SafetensorsSet set)
        {
            _set = set;
            Entries = set.Entries.ToDictionary(static e => e.Key, static e => new CheckpointEntry(e.Key, e.Value.Shape, e.Value.Type.FormatName(), e.Value.Offset), StringComparer.Ordinal);
        }

        public override IReadOnlyDictionary<string, CheckpointEntry> Entries { get; }

        public override void ReadAsSingle(CheckpointEntry entry, Span<float> destination) => _set.ReadAsSingle(_set.Entries[entry.Name], destination);

        public override void ReadAsDouble(CheckpointEntry entry, Span<double> destination) => _set.ReadAsDouble(_set.Entries[entry.Name], destination);

        public override void Dispose() => _set.Dispose();
    }
}

using System.Text.Json;

namespace Weft.Tensors.Files;

/// <summary>The tensors of a model directory, whether they lie in one safetensors file or in several with an index.</summary>
/// <remarks>
/// One file is <c>model.safetensors</c>. Several are <c>model-0000i-of-0000n.safetensors</c> with
/// <c>model.safetensors.index.json</c>, whose <c>weight_map</c> says which file holds which tensor. Where both exist the single
/// file is taken, as transformers does.
/// </remarks>
public sealed class SafetensorsSet : IDisposable
{
    // About 2,000 times the largest published index; it bounds what a hostile one can make us allocate.
    private const long MaximumIndexBytes = 1L << 30;

    private readonly OrderedDictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsFile> _fileOf = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private SafetensorsSet() { }

    /// <summary>The tensors by name: file after file, in each in the order of the bytes.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => _entries;

    /// <summary>The files in the order of their names.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>Opens the weights of a model directory, or one named safetensors or index file.</summary>
    /// <param name="path">A directory, a <c>.safetensors</c> file or a <c>.safetensors.index.json</c> file.</param>
    /// <param name="stem">The name before <c>.safetensors</c> in a directory: <c>model</c>, or <c>adapter_model</c> for PEFT.</param>
    /// <exception cref="FileNotFoundException">The directory holds neither the file nor the index.</exception>
    /// <exception cref="WeftFileException">The index or a file is damaged, or they contradict each other.</exception>
    public static SafetensorsSet Open(string path, string stem = "model")
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            string single = Path.Combine(path, stem + ".safetensors");
            string index = single + ".index.json";
            if (File.Exists(single)) path = single;
            else if (File.Exists(index)) path = index;
            else throw new FileNotFoundException($"{path} holds neither {stem}.safetensors nor {stem}.safetensors.index.json.", single);
        }
        SafetensorsSet set = new();
        try
        {
            if (path.EndsWith(".json", StringComparison.Ordinal)) set.AddShards(path);
            else set.AddAll(SafetensorsFile.Open(path));
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>The file that holds a tensor; its Read methods give the values.</summary>
    /// <exception cref="KeyNotFoundException">No tensor has this name.</exception>
    public SafetensorsFile FileOf(string name) =>
        _fileOf.TryGetValue(name, out SafetensorsFile? file) ? file : throw new KeyNotFoundException($"No tensor is called {name}.");

    /// <summary>Reads all bytes of a tensor.</summary>
    /// <inheritdoc cref="SafetensorsFile.Read(SafetensorsEntry, Span{byte})"/>
    public void Read(SafetensorsEntry entry, Span<byte> destination) => Own(entry).Read(entry, destination);

    /// <inheritdoc cref="SafetensorsFile.ReadAsSingle(SafetensorsEntry, Span{float})"/>
    public void ReadAsSingle(SafetensorsEntry entry, Span<float> destination) => Own(entry).ReadAsSingle(entry, destination);

    /// <inheritdoc cref="SafetensorsFile.ReadAsDouble(SafetensorsEntry, Span{double})"/>
    public void ReadAsDouble(SafetensorsEntry entry, Span<double> destination) => Own(entry).ReadAsDouble(entry, destination);

    /// <inheritdoc cref="SafetensorsFile.ReadAsInt32(SafetensorsEntry, Span{int})"/>
    public void ReadAsInt32(SafetensorsEntry entry, Span<int> destination) => Own(entry).ReadAsInt32(entry, destination);

    /// <summary>Closes all files.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files) file.Dispose();
    }

    private SafetensorsFile Own(SafetensorsEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return _fileOf.TryGetValue(entry.Name, out SafetensorsFile? file)
            ? file
            : throw new ArgumentException($"{entry} is not an entry of this set.", nameof(entry));
    }

    private void AddAll(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (SafetensorsEntry entry in file.Entries.Values) Add(file, entry);
    }

    private void Add(SafetensorsFile file, SafetensorsEntry entry)
    {
        _entries.Add(entry.Name, entry);
        _fileOf.Add(entry.Name, file);
    }

    // Only tensors that the index names count: a shard may hold more (a tied head, say), which the index leaves out on purpose.
    private void AddShards(string indexPath)
    {
        Dictionary<string, string> fileNameOf = ReadIndex(indexPath);
        string folder = Path.GetDirectoryName(Path.GetFullPath(indexPath))!;
        foreach (string fileName in fileNameOf.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            string path = Path.Combine(folder, fileName);
            if (!File.Exists(path)) throw new WeftFileException(indexPath, 0, $"weight_map names {fileName}, which is not there.");
            SafetensorsFile file = SafetensorsFile.Open(path);
            _files.Add(file);
            foreach (SafetensorsEntry entry in file.Entries.Values)
                if (fileNameOf.TryGetValue(entry.Name, out string? owner) && owner == fileName) Add(file, entry);
        }
        foreach ((string name, string fileName) in fileNameOf)
            if (!_entries.ContainsKey(name)) throw new WeftFileException(indexPath, 0, $"weight_map says that {fileName} holds {name}, but it does not.");
    }

    internal static Dictionary<string, string> ReadIndex(string path)
    {
        long bytes = new FileInfo(path).Length;
        if (bytes > MaximumIndexBytes) throw new WeftFileException(path, 0, $"The index has {bytes} bytes, over the cap of {MaximumIndexBytes}.");
        Dictionary<string, string> map = new(StringComparer.Ordinal);
        try
        {
            using FileStream stream = File.OpenRead(path);
            using JsonDocument document = JsonDocument.Parse(stream);
            if (document.RootElement.ValueKind != JsonValueKind.Object ||
                !document.RootElement.TryGetProperty("weight_map", out JsonElement weightMap) || weightMap.ValueKind != JsonValueKind.Object)
                throw new WeftFileException(path, 0, "The index has no object weight_map.");
            foreach (JsonProperty property in weightMap.EnumerateObject())
            {
                string? fileName = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null;
                // A shard lies beside its index: a name with a folder in it could reach any file of the machine.
                if (string.IsNullOrEmpty(fileName) || fileName is "." or ".." || fileName.AsSpan().IndexOfAny("/\\:\0") >= 0)
                    throw new WeftFileException(path, 0, $"weight_map does not give {property.Name} a plain file name.");
                if (!map.TryAdd(property.Name, fileName)) throw new WeftFileException(path, 0, $"weight_map names {property.Name} twice.");
            }
        }
        catch (JsonException exception)
        {
            throw new WeftFileException(path, 0, $"The index is not valid JSON: {exception.Message}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new WeftFileException(path, 0, "The index holds text that is not valid Unicode.", exception);
        }
        return map;
    }
}

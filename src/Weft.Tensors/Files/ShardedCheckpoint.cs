namespace Weft.Tensors.Files;

/// <summary>A checkpoint in several files beside an index whose <c>weight_map</c> says which holds which tensor.</summary>
internal sealed class ShardedCheckpoint : CheckpointFile
{
    private readonly Dictionary<string, CheckpointEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CheckpointFile> _fileOf = new(StringComparer.Ordinal);
    private readonly List<CheckpointFile> _files = [];

    private ShardedCheckpoint() { }

    public override IReadOnlyDictionary<string, CheckpointEntry> Entries => _entries;

    internal static new ShardedCheckpoint Open(string indexPath)
    {
        ShardedCheckpoint set = new();
        try
        {
            Dictionary<string, string> fileNameOf = SafetensorsSet.ReadIndex(indexPath);
            string folder = Path.GetDirectoryName(Path.GetFullPath(indexPath))!;
            foreach (string fileName in fileNameOf.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                string path = Path.Combine(folder, fileName);
                if (!File.Exists(path)) throw new WeftFileException(indexPath, 0, $"weight_map names {fileName}, which is not there.");
                CheckpointFile file = CheckpointFile.Open(path);
                set._files.Add(file);
                foreach (CheckpointEntry entry in file.Entries.Values)
                {
                    if (!fileNameOf.TryGetValue(entry.Name, out string? owner) || owner != fileName) continue;
                    set._entries.Add(entry.Name, entry);
                    set._fileOf.Add(entry.Name, file);
                }
            }
            foreach ((string name, string fileName) in fileNameOf)
                if (!set._entries.ContainsKey(name)) throw new WeftFileException(indexPath, 0, $"weight_map says that {fileName} holds {name}, but it does not.");
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    public override void ReadAsSingle(CheckpointEntry entry, Span<float> destination) => _fileOf[entry.Name].ReadAsSingle(entry, destination);

    public override void ReadAsDouble(CheckpointEntry entry, Span<double> destination) => _fileOf[entry.Name].ReadAsDouble(entry, destination);

    public override void Dispose()
    {
        foreach (CheckpointFile file in _files) file.Dispose();
    }
}

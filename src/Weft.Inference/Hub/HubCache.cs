namespace Weft.Inference.Hub;

/// <summary>The cache that all Hugging Face tools share: <c>models--ORG--NAME/{blobs,refs,snapshots}</c>.</summary>
/// <remarks>
/// A blob is named by the hash that the hub gives it; <c>snapshots/COMMIT/FILE</c> is a link to a blob (a copy where the system
/// has no links), and <c>refs/REVISION</c> holds the commit that a branch or a tag stood for when it was last asked.
/// </remarks>
public sealed class HubCache
{
    /// <summary>Opens the cache in a folder; the folder need not exist yet.</summary>
    public HubCache(string folder) => Folder = folder;

    /// <summary>Where it lies.</summary>
    public string Folder { get; }

    /// <summary>The folder of one model: <c>config.json</c>, weights and tokenizer; null if it is not here.</summary>
    public string? Snapshot(HubReference reference)
    {
        ArgumentNullException.ThrowIfNull(reference);
        string? commit = HubReference.IsCommit(reference.Revision) ? reference.Revision : ReadReference(reference);
        if (commit is null) return null;
        string folder = SnapshotFolder(reference, commit);
        return Directory.Exists(folder) ? folder : null;
    }

    internal string Repository(HubReference reference) => Path.Combine(Folder, "models--" + reference.Repository.Replace("/", "--", StringComparison.Ordinal));

    internal string Blob(HubReference reference, string hash) => Path.Combine(Repository(reference), "blobs", hash);

    internal string SnapshotFolder(HubReference reference, string commit) => Path.Combine(Repository(reference), "snapshots", commit);

    internal string SnapshotFile(HubReference reference, string commit, string file) => Path.Combine([SnapshotFolder(reference, commit), .. file.Split('/')]);

    /// <summary>Remembers what a branch or a tag stands for.</summary>
    internal void WriteReference(HubReference reference, string commit)
    {
        if (HubReference.IsCommit(reference.Revision)) return;
        string path = ReferenceFile(reference);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Weft.Tensors.Files.AtomicFile.WriteText(path, commit);
    }

    /// <summary>Makes a file of a snapshot from a blob.</summary>
    internal void Link(HubReference reference, string commit, string file, string hash)
    {
        string path = SnapshotFile(reference, commit, file), folder = Path.GetDirectoryName(path)!, blob = Blob(reference, hash);
        Directory.CreateDirectory(folder);
        if (new FileInfo(path) is { } old && (old.Exists || old.LinkTarget is not null)) old.Delete();
        try
        {
            File.CreateSymbolicLink(path, Path.GetRelativePath(folder, blob));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            File.Copy(blob, path, overwrite: true); // Windows without the right to make links
        }
    }

    private string? ReadReference(HubReference reference)
    {
        string path = ReferenceFile(reference);
        if (!File.Exists(path)) return null;
        string commit = File.ReadAllText(path).Trim();
        return HubReference.IsCommit(commit) ? commit : null;
    }

    private string ReferenceFile(HubReference reference) => Path.Combine([Repository(reference), "refs", .. reference.Revision.Split('/')]);
}

namespace Weft.Inference.Hub;

/// <summary>How far a download is.</summary>
/// <param name="File">The file that is being read.</param>
/// <param name="DoneBytes">Bytes here, over all files.</param>
/// <param name="TotalBytes">Bytes in all.</param>
public readonly record struct HubProgress(string File, long DoneBytes, long TotalBytes);

/// <summary>Brings models from a hub into the cache that all Hugging Face tools share.</summary>
/// <remarks>Downloads go on where they were cut, and are checked by size and hash before they count. The token is sent to the hub
/// and to no other host. Nothing is sent but the names of what is asked for.</remarks>
public sealed class HubClient : IDisposable
{
    private readonly HubSettings _settings;
    private readonly HubConnection _connection;

    /// <summary>Makes a client.</summary>
    public HubClient(HubSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        (_settings, _connection, Cache) = (settings, new HubConnection(settings), new HubCache(settings.CacheFolder));
    }

    /// <summary>Where models are kept.</summary>
    public HubCache Cache { get; }

    /// <summary>What a model consists of.</summary>
    /// <exception cref="HubException">There is no such model, it may not be read, or the hub is out of reach.</exception>
    public async Task<HubListing> ListAsync(HubReference reference, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (_settings.Offline) throw new HubException($"{reference}: HF_HUB_OFFLINE forbids to ask the hub.");
        Uri address = new($"{Root}/api/models/{reference.Repository}/revision/{Uri.EscapeDataString(reference.Revision)}?blobs=true");
        return HubListing.Parse(await _connection.GetBytes(address, reference, cancellation).ConfigureAwait(false), address.GetLeftPart(UriPartial.Path));
    }

    /// <summary>Brings a model here, as far as it is not here already.</summary>
    /// <param name="reference">Which.</param>
    /// <param name="patterns">Which files (<see cref="HubListing.Select"/>); none for those that Weft reads.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends it early; the next call goes on there.</param>
    /// <returns>The folder with the files.</returns>
    /// <exception cref="HubException">There is no such model, it may not be read, the hub is out of reach or sends something else than it announced.</exception>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    public async Task<string> PullAsync(HubReference reference, IReadOnlyList<string>? patterns = null, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (_settings.Offline) return Cache.Snapshot(reference) ?? throw new HubException($"{reference} is not in {Cache.Folder}, and HF_HUB_OFFLINE forbids to ask the hub.");
        HubListing listing = await ListAsync(reference, cancellation).ConfigureAwait(false);
        IReadOnlyList<HubFile> files = listing.Select(patterns ?? []);
        if (files.Count == 0) throw new HubException($"{reference}: none of its {listing.Files.Count} files {(patterns is { Count: > 0 } ? $"matches {string.Join(", ", patterns)}" : "is one that Weft reads; name some with --include")}.");

        long total = files.Sum(static f => f.Bytes ?? 0), done = 0;
        Directory.CreateDirectory(Path.Combine(Cache.Repository(reference), "blobs"));
        RequireSpace(reference, listing.Commit, files);
        foreach (HubFile file in files)
        {
            HubDownload download = new(_connection, Cache, reference, listing.Commit, file, Root);
            long before = done;
            done += await download.RunAsync(bytes => progress?.Report(new HubProgress(file.Path, before + bytes, total)), cancellation).ConfigureAwait(false);
        }
        Cache.WriteReference(reference, listing.Commit); // last: what it names is whole
        return Cache.SnapshotFolder(reference, listing.Commit);
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private string Root => _settings.Endpoint.AbsoluteUri.TrimEnd('/');

    private void RequireSpace(HubReference reference, string commit, IReadOnlyList<HubFile> files)
    {
        long needed = files.Where(f => !File.Exists(Cache.SnapshotFile(reference, commit, f.Path))).Sum(static f => f.Bytes ?? 0);
        long free = new DriveInfo(Path.GetFullPath(Cache.Folder)).AvailableFreeSpace;
        if (needed > free) throw new HubException($"{reference} needs {needed / 1e9:F1} GB, but the disk of {Cache.Folder} has {free / 1e9:F1} GB free; HF_HUB_CACHE names another folder.");
    }
}

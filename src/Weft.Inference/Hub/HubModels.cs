namespace Weft.Inference.Hub;

/// <summary>Turns what a user names into a folder or a file: one that is here, or a model of a hub.</summary>
public static class HubModels
{
    /// <summary>The path itself if it exists; the cached or freshly pulled folder if it is <c>ORG/NAME</c> or <c>ORG/NAME@REVISION</c>; else the path itself.</summary>
    /// <param name="path">What the user named.</param>
    /// <param name="pulling">Told, before anything is downloaded, what is.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="HubException">It is not here, and the hub does not give it.</exception>
    public static string Resolve(string path, Action<HubReference>? pulling = null, IProgress<HubProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (Path.Exists(path) || HubReference.TryParse(path) is not { } reference) return path;
        HubSettings settings = HubSettings.FromEnvironment();
        if (new HubCache(settings.CacheFolder).Snapshot(reference) is { } folder && (settings.Offline || HasWeights(folder))) return folder;
        using HubClient client = new(settings);
        if (!settings.Offline) pulling?.Invoke(reference);
        return Task.Run(() => client.PullAsync(reference, null, progress, cancellation), cancellation).GetAwaiter().GetResult();
    }

    // Other tools may have left only a configuration or a tokenizer there.
    private static bool HasWeights(string folder) =>
        Directory.EnumerateFiles(folder).Any(static file => Path.GetExtension(file) is ".safetensors" or ".bin" or ".gguf");
}

using System.Globalization;
using Weft.Cli.Terminal;
using Weft.Training.Runs;

namespace Weft.Cli;

/// <summary>Where runs are kept, and which one is meant when none is named.</summary>
internal static class RunFolders
{
    private const string Root = "runs";

    /// <summary>A new folder named after what is trained and when.</summary>
    internal static RunDirectory New(string name)
    {
        string stem = Path.Combine(Root, $"{name}-{DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}"), path = stem;
        for (int i = 2; Directory.Exists(path); i++) path = $"{stem}-{i}";
        return new RunDirectory(path);
    }

    /// <summary>The run that was begun or went on last.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    internal static RunDirectory Newest() =>
        (Directory.Exists(Root) ? new DirectoryInfo(Root).EnumerateDirectories() : [])
            .Select(static d => new RunDirectory(Path.Combine(Root, d.Name)))
            .Where(static r => r.Exists)
            .MaxBy(static r => File.GetLastWriteTimeUtc(r.Checkpoint))
        ?? throw new UsageException($"There is no run in {Path.GetFullPath(Root)}: train one with 'weft train', or name a model's folder.");

    /// <summary>Where a model is: a GGUF file or a folder with one, a folder in the Hugging Face layout, a run's best model, or ORG/NAME of a hub; without a name, the newest run's.</summary>
    /// <exception cref="FileNotFoundException">There is no model.</exception>
    internal static string Model(string? path)
    {
        if (path is null) return Newest().Model;
        path = PullDisplay.Resolve(path);
        RunDirectory run = new(path);
        if (run.Exists) return run.Model;
        if (File.Exists(path) && Path.GetExtension(path) is ".safetensors" or ".bin" or ".pt" or ".pth" or ".json")
            throw new UsageException($"{path} is a part of a model's folder, which is read as a whole: name the folder, {Path.GetDirectoryName(Path.GetFullPath(path))}.");
        if (File.Exists(Path.Combine(path, "config.json")) || File.Exists(path)) return path;
        string[] files = Directory.Exists(path) ? [.. Directory.EnumerateFiles(path, "*.gguf").Order(StringComparer.Ordinal)] : [];
        if (files.Length == 1) return files[0];
        throw new FileNotFoundException(files.Length > 1 ? $"{path} holds {files.Length} GGUF files: name one, such as {files[0]}."
            : Directory.Exists(path) ? $"{path} holds no model: a model's folder has config.json and model.safetensors, a run's folder training.json."
            : $"{path}: there is no such file or folder.");
    }

    /// <summary>As <see cref="Model"/>, for models that are read from folders alone.</summary>
    /// <exception cref="UsageException">The path is a file.</exception>
    internal static string ModelFolder(string? path)
    {
        string found = Model(path);
        return !File.Exists(found) ? found : throw new UsageException($"{found} is a file, but models of this kind are read from folders: config.json, model.safetensors and a tokenizer's files.");
    }
}

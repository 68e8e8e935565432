using Weft.Tensors.Files;

namespace Weft.Training.Runs;

/// <summary>The folder of a run, and what lies where in it.</summary>
/// <param name="path">The folder.</param>
public sealed class RunDirectory(string path)
{
    /// <summary>The folder.</summary>
    public string Path { get; } = path;

    /// <summary>The best model so far, in the Hugging Face layout.</summary>
    public string Model => System.IO.Path.Combine(Path, "model");

    /// <summary>Weights, optimizer and state from which the run goes on.</summary>
    public string Checkpoint => System.IO.Path.Combine(Path, "checkpoint.safetensors");

    /// <summary>The resolved settings.</summary>
    public string Config => System.IO.Path.Combine(Path, "training.json");

    /// <summary>The command's own facts, such as where the text came from.</summary>
    public string Source => System.IO.Path.Combine(Path, "source.json");

    /// <summary>One JSON object a line.</summary>
    public string Metrics => System.IO.Path.Combine(Path, "metrics.jsonl");

    /// <summary>Curves, samples and settings to look at.</summary>
    public string Report => System.IO.Path.Combine(Path, "report.html");

    /// <summary>What the model wrote along the way.</summary>
    public string Samples => System.IO.Path.Combine(Path, "samples.jsonl");

    /// <summary>Whether a run has begun here.</summary>
    public bool Exists => File.Exists(Config);

    /// <summary>Makes the folder and checks that it can be written.</summary>
    /// <exception cref="IOException">It cannot; the message says why.</exception>
    public void Create()
    {
        for (string? part = System.IO.Path.GetFullPath(Path); part is not null; part = System.IO.Path.GetDirectoryName(part))
            if (File.Exists(part)) throw new IOException($"{Path}: no folder can be made there, because {part} is a file.");
        string probe = System.IO.Path.Combine(Path, ".writable");
        try
        {
            Directory.CreateDirectory(Model);
            AtomicFile.WriteText(probe, "");
            File.Delete(probe);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            throw new IOException($"{Path}: the folder cannot be written: {exception.Message.TrimEnd('.')}. Choose another with --out.", exception);
        }
    }
}

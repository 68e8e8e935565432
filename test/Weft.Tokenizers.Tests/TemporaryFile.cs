namespace Weft.Tokenizers.Tests;

/// <summary>A file name that is free, and whose file is gone after the test.</summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-tokenizers").FullName;

    public TemporaryFile(string? content = null)
    {
        Path = System.IO.Path.Combine(_folder, "tokenizer.json");
        if (content is not null) File.WriteAllText(Path, content);
    }

    public string Path { get; }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}

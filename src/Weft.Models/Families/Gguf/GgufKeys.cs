using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;

namespace Weft.Models.Families.Gguf;

/// <summary>Reads a model's own metadata keys (<c>llama.block_count</c>) and notices every one that nobody asked about.</summary>
/// <remarks>A key that is not understood may change what the model computes, so it is refused by name instead of ignored.</remarks>
public sealed class GgufKeys
{
    private const string ArchitectureKey = "general.architecture";

    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    /// <summary>Reads from a file.</summary>
    /// <exception cref="WeftFileException">The file does not name an architecture.</exception>
    public GgufKeys(GgufFile file)
    {
        File = file;
        Architecture = file.Metadata.TryGetValue(ArchitectureKey, out GgufValue? value) ? value.AsText() : throw new WeftFileException(file.Path, 0, $"lacks the key '{ArchitectureKey}'.");
    }

    /// <summary>The file.</summary>
    public GgufFile File { get; }

    /// <summary>The value of <c>general.architecture</c>, before every other key of the model.</summary>
    public string Architecture { get; }

    /// <summary>A whole number; the fallback where the key is absent.</summary>
    public int? Integer(string key, int? fallback = null) => Find(key) is { } value ? value.AsInt32() : fallback;

    /// <summary>A whole number that has to be there.</summary>
    public int RequiredInteger(string key) => Integer(key) ?? throw new WeftFileException(File.Path, 0, $"lacks the key '{Architecture}.{key}'.");

    /// <summary>A number; the fallback where the key is absent.</summary>
    public double Number(string key, double fallback) => Find(key)?.AsNumber() ?? fallback;

    /// <summary>A text; the fallback where the key is absent.</summary>
    public string? Text(string key, string? fallback = null) => Find(key)?.AsText() ?? fallback;

    /// <summary>A truth value; the fallback where the key is absent.</summary>
    public bool Flag(string key, bool fallback) => Find(key)?.AsFlag() ?? fallback;

    /// <summary>A token id among <c>tokenizer.ggml.*</c>, such as <c>eos_token_id</c>; null where it is absent.</summary>
    public int? TokenId(string key) => File.Metadata.TryGetValue($"tokenizer.ggml.{key}", out GgufValue? value) ? value.AsInt32() : null;

    /// <summary>Notes keys that have no effect on the computation.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys) _asked.Add($"{Architecture}.{key}");
    }

    /// <summary>A tensor's shape, outermost first.</summary>
    /// <exception cref="WeftFileException">The file lacks the tensor.</exception>
    public int[] ShapeOf(string tensor) => File.Entries.TryGetValue(tensor, out GgufEntry? entry) ? entry.Shape : throw new WeftFileException(File.Path, 0, $"lacks the tensor '{tensor}'.");

    /// <summary>Whether the file has a tensor.</summary>
    public bool HasTensor(string tensor) => File.Entries.ContainsKey(tensor);

    /// <summary>Refuses a setting that is understood but not built.</summary>
    public WeftFileException Unsupported(string key, string value) => new(File.Path, 0, $"'{Architecture}.{key}' is {value}, which is not supported.");

    /// <summary>Refuses keys of the model that nobody asked about.</summary>
    /// <exception cref="WeftFileException">There is one; the message names it.</exception>
    public void RefuseUnknown()
    {
        string prefix = Architecture + ".";
        foreach ((string key, GgufValue value) in File.Metadata)
            if (key.StartsWith(prefix, StringComparison.Ordinal) && !_asked.Contains(key))
                throw new WeftFileException(File.Path, value.Offset, $"has the key '{key}', which is not known for '{Architecture}' and may change what the model computes.");
    }

    private GgufValue? Find(string key)
    {
        string full = $"{Architecture}.{key}";
        _asked.Add(full);
        return File.Metadata.TryGetValue(full, out GgufValue? value) ? value : null;
    }
}

using System.IO.Enumeration;
using System.Text.Json;

namespace Weft.Inference.Hub;

/// <summary>One file of a model on a hub.</summary>
/// <param name="Path">Its path in the repository, with forward slashes.</param>
/// <param name="Bytes">Its size; null where the hub did not say.</param>
public sealed record HubFile(string Path, long? Bytes);

/// <summary>The files of one commit of a model on a hub.</summary>
/// <param name="Commit">The commit that the revision stands for.</param>
/// <param name="Files">All its files.</param>
public sealed record HubListing(string Commit, IReadOnlyList<HubFile> Files)
{
    private const int MostFiles = 100_000;

    /// <summary>Reads the answer of <c>/api/models/ORG/NAME/revision/REVISION?blobs=true</c>.</summary>
    /// <exception cref="HubException">It is not such an answer, or names a file outside the repository.</exception>
    internal static HubListing Parse(ReadOnlyMemory<byte> json, string address)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            string commit = document.RootElement.GetProperty("sha").GetString() ?? "";
            if (!HubReference.IsCommit(commit)) throw new HubException($"{address}: '{commit}' is not a commit.");
            List<HubFile> files = [];
            foreach (JsonElement file in document.RootElement.GetProperty("siblings").EnumerateArray())
            {
                string path = file.GetProperty("rfilename").GetString() ?? "";
                if (!IsInside(path)) throw new HubException($"{address}: the file name '{path}' leads out of the model's folder; nothing was downloaded.");
                long? bytes = file.TryGetProperty("size", out JsonElement size) && size.ValueKind == JsonValueKind.Number ? size.GetInt64() : null;
                files.Add(new HubFile(path, bytes));
                if (files.Count > MostFiles) throw new HubException($"{address}: more than {MostFiles} files.");
            }
            return new HubListing(commit, files);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new HubException($"{address} did not answer as a hub does: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }

    /// <summary>The files that match one of some patterns (<c>*</c> and <c>?</c>, over folders too); without patterns, those that Weft reads.</summary>
    /// <remarks>Weft reads configuration, tokenizer and template files and safetensors; PyTorch's <c>.bin</c> where there is no
    /// safetensors; GGUF where there is neither. Files in folders are left out unless a pattern asks for them.</remarks>
    public IReadOnlyList<HubFile> Select(IReadOnlyList<string> patterns)
    {
        if (patterns.Count > 0) return [.. Files.Where(f => patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, f.Path, ignoreCase: false)))];
        string[] top = [.. Files.Select(static f => f.Path).Where(static p => !p.Contains('/', StringComparison.Ordinal))];
        string weights = top.Any(static p => p.EndsWith(".safetensors", StringComparison.Ordinal)) ? ".safetensors"
            : top.Any(static p => p.EndsWith(".bin", StringComparison.Ordinal)) ? ".bin" : ".gguf";
        return [.. Files.Where(f => top.Contains(f.Path) && (IsDescription(f.Path) || f.Path.EndsWith(weights, StringComparison.Ordinal)))];
    }

    private static bool IsDescription(string path) =>
        Path.GetExtension(path) is ".json" or ".jinja" or ".model" or ".tiktoken" || path is "merges.txt" or "vocab.txt" or "README.md" or "LICENSE";

    private static bool IsInside(string path) =>
        path.Length is > 0 and < 1024 && path[0] != '/' && !path.AsSpan().ContainsAny('\\', ':', '\0') && !path.Split('/').Any(static part => part is "" or "." or "..");
}

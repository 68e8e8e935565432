using System.Text;
using Microsoft.Extensions.FileSystemGlobbing;
using Weft.Tensors.Files;

namespace Weft.Training.Data;

/// <summary>Reads a corpus from a file, a folder or a pattern.</summary>
public static class TextFiles
{
    private static readonly string[] s_extensions = [".txt", ".md", ".text"];

    /// <summary>Reads all text that a path names, in the order of the paths.</summary>
    /// <param name="path">A file; a folder, of which every .txt, .text and .md is taken; or a pattern such as <c>books/**/*.txt</c>.</param>
    /// <exception cref="FileNotFoundException">Nothing is there.</exception>
    /// <exception cref="WeftFileException">A file is empty or not UTF-8 text.</exception>
    public static string Read(string path) => string.Join("\n", Find(path).Select(ReadFile));

    /// <summary>The files that a path names, sorted.</summary>
    public static IReadOnlyList<string> Find(string path)
    {
        if (File.Exists(path)) return [path];
        if (Directory.Exists(path))
        {
            string[] inside = [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(static f => s_extensions.Contains(Path.GetExtension(f).ToLowerInvariant())).Order(StringComparer.Ordinal)];
            return inside.Length > 0 ? inside : throw new FileNotFoundException($"{path}: the folder holds no {string.Join(", ", s_extensions)} file.", path);
        }
        if (path.AsSpan().ContainsAny("*?"))
        {
            (string folder, string pattern) = SplitPattern(path);
            Matcher matcher = new(StringComparison.Ordinal);
            matcher.AddInclude(pattern);
            string[] matching = Directory.Exists(folder) ? [.. matcher.GetResultsInFullPath(folder).Order(StringComparer.Ordinal)] : [];
            return matching.Length > 0 ? matching : throw new FileNotFoundException($"{path}: no file matches the pattern.", path);
        }
        throw new FileNotFoundException($"{path}: there is no such file or folder.", path);
    }

    private static string ReadFile(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        if (bytes.Length == 0) throw new WeftFileException(path, 0, "is empty: there is nothing to learn from.");
        int nul = Array.IndexOf(bytes, (byte)0);
        if (nul >= 0) throw new WeftFileException(path, nul, "is a binary file, not UTF-8 text.");
        ReadOnlySpan<byte> text = bytes;
        if (text.StartsWith(Encoding.UTF8.Preamble)) text = text[3..];
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(text);
        }
        catch (DecoderFallbackException exception)
        {
            throw new WeftFileException(path, exception.Index, "is not UTF-8 text.", exception);
        }
    }

    // The part before the first wildcard is a folder, the rest a pattern in it.
    private static (string Folder, string Pattern) SplitPattern(string path)
    {
        string unified = path.Replace('\\', '/');
        int slash = unified.LastIndexOf('/', unified.AsSpan().IndexOfAny("*?"));
        return slash < 0 ? (".", unified) : (slash == 0 ? "/" : unified[..slash], unified[(slash + 1)..]);
    }
}

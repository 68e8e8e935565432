using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Reads the golden files of tokenizers.</summary>
internal static class GoldenFiles
{
    /// <summary>The text of a file, unpacked where it ends in <c>.gz</c>.</summary>
    public static string ReadText(string path)
    {
        using Stream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using StreamReader reader = new(stream, new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false);
        return reader.ReadToEnd();
    }

    /// <summary>A parsed JSON file.</summary>
    public static JsonElement ReadJson(string path) => JsonDocument.Parse(ReadText(path)).RootElement;

    /// <summary>The test strings that all encodings refer to.</summary>
    public static string[] Strings() =>
        [.. ReadJson(SharedFolder.RequireGolden("tokenizers", "strings.json")).GetProperty("strings").EnumerateArray().Select(row => row.GetProperty("text").GetString()!)];

    /// <summary>A list of numbers.</summary>
    public static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];

    /// <summary>The lines of a corpus, each with its line feed, as they were trained on.</summary>
    public static List<string> CorpusLines(string path)
    {
        string text = ReadText(path);
        List<string> lines = [];
        for (int start = 0; start < text.Length;)
        {
            int feed = text.IndexOf('\n', start);
            int end = feed < 0 ? text.Length : feed + 1;
            lines.Add(text[start..end]);
            start = end;
        }
        return lines;
    }

    /// <summary>SHA-256 over ids as little-endian 32-bit numbers.</summary>
    public static string Hash(IReadOnlyList<int> ids)
    {
        byte[] bytes = new byte[ids.Count * 4];
        for (int i = 0; i < ids.Count; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * 4), ids[i]);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}

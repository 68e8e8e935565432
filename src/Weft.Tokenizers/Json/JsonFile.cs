using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Reads and writes whole JSON files.</summary>
internal static class JsonFile
{
    // The largest published tokenizer.json (Gemma 3) has 33 MB; a file beyond this is not a tokenizer.
    private const long LargestFile = 512L << 20;

    /// <summary>Parses a file; a <c>.gz</c> file is unpacked first.</summary>
    /// <exception cref="TokenizerFormatException">The file is too large or not JSON.</exception>
    public static JsonDocument Read(string path)
    {
        byte[] bytes = PackedFile.ReadAllBytes(path, LargestFile);
        try
        {
            ReadOnlyMemory<byte> json = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes;
            return JsonDocument.Parse(json);
        }
        catch (JsonException problem)
        {
            string place = problem.LineNumber is long line ? $"line {line + 1}, byte {problem.BytePositionInLine}: " : "";
            throw new TokenizerFormatException(path, $"{place}not valid JSON.", problem);
        }
    }

    /// <summary>Writes a file as a whole or not at all: beside its place first, then renamed over it.</summary>
    public static void Write(string path, Action<Utf8JsonWriter> write)
    {
        string temporary = path + ".tmp";
        try
        {
            using (FileStream stream = File.Create(temporary))
            using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
                write(writer);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}

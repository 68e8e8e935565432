using System.IO.Compression;
using System.Text;

namespace Weft.Tokenizers.Tests;

/// <summary>Reads the tokenizer fields of a GGUF file, which may be packed.</summary>
internal static class GgufFile
{
    /// <summary>The vocabulary in a file, or in the one GGUF file of a folder.</summary>
    public static GgufVocabulary? Load(string path)
    {
        if (Directory.Exists(path)) path = Directory.GetFiles(path, "*.gguf").Single();
        using Stream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : new BufferedStream(file, 1 << 20);
        using BinaryReader reader = new(stream);
        reader.ReadInt32();
        reader.ReadInt32();
        reader.ReadInt64();
        long count = reader.ReadInt64();
        Dictionary<string, object> fields = [];
        for (long i = 0; i < count; i++)
        {
            string key = ReadString(reader);
            fields[key] = ReadValue(reader, reader.ReadInt32());
        }
        object[] Array(string name) => fields.TryGetValue("tokenizer.ggml." + name, out object? value) ? (object[])value : [];
        int? Id(string name) => fields.TryGetValue("tokenizer.ggml." + name, out object? value) ? Convert.ToInt32(value) : null;
        bool? Flag(string name) => fields.TryGetValue("tokenizer.ggml." + name, out object? value) ? (bool)value : null;
        return new GgufVocabulary
        {
            Model = (string)fields["tokenizer.ggml.model"],
            PreTokenizer = fields.TryGetValue("tokenizer.ggml.pre", out object? pre) ? (string)pre : "default",
            Tokens = [.. Array("tokens").Cast<string>()],
            TokenTypes = [.. Array("token_type").Select(Convert.ToInt32)],
            Scores = [.. Array("scores").Select(Convert.ToSingle)],
            Merges = [.. Array("merges").Cast<string>()],
            BeginOfTextId = Id("bos_token_id"),
            EndOfTextId = Id("eos_token_id"),
            UnknownId = Id("unknown_token_id"),
            AddBeginOfText = Flag("add_bos_token"),
            AddEndOfText = Flag("add_eos_token"),
            AddSpacePrefix = Flag("add_space_prefix") ?? true,
        };
    }

    private static string ReadString(BinaryReader reader) => Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadInt64()));

    private static object ReadValue(BinaryReader reader, int type)
    {
        switch (type)
        {
            case 0: return reader.ReadByte();
            case 1: return reader.ReadSByte();
            case 2: return reader.ReadUInt16();
            case 3: return reader.ReadInt16();
            case 4: return reader.ReadUInt32();
            case 5: return reader.ReadInt32();
            case 6: return reader.ReadSingle();
            case 7: return reader.ReadBoolean();
            case 8: return ReadString(reader);
            case 9:
                int item = reader.ReadInt32();
                object[] values = new object[reader.ReadInt64()];
                for (int i = 0; i < values.Length; i++) values[i] = ReadValue(reader, item);
                return values;
            case 10: return reader.ReadUInt64();
            case 11: return reader.ReadInt64();
            default: return reader.ReadDouble();
        }
    }
}

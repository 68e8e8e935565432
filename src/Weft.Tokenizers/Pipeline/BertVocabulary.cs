using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Reads BERT's <c>vocab.txt</c>: one WordPiece token a line, the line number is the id.</summary>
internal static class BertVocabulary
{
    private const long LargestFile = 64L << 20;

    /// <summary>Reads a file; <c>tokenizer_config.json</c> beside it may say whether text is made lower case.</summary>
    public static PipelineTokenizer Load(string path)
    {
        string[] lines = Encoding.UTF8.GetString(PackedFile.ReadAllBytes(path, LargestFile)).TrimEnd('\n').Split('\n');
        Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
        for (int id = 0; id < lines.Length; id++)
            if (!vocabulary.TryAdd(lines[id].TrimEnd('\r'), id))
                throw new TokenizerFormatException(path, $"line {id + 1}: the token '{lines[id]}' stands there twice.");
        foreach (string needed in (string[])["[UNK]", "[CLS]", "[SEP]"])
            if (!vocabulary.ContainsKey(needed))
                throw new TokenizerFormatException(path, $"the vocabulary lacks '{needed}', so it is not BERT's.");

        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream)) Write(writer, vocabulary, IsLowercase(path, vocabulary));
        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        return PipelineJson.Load(JsonField.Root(path, document));
    }

    // Without a word from the configuration: a vocabulary with capital words was made for text with capitals.
    private static bool IsLowercase(string path, Dictionary<string, int> vocabulary)
    {
        string config = Path.Combine(Path.GetDirectoryName(path) ?? "", "tokenizer_config.json");
        if (File.Exists(config))
        {
            using JsonDocument document = JsonFile.Read(config);
            JsonField lowercase = JsonField.Root(config, document)["do_lower_case"];
            if (!lowercase.IsNull) return lowercase.Boolean(true);
        }
        return !vocabulary.ContainsKey("The");
    }

    private static void Write(Utf8JsonWriter writer, Dictionary<string, int> vocabulary, bool lowercase)
    {
        writer.WriteStartObject();
        string[] special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
        TokenizerJsonParts.WriteHead(writer, special.Where(vocabulary.ContainsKey).Select(token => new AddedToken(token, vocabulary[token])));
        writer.WriteStartObject("normalizer");
        writer.WriteString("type", "BertNormalizer");
        writer.WriteBoolean("clean_text", true);
        writer.WriteBoolean("handle_chinese_chars", true);
        writer.WriteNull("strip_accents");
        writer.WriteBoolean("lowercase", lowercase);
        writer.WriteEndObject();
        writer.WriteStartObject("pre_tokenizer");
        writer.WriteString("type", "BertPreTokenizer");
        writer.WriteEndObject();
        writer.WriteStartObject("post_processor");
        writer.WriteString("type", "BertProcessing");
        WriteToken("sep", "[SEP]");
        WriteToken("cls", "[CLS]");
        writer.WriteEndObject();
        writer.WriteStartObject("decoder");
        writer.WriteString("type", "WordPiece");
        writer.WriteString("prefix", "##");
        writer.WriteBoolean("cleanup", true);
        writer.WriteEndObject();
        writer.WriteStartObject("model");
        writer.WriteString("type", "WordPiece");
        writer.WriteString("unk_token", "[UNK]");
        writer.WriteString("continuing_subword_prefix", "##");
        writer.WriteNumber("max_input_chars_per_word", 100);
        writer.WriteStartObject("vocab");
        foreach ((string token, int id) in vocabulary.OrderBy(entry => entry.Value)) writer.WriteNumber(token, id);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();

        void WriteToken(string name, string token)
        {
            writer.WriteStartArray(name);
            writer.WriteStringValue(token);
            writer.WriteNumberValue(vocabulary[token]);
            writer.WriteEndArray();
        }
    }
}

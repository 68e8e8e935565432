using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Byte-level BPE as a <c>tokenizer.json</c>.</summary>
internal static class BytePairJson
{
    /// <summary>Writes the file.</summary>
    public static void Save(BytePairTokenizer tokenizer, IReadOnlyDictionary<string, int> ids, string path) => JsonFile.Write(path, writer =>
    {
        writer.WriteStartObject();
        TokenizerJsonParts.WriteHead(writer, tokenizer.AddedTokens);
        writer.WriteNull("normalizer");
        WriteByteLevel(writer, "pre_tokenizer", addPrefixSpace: false);
        // Offsets are left as they are: that is what GPT-2 needs, and ids do not depend on it.
        WriteByteLevel(writer, "post_processor", addPrefixSpace: true, trimOffsets: false);
        WriteByteLevel(writer, "decoder", addPrefixSpace: true);
        TokenizerJsonParts.WriteBytePairModel(
            writer, null, ids, tokenizer.Merges.Select(merge => (tokenizer.Token(merge.Left), tokenizer.Token(merge.Right))));
        writer.WriteEndObject();
    });

    /// <summary>Whether a file is plain byte-level BPE, which <see cref="BytePairTokenizer"/> does on its own.</summary>
    public static bool Describes(JsonField root)
    {
        JsonField model = root["model"];
        return root["normalizer"].IsNull
            && root["truncation"].IsNull && root["padding"].IsNull
            && IsByteLevel(root["pre_tokenizer"]) && !root["pre_tokenizer"]["add_prefix_space"].Boolean(true)
            && root["pre_tokenizer"]["use_regex"].Boolean(true)
            && (root["post_processor"].IsNull || IsByteLevel(root["post_processor"]))
            && IsByteLevel(root["decoder"])
            && model["type"].String("BPE") == "BPE"
            && model["dropout"].IsNull && model["unk_token"].IsNull
            && string.IsNullOrEmpty(model["continuing_subword_prefix"].String(null)) && string.IsNullOrEmpty(model["end_of_word_suffix"].String(null))
            && !model["byte_fallback"].Boolean(false) && !model["ignore_merges"].Boolean(false);
    }

    /// <summary>Reads a file that <see cref="Describes"/> accepts.</summary>
    public static BytePairTokenizer Load(JsonField root)
    {
        JsonField model = root["model"];
        Dictionary<string, int> vocabulary = TokenizerJsonParts.ReadVocabulary(model["vocab"]);
        MergeTable merges = ReadMerges(model["merges"], vocabulary);
        try
        {
            return new BytePairTokenizer(vocabulary, merges, Gpt2Scanner.Instance, TokenizerJsonParts.ReadAddedTokens(root["added_tokens"]));
        }
        catch (ArgumentException problem)
        {
            throw model["vocab"].Error(problem.Message.Split(" (Parameter", 2)[0].TrimEnd('.'), problem);
        }
    }

    /// <summary>Reads merges, each a pair of tokens or both in one string with a space between.</summary>
    public static MergeTable ReadMerges(JsonField field, IReadOnlyDictionary<string, int> vocabulary)
    {
        MergeTable merges = new(field.Value.ValueKind == JsonValueKind.Array ? field.Value.GetArrayLength() : 0);
        int rank = 0;
        foreach (JsonField item in field.Items())
        {
            (string left, string right) = ReadPair(item);
            merges.Set(Id(left), Id(right), rank++, Id(left + right));

            int Id(string token) => vocabulary.TryGetValue(token, out int id) ? id : throw item.Error($"the token '{token}' is not in the vocabulary");
        }
        return merges;
    }

    private static (string Left, string Right) ReadPair(JsonField item)
    {
        string[] parts = item.Value.ValueKind == JsonValueKind.String
            ? item.String().Split(' ')
            : [.. item.Items().Select(part => part.String())];
        return parts.Length == 2 ? (parts[0], parts[1]) : throw item.Error($"a merge has two tokens, not {parts.Length}");
    }

    private static bool IsByteLevel(JsonField part) => !part.IsNull && part["type"].String() == "ByteLevel";

    private static void WriteByteLevel(Utf8JsonWriter writer, string name, bool addPrefixSpace, bool trimOffsets = true)
    {
        writer.WriteStartObject(name);
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteBoolean("trim_offsets", trimOffsets);
        writer.WriteBoolean("use_regex", true);
        writer.WriteEndObject();
    }
}

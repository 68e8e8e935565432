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
        ScannerJson.Write(writer, tokenizer.Scanner);
        // Offsets are left as they are: that is what GPT-2 needs, and ids do not depend on it.
        writer.WritePropertyName("post_processor");
        if (tokenizer.Around is (null, null)) ScannerJson.WriteByteLevel(writer, addPrefixSpace: true, trimOffsets: false);
        else WriteTemplate(writer, tokenizer);
        writer.WritePropertyName("decoder");
        ScannerJson.WriteByteLevel(writer, addPrefixSpace: true);
        TokenizerJsonParts.WriteBytePairModel(
            writer, null, ids, tokenizer.Merges.Select(merge => (tokenizer.Token(merge.Left), tokenizer.Token(merge.Right))));
        writer.WriteEndObject();
    });

    /// <summary>Reads a file that is plain byte-level BPE, which <see cref="BytePairTokenizer"/> does on its own; null: it is more than that.</summary>
    public static BytePairTokenizer? TryLoad(JsonField root)
    {
        if (!IsPlain(root) || ScannerJson.Read(root["pre_tokenizer"]) is not PreTokenScanner scanner) return null;
        JsonField model = root["model"];
        Dictionary<string, int> vocabulary = TokenizerJsonParts.ReadVocabulary(model["vocab"]);
        List<AddedToken> added = TokenizerJsonParts.ReadAddedTokens(root["added_tokens"]);
        if (added.Exists(token => token.SingleWord || token.LeftStrip || token.RightStrip)) return null;
        MergeTable merges = ReadMerges(model["merges"], vocabulary);
        if (vocabulary.Count == 0) throw model["vocab"].Error("the vocabulary is empty");
        return new BytePairTokenizer(vocabulary, merges, scanner, added);
    }

    private static bool IsPlain(JsonField root)
    {
        JsonField model = root["model"];
        return root["normalizer"].IsNull
            && root["truncation"].IsNull && root["padding"].IsNull
            && (root["post_processor"].IsNull || IsByteLevel(root["post_processor"]))
            && IsByteLevel(root["decoder"])
            && model["type"].String("BPE") == "BPE" && !model["merges"].IsNull
            && model["dropout"].IsNull && model["unk_token"].IsNull
            && string.IsNullOrEmpty(model["continuing_subword_prefix"].String(null)) && string.IsNullOrEmpty(model["end_of_word_suffix"].String(null))
            && !model["byte_fallback"].Boolean(false) && !model["ignore_merges"].Boolean(false);
    }

    // The tokens around a text, as Llama 3's file has them.
    private static void WriteTemplate(Utf8JsonWriter writer, BytePairTokenizer tokenizer)
    {
        int[] special = [.. ((int?[])[tokenizer.Around.Begin, tokenizer.Around.End]).OfType<int>().Distinct()];
        writer.WriteStartObject();
        writer.WriteString("type", "TemplateProcessing");
        WriteSide("single", ["A"]);
        WriteSide("pair", ["A", "B"]);
        writer.WriteStartObject("special_tokens");
        foreach (int id in special)
        {
            writer.WriteStartObject(tokenizer.Token(id));
            writer.WriteString("id", tokenizer.Token(id));
            writer.WriteStartArray("ids");
            writer.WriteNumberValue(id);
            writer.WriteEndArray();
            writer.WriteStartArray("tokens");
            writer.WriteStringValue(tokenizer.Token(id));
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        writer.WriteEndObject();

        void WriteSide(string name, string[] texts)
        {
            writer.WriteStartArray(name);
            for (int i = 0; i < texts.Length; i++)
            {
                WritePart("SpecialToken", tokenizer.Around.Begin is int begin ? tokenizer.Token(begin) : null, i);
                WritePart("Sequence", texts[i], i);
                WritePart("SpecialToken", tokenizer.Around.End is int end ? tokenizer.Token(end) : null, i);
            }
            writer.WriteEndArray();
        }

        void WritePart(string kind, string? id, int typeId)
        {
            if (id is null) return;
            writer.WriteStartObject();
            writer.WriteStartObject(kind);
            writer.WriteString("id", id);
            writer.WriteNumber("type_id", typeId);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
    }

    /// <summary>Reads merges, each a pair of tokens or both in one string with a space between.</summary>
    public static MergeTable ReadMerges(JsonField field, IReadOnlyDictionary<string, int> vocabulary, string continuingPrefix = "")
    {
        MergeTable merges = new(field.Value.ValueKind == JsonValueKind.Array ? field.Value.GetArrayLength() : 0);
        int rank = 0;
        foreach (JsonField item in field.Items())
        {
            (string left, string right) = ReadPair(item);
            string end = continuingPrefix.Length > 0 && right.Length >= continuingPrefix.Length ? right[continuingPrefix.Length..] : right;
            merges.Set(Id(left), Id(right), rank++, Id(left + end));

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
}

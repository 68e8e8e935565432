using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>A character vocabulary as a <c>tokenizer.json</c>: BPE without merges and without pre-tokenizer.</summary>
/// <remarks>
/// Without merges a BPE model gives one token for each code point, and without a pre-tokenizer it sees the text as it is, line
/// feeds included. The decoder is <c>Fuse</c>, because without one the tokens would be joined with spaces.
/// </remarks>
internal static class CharacterJson
{
    /// <summary>Writes the file.</summary>
    public static void Save(CharacterTokenizer tokenizer, IReadOnlyDictionary<string, int> ids, string path) => JsonFile.Write(path, writer =>
    {
        writer.WriteStartObject();
        TokenizerJsonParts.WriteHead(writer, tokenizer.AddedTokens);
        writer.WriteNull("normalizer");
        writer.WriteNull("pre_tokenizer");
        writer.WriteNull("post_processor");
        writer.WriteStartObject("decoder");
        writer.WriteString("type", "Fuse");
        writer.WriteEndObject();
        TokenizerJsonParts.WriteBytePairModel(writer, tokenizer.UnknownToken, ids, []);
        writer.WriteEndObject();
    });

    /// <summary>Whether a file is a character vocabulary.</summary>
    public static bool Describes(JsonField root)
    {
        JsonField model = root["model"];
        if (!root["normalizer"].IsNull || !root["pre_tokenizer"].IsNull || !root["post_processor"].IsNull) return false;
        if (!root["truncation"].IsNull || !root["padding"].IsNull) return false;
        if (root["decoder"].IsNull || root["decoder"]["type"].String() != "Fuse") return false;
        return model["type"].String("BPE") == "BPE"
            && model["merges"].Value.ValueKind == JsonValueKind.Array && model["merges"].Value.GetArrayLength() == 0
            && string.IsNullOrEmpty(model["continuing_subword_prefix"].String(null)) && string.IsNullOrEmpty(model["end_of_word_suffix"].String(null))
            && !model["fuse_unk"].Boolean(false) && !model["byte_fallback"].Boolean(false) && !model["ignore_merges"].Boolean(false);
    }

    /// <summary>Reads a file that <see cref="Describes"/> accepts.</summary>
    public static CharacterTokenizer Load(JsonField root)
    {
        JsonField model = root["model"];
        Dictionary<string, int> vocabulary = TokenizerJsonParts.ReadVocabulary(model["vocab"]);
        if (vocabulary.Count == 0) throw model["vocab"].Error("the vocabulary is empty");
        List<AddedToken> added = TokenizerJsonParts.ReadAddedTokens(root["added_tokens"]);
        string? unknown = model["unk_token"].String(null);
        if (unknown is not null && !vocabulary.ContainsKey(unknown)) throw model["unk_token"].Error($"'{unknown}' is not in the vocabulary");
        return new CharacterTokenizer(vocabulary, unknown, added);
    }
}

using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>The parts of a <c>tokenizer.json</c> that every kind of tokenizer shares.</summary>
internal static class TokenizerJsonParts
{
    // More ids than any published vocabulary has (Gemma 3: 262,144): a stray id must not make us allocate gigabytes.
    private const int LargestId = 16_000_000;

    /// <summary>Reads the <c>vocab</c> object of a model: token to id, each id once.</summary>
    public static Dictionary<string, int> ReadVocabulary(JsonField vocab)
    {
        Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
        HashSet<int> ids = [];
        foreach ((string token, JsonField field) in vocab.Fields())
        {
            int id = field.Integer(LargestId);
            if (!vocabulary.TryAdd(token, id)) throw field.Error("the token stands in the vocabulary twice");
            if (!ids.Add(id)) throw field.Error($"the id {id} has two tokens");
        }
        return vocabulary;
    }

    /// <summary>Reads <c>added_tokens</c>.</summary>
    public static List<AddedToken> ReadAddedTokens(JsonField field)
    {
        List<AddedToken> tokens = [];
        if (field.IsNull) return tokens;
        foreach (JsonField item in field.Items())
        {
            tokens.Add(new AddedToken(item["content"].String(), item["id"].Integer(LargestId))
            {
                Special = item["special"].Boolean(false),
                SingleWord = item["single_word"].Boolean(false),
                LeftStrip = item["lstrip"].Boolean(false),
                RightStrip = item["rstrip"].Boolean(false),
                Normalized = item["normalized"].Boolean(!item["special"].Boolean(false)),
            });
        }
        return tokens;
    }

    /// <summary>Writes version, truncation, padding and <c>added_tokens</c>, with which the file begins.</summary>
    public static void WriteHead(Utf8JsonWriter writer, IEnumerable<AddedToken> addedTokens)
    {
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        WriteAddedTokens(writer, addedTokens);
    }

    /// <summary>Writes <c>added_tokens</c>.</summary>
    public static void WriteAddedTokens(Utf8JsonWriter writer, IEnumerable<AddedToken> addedTokens)
    {
        writer.WriteStartArray("added_tokens");
        foreach (AddedToken token in addedTokens)
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", token.Id);
            writer.WriteString("content", token.Content);
            writer.WriteBoolean("single_word", token.SingleWord);
            writer.WriteBoolean("lstrip", token.LeftStrip);
            writer.WriteBoolean("rstrip", token.RightStrip);
            writer.WriteBoolean("normalized", token.Normalized);
            writer.WriteBoolean("special", token.Special);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    /// <summary>Writes a BPE model.</summary>
    public static void WriteBytePairModel(
        Utf8JsonWriter writer, string? unknownToken, IReadOnlyDictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> merges,
        string continuingPrefix = "", string endOfWordSuffix = "", bool fuseUnknown = false, bool byteFallback = false)
    {
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        writer.WriteNull("dropout");
        writer.WriteString("unk_token", unknownToken);
        writer.WriteString("continuing_subword_prefix", continuingPrefix.Length == 0 ? null : continuingPrefix);
        writer.WriteString("end_of_word_suffix", endOfWordSuffix.Length == 0 ? null : endOfWordSuffix);
        writer.WriteBoolean("fuse_unk", fuseUnknown);
        writer.WriteBoolean("byte_fallback", byteFallback);
        writer.WriteBoolean("ignore_merges", false);
        writer.WriteStartObject("vocab");
        foreach ((string token, int id) in vocabulary.OrderBy(entry => entry.Value)) writer.WriteNumber(token, id);
        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach ((string left, string right) in merges)
        {
            writer.WriteStartArray();
            writer.WriteStringValue(left);
            writer.WriteStringValue(right);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}

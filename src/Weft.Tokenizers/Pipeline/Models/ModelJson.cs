using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Reads the <c>model</c> of a <c>tokenizer.json</c>.</summary>
internal static class ModelJson
{
    /// <summary>The model.</summary>
    public static TokenModel Read(JsonField field) => Type(field) switch
    {
        "BPE" => ReadBytePair(field),
        "WordPiece" => new WordPieceModel(
            TokenizerJsonParts.ReadVocabulary(field["vocab"]), field["unk_token"].String("[UNK]")!, field["continuing_subword_prefix"].String("##")!,
            field["max_input_chars_per_word"].IsNull ? 100 : field["max_input_chars_per_word"].Integer()),
        "WordLevel" => new WordLevelModel(TokenizerJsonParts.ReadVocabulary(field["vocab"]), field["unk_token"].String("<unk>")!),
        "Unigram" => ReadUnigram(field),
        _ => throw PatternJson.Unknown(field, "model"),
    };

    // Files before version 0.8 of the library do not say which model they hold; what they hold tells.
    private static string Type(JsonField field)
    {
        if (!field["type"].IsNull) return field["type"].String();
        if (!field["merges"].IsNull) return "BPE";
        if (field["vocab"].Value.ValueKind == JsonValueKind.Array) return "Unigram";
        return field["continuing_subword_prefix"].IsNull ? "WordLevel" : "WordPiece";
    }

    private static BytePairModel ReadBytePair(JsonField field)
    {
        Dictionary<string, int> vocabulary = TokenizerJsonParts.ReadVocabulary(field["vocab"]);
        double dropout = field["dropout"].IsNull ? 0 : field["dropout"].Number();
        if (dropout is > 0 and < 1) throw field["dropout"].Error("a dropout between 0 and 1 is not supported: encoding would not be the same every time");
        BytePairModel.Options options = new()
        {
            UnknownToken = field["unk_token"].String(null),
            ContinuingPrefix = field["continuing_subword_prefix"].String("")!,
            EndOfWordSuffix = field["end_of_word_suffix"].String("")!,
            FuseUnknown = field["fuse_unk"].Boolean(false),
            ByteFallback = field["byte_fallback"].Boolean(false),
            IgnoreMerges = field["ignore_merges"].Boolean(false),
            Dropout = dropout,
        };
        return new BytePairModel(vocabulary, BytePairJson.ReadMerges(field["merges"], vocabulary, options.ContinuingPrefix), options);
    }

    private static UnigramModel ReadUnigram(JsonField field)
    {
        List<(string, double)> tokens = [];
        foreach (JsonField item in field["vocab"].Items())
        {
            JsonField[] pair = [.. item.Items()];
            if (pair.Length != 2) throw item.Error("expected a token and its score");
            tokens.Add((pair[0].String(), pair[1].Number()));
        }
        int? unknown = field["unk_id"].IsNull ? null : field["unk_id"].Integer();
        if (tokens.Count == 0) throw field["vocab"].Error("the vocabulary is empty");
        if (unknown >= tokens.Count) throw field["unk_id"].Error($"{unknown} is not the id of one of the {tokens.Count} tokens");
        return new UnigramModel(tokens, unknown, field["byte_fallback"].Boolean(false));
    }
}

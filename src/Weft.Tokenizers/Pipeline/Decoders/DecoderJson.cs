namespace Weft.Tokenizers;

/// <summary>Reads the <c>decoder</c> of a <c>tokenizer.json</c>.</summary>
internal static class DecoderJson
{
    /// <summary>The decoder, or null where there is none.</summary>
    public static TokenDecoder? Read(JsonField field) => field.IsNull ? null : ReadPart(field);

    private static TokenDecoder ReadPart(JsonField field) => field["type"].String() switch
    {
        "Sequence" => new SequenceDecoder([.. field["decoders"].Items().Select(ReadPart)]),
        "ByteLevel" => new ByteLevelDecoder(),
        "WordPiece" => new WordPieceDecoder(field["prefix"].String("##")!, field["cleanup"].Boolean(true)),
        "Metaspace" => new MetaspaceDecoder(PatternJson.ReadCharacter(field["replacement"]), PatternJson.ReadPrependScheme(field)),
        "BPEDecoder" => new BytePairDecoder(field["suffix"].String("</w>")!),
        "CTC" => new CtcDecoder(field["pad_token"].String("<pad>")!, field["word_delimiter_token"].String("|")!, field["cleanup"].Boolean(true)),
        "Fuse" => new FuseDecoder(),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Replace" => new ReplaceDecoder(PatternJson.ReadMatcher(field["pattern"]), field["content"].String()),
        "Strip" => new StripDecoder(PatternJson.ReadCharacter(field["content"]), field["start"].Integer(), field["stop"].Integer()),
        _ => throw PatternJson.Unknown(field, "decoder"),
    };
}

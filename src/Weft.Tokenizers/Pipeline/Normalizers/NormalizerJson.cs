namespace Weft.Tokenizers;

/// <summary>Reads the <c>normalizer</c> of a <c>tokenizer.json</c>.</summary>
internal static class NormalizerJson
{
    /// <summary>The normalizer, or null where there is none.</summary>
    public static Normalizer? Read(JsonField field) => field.IsNull ? null : ReadPart(field);

    private static Normalizer ReadPart(JsonField field) => field["type"].String() switch
    {
        "Sequence" => new SequenceNormalizer([.. field["normalizers"].Items().Select(ReadPart)]),
        "NFC" => new UnicodeNormalizer(compatibility: false, compose: true),
        "NFD" => new UnicodeNormalizer(compatibility: false, compose: false),
        "NFKC" => new UnicodeNormalizer(compatibility: true, compose: true),
        "NFKD" => new UnicodeNormalizer(compatibility: true, compose: false),
        "Lowercase" => new LowercaseNormalizer(),
        "StripAccents" => DroppingNormalizer.Marks,
        "Strip" => new StripNormalizer(field["strip_left"].Boolean(true), field["strip_right"].Boolean(true)),
        "BertNormalizer" => new BertNormalizer(
            field["clean_text"].Boolean(true), field["handle_chinese_chars"].Boolean(true),
            field["strip_accents"].IsNull ? null : field["strip_accents"].Boolean(false), field["lowercase"].Boolean(true)),
        "Replace" => new ReplaceNormalizer(PatternJson.ReadMatcher(field["pattern"]), field["content"].String()),
        "Prepend" => new PrependNormalizer(field["prepend"].String()),
        "Nmt" => new NmtNormalizer(),
        "ByteLevel" => new ByteLevelNormalizer(),
        "Precompiled" => ReadPrecompiled(field["precompiled_charsmap"]),
        _ => throw PatternJson.Unknown(field, "normalizer"),
    };

    private static PrecompiledNormalizer ReadPrecompiled(JsonField field)
    {
        try
        {
            return new PrecompiledNormalizer(new CharacterMap(Convert.FromBase64String(field.String())));
        }
        catch (FormatException problem) when (problem is not TokenizerFormatException)
        {
            throw field.Error(problem.Message, problem);
        }
    }
}

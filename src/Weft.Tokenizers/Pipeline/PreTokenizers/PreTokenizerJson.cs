namespace Weft.Tokenizers;

/// <summary>Reads the <c>pre_tokenizer</c> of a <c>tokenizer.json</c>.</summary>
internal static class PreTokenizerJson
{
    /// <summary>The pre-tokenizer, or null where there is none.</summary>
    public static PreTokenizer? Read(JsonField field) => field.IsNull ? null : ReadPart(field);

    private static PreTokenizer ReadPart(JsonField field) => field["type"].String() switch
    {
        "Sequence" => new SequencePreTokenizer([.. field["pretokenizers"].Items().Select(ReadPart)]),
        "ByteLevel" => new ByteLevelPreTokenizer(field["add_prefix_space"].Boolean(true), field["use_regex"].Boolean(true)),
        "Whitespace" => new WhitespacePreTokenizer(),
        "WhitespaceSplit" => CharacterPreTokenizer.WhitespaceSplit,
        "BertPreTokenizer" => new BertPreTokenizer(),
        "CharDelimiterSplit" => Delimiter(field["delimiter"]),
        "UnicodeScripts" => new ScriptPreTokenizer(),
        "Digits" => CharacterPreTokenizer.Digits(field["individual_digits"].Boolean(false)),
        "Punctuation" => CharacterPreTokenizer.Punctuation(PatternJson.ReadBehavior(field["behavior"])),
        "Metaspace" => new MetaspacePreTokenizer(PatternJson.ReadCharacter(field["replacement"]), PatternJson.ReadPrependScheme(field), field["split"].Boolean(true)),
        "Split" => new SplitPreTokenizer(PatternJson.ReadMatcher(field["pattern"]), PatternJson.ReadBehavior(field["behavior"]), field["invert"].Boolean(false)),
        "FixedLength" => new FixedLengthPreTokenizer(field["length"].Integer() is > 0 and int length ? length : throw field["length"].Error("the length must be at least 1")),
        _ => throw PatternJson.Unknown(field, "pre-tokenizer"),
    };

    private static CharacterPreTokenizer Delimiter(JsonField field)
    {
        System.Text.Rune delimiter = PatternJson.ReadCharacter(field);
        return new CharacterPreTokenizer(rune => rune == delimiter, DelimiterBehavior.Removed);
    }
}

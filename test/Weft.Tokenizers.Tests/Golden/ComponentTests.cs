using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Every normalizer, pre-tokenizer, decoder, post-processor, model, truncation, padding and added token of the golden set.</summary>
public class ComponentTests
{
    [Fact]
    public void NormalizersAndPreTokenizers_GoldenTexts_AreTheSame()
    {
        JsonElement file = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "components_text.json.gz"));
        string[] texts = [.. file.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!)];
        Mismatches mismatches = new();
        foreach (JsonElement golden in file.GetProperty("cases").EnumerateArray())
        {
            string name = golden.GetProperty("name").GetString()!;
            string kind = golden.GetProperty("kind").GetString()!;
            using JsonDocument attrs = JsonDocument.Parse(WithCharacterMap(golden.GetProperty("attrs")));
            JsonField field = JsonField.Root(name, attrs);
            JsonElement outputs = golden.GetProperty("outputs");
            for (int i = 0; i < texts.Length; i++)
            {
                if (kind == "normalizer")
                {
                    string? expected = outputs.GetProperty("texts")[i].GetString() ?? texts[i];
                    mismatches.Compare($"{name} [{i}] {Show(texts[i])}", Show(expected), Show(NormalizerJson.Read(field)!.Normalize(texts[i])));
                }
                else
                {
                    CodePointIndex index = new(texts[i]);
                    List<AlignedText> pieces = PreTokenizerJson.Read(field)!.SplitAll([AlignedText.Original(texts[i].AsMemory())]);
                    string actual = string.Join(' ', pieces.Select(piece => $"{Show(piece.Text.ToString())} {index[piece.RangeOf(0).Begin]} {index[piece.RangeOf(piece.Length - 1).End]}"));
                    string expected = string.Join(' ', outputs.GetProperty("pieces")[i].EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? Show(item.GetString()!) : item.ToString()));
                    mismatches.Compare($"{name} [{i}] {Show(texts[i])}", expected, actual);
                }
            }
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Decoders_GoldenTokens_GiveTheGoldenText()
    {
        Mismatches mismatches = new();
        foreach (JsonElement golden in Cases("decoder"))
        {
            using JsonDocument attrs = JsonDocument.Parse(golden.GetProperty("attrs").GetRawText());
            TokenDecoder decoder = DecoderJson.Read(JsonField.Root("test", attrs))!;
            JsonElement[] lists = [.. golden.GetProperty("inputs").GetProperty("token_lists").EnumerateArray()];
            JsonElement decoded = golden.GetProperty("outputs").GetProperty("decoded");
            for (int i = 0; i < lists.Length; i++)
            {
                string actual = decoder.Decode([.. lists[i].EnumerateArray().Select(token => token.GetString()!)]);
                // Where the reference crashes, a sensible text is as good.
                if (decoded[i].ValueKind == JsonValueKind.String) mismatches.Compare($"{golden.GetProperty("name")} {lists[i]}", decoded[i].GetString(), actual);
            }
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void PostProcessors_GoldenTexts_GiveTheGoldenEncodings()
    {
        Mismatches mismatches = new();
        foreach (JsonElement golden in Cases("post_processor"))
        {
            PipelineTokenizer tokenizer = Small(postProcessor: golden.GetProperty("attrs").GetRawText());
            JsonElement inputs = golden.GetProperty("inputs");
            string name = golden.GetProperty("name").GetString()!;
            EncodeOptions options = new() { AllowSpecial = true, AddSpecialTokens = !inputs.TryGetProperty("add_special_tokens", out JsonElement add) || add.GetBoolean() };
            JsonElement outputs = golden.GetProperty("outputs");
            if (inputs.TryGetProperty("words", out JsonElement words))
            {
                string[] first = Strings(words);
                CompareEncoding(mismatches, name, outputs.GetProperty("single")[0], tokenizer.EncodeWords(first, null, options));
                CompareEncoding(mismatches, name, outputs.GetProperty("pair")[0], tokenizer.EncodeWords(first, Strings(inputs.GetProperty("words_b")), options));
                continue;
            }
            for (int i = 0; i < inputs.GetProperty("single").GetArrayLength(); i++)
                CompareEncoding(mismatches, $"{name} single {i}", outputs.GetProperty("single")[i], tokenizer.EncodeWithOffsets(inputs.GetProperty("single")[i].GetString()!, null, options));
            for (int i = 0; i < inputs.GetProperty("pair").GetArrayLength(); i++)
            {
                JsonElement pair = inputs.GetProperty("pair")[i];
                CompareEncoding(mismatches, $"{name} pair {i}", outputs.GetProperty("pair")[i], tokenizer.EncodeWithOffsets(pair[0].GetString()!, pair[1].GetString(), options));
            }
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Truncation_GoldenTexts_GivesTheGoldenParts()
    {
        Mismatches mismatches = new();
        foreach (JsonElement golden in Cases("truncation"))
        {
            JsonElement attrs = golden.GetProperty("attrs");
            string? processor = attrs.GetProperty("post_processor").GetString();
            TruncationConfig truncation = new()
            {
                MaximumLength = attrs.GetProperty("max_length").GetInt32(),
                Stride = attrs.GetProperty("stride").GetInt32(),
                FromLeft = attrs.GetProperty("direction").GetString() == "left",
                Strategy = attrs.GetProperty("strategy").GetString() switch { "only_first" => TruncationStrategy.OnlyFirst, "only_second" => TruncationStrategy.OnlySecond, _ => TruncationStrategy.LongestFirst },
            };
            PipelineTokenizer tokenizer = Small(postProcessor: processor == "none" ? "null" : BertProcessing).With(truncation, null);
            JsonElement inputs = golden.GetProperty("inputs");
            string a = inputs.GetProperty("a").GetString()!;
            string b = inputs.GetProperty("b").GetString()!;
            JsonElement outputs = golden.GetProperty("outputs");
            Check("single", a, null);
            Check("pair", a, b);
            Check("pair_reversed", b, a);

            void Check(string part, string first, string? second)
            {
                string what = $"{golden.GetProperty("name")} {part}";
                JsonElement expected = outputs.GetProperty(part);
                EncodeOptions options = new() { AllowSpecial = true, AddSpecialTokens = true };
                if (expected.TryGetProperty("error", out _))
                {
                    try
                    {
                        tokenizer.EncodeWithOffsets(first, second, options);
                        mismatches.Add($"{what}: not refused");
                    }
                    catch (ArgumentException)
                    {
                    }
                    return;
                }
                TokenEncoding actual = tokenizer.EncodeWithOffsets(first, second, options);
                mismatches.Compare(what, GoldenFiles.Ints(expected.GetProperty("ids")), actual.Ids);
                mismatches.Compare(what, GoldenFiles.Ints(expected.GetProperty("off")), Flat(actual.Offsets));
                mismatches.Compare(what, GoldenFiles.Ints(expected.GetProperty("type_ids")), actual.TypeIds);
                mismatches.Compare(what, string.Join(' ', expected.GetProperty("overflowing").EnumerateArray().Select(ids => ids.GetRawText().Replace(" ", ""))),
                    string.Join(' ', actual.Overflowing.Select(encoding => $"[{string.Join(',', encoding.Ids)}]")));
            }
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Padding_GoldenBatches_GivesTheGoldenEncodings()
    {
        Mismatches mismatches = new();
        foreach (JsonElement golden in Cases("padding"))
        {
            JsonElement attrs = golden.GetProperty("attrs");
            TruncationConfig? truncation = attrs.TryGetProperty("max_length", out JsonElement length)
                ? new TruncationConfig { MaximumLength = length.GetInt32(), Stride = attrs.GetProperty("stride").GetInt32() }
                : null;
            PipelineTokenizer tokenizer = Small(postProcessor: BertProcessing).With(truncation, new PaddingConfig
            {
                Left = attrs.GetProperty("direction").GetString() == "left",
                FixedLength = Optional(attrs, "length"),
                MultipleOf = Optional(attrs, "pad_to_multiple_of"),
                TypeId = attrs.GetProperty("pad_type_id").GetInt32(),
            });
            JsonElement batch = golden.GetProperty("inputs").GetProperty("batch");
            (string, string?)[] texts = [.. batch.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? (item.GetString()!, null) : (item[0].GetString()!, item[1].GetString()))];
            IReadOnlyList<TokenEncoding> actual = tokenizer.EncodeWithOffsets(texts, new EncodeOptions { AllowSpecial = true, AddSpecialTokens = true });
            for (int i = 0; i < texts.Length; i++)
                CompareEncoding(mismatches, $"{golden.GetProperty("name")} {i}", golden.GetProperty("outputs").GetProperty("batch")[i], actual[i]);
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void AddedTokens_GoldenTexts_AreFoundAsInTheReference()
    {
        Mismatches mismatches = new();
        foreach (JsonElement golden in Cases("added_token", "added_token_set"))
        {
            JsonElement attrs = golden.GetProperty("attrs");
            JsonElement outputs = golden.GetProperty("outputs");
            List<AddedToken> added = [];
            if (attrs.TryGetProperty("tokens", out JsonElement tokens))
                foreach (JsonElement token in tokens.EnumerateArray())
                    added.Add(new AddedToken(token.GetString()!, 31 + added.Count) { Special = false, Normalized = true });
            else
                added.Add(new AddedToken(attrs.GetProperty("content").GetString()!, outputs.GetProperty("id").GetInt32())
                {
                    // The reference does not forget that a token was special when it is added again as one that is not.
                    Special = attrs.GetProperty("special").GetBoolean() || attrs.GetProperty("content").GetString()!.StartsWith('['),
                    Normalized = attrs.GetProperty("normalized_effective").GetBoolean(),
                    SingleWord = attrs.TryGetProperty("single_word", out JsonElement word) && word.GetBoolean(),
                    LeftStrip = attrs.TryGetProperty("lstrip", out JsonElement left) && left.GetBoolean(),
                    RightStrip = attrs.TryGetProperty("rstrip", out JsonElement right) && right.GetBoolean(),
                });
            string normalizer = attrs.TryGetProperty("normalizer", out JsonElement kind) ? kind.GetString() ?? "" : "";
            PipelineTokenizer tokenizer = Small(added, normalizer switch
            {
                "lowercase" => """{"type":"Lowercase"}""",
                "nfd_strip_accents_lower" => """{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"}]}""",
                _ => "null",
            });
            JsonElement texts = golden.GetProperty("inputs").GetProperty("texts");
            for (int i = 0; i < texts.GetArrayLength(); i++)
            {
                JsonElement row = outputs.GetProperty("rows")[i];
                string what = $"{golden.GetProperty("name")} {attrs} {texts[i]}";
                TokenEncoding encoding = tokenizer.EncodeWithOffsets(texts[i].GetString()!, null, EncodeOptions.Special);
                mismatches.Compare(what, GoldenFiles.Ints(row.GetProperty("ids")), encoding.Ids);
                mismatches.Compare(what, GoldenFiles.Ints(row.GetProperty("off")), Flat(encoding.Offsets));
                // The reference decodes a token that is looked for in normalized text to its normalized content, and then does not
                // know it as special; here it decodes to what it is.
                bool changes = added.Exists(token => token.Normalized && tokenizer.Parts.Normalizer?.Normalize(token.Content) is string content && content != token.Content);
                if (!changes && row.TryGetProperty("skip", out JsonElement skip)) mismatches.Compare(what, skip.GetString(), tokenizer.Decode(encoding.Ids, skipSpecial: true));
            }
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Models_GoldenTexts_GiveTheGoldenTokens()
    {
        Mismatches mismatches = new();
        foreach (JsonElement golden in Cases("model_bpe", "model_wordpiece", "model_unigram", "model_wordlevel"))
        {
            string type = golden.GetProperty("kind").GetString() switch { "model_bpe" => "BPE", "model_wordpiece" => "WordPiece", "model_unigram" => "Unigram", _ => "WordLevel" };
            JsonElement attrs = golden.GetProperty("attrs");
            string pre = attrs.TryGetProperty("pre_tokenizer", out JsonElement name) ? $$"""{"type":"{{name}}"}""" : "null";
            string model = attrs.GetRawText().Trim()[1..];
            PipelineTokenizer tokenizer = GoldenTokenizers.FromJson($$"""{"added_tokens":[],"normalizer":null,"pre_tokenizer":{{pre}},"post_processor":null,"decoder":null,"model":{"type":"{{type}}",{{model}}}""");
            JsonElement texts = golden.GetProperty("inputs").GetProperty("texts");
            for (int i = 0; i < texts.GetArrayLength(); i++)
            {
                JsonElement row = golden.GetProperty("outputs").GetProperty("rows")[i];
                string what = $"{golden.GetProperty("name")} {texts[i]}";
                TokenEncoding encoding = tokenizer.EncodeWithOffsets(texts[i].GetString()!, null, EncodeOptions.Special);
                mismatches.Compare(what, GoldenFiles.Ints(row.GetProperty("ids")), encoding.Ids);
                mismatches.Compare(what, string.Join(' ', Strings(row.GetProperty("tokens"))), string.Join(' ', encoding.Tokens));
                if (!DropsCharacters(tokenizer, encoding, texts[i].GetString()!)) mismatches.Compare(what, GoldenFiles.Ints(row.GetProperty("off")), Flat(encoding.Offsets));
            }
        }
        mismatches.AssertNone();
    }

    /// <summary>Compares whatever the golden row has.</summary>
    internal static void CompareEncoding(Mismatches mismatches, string what, JsonElement expected, TokenEncoding actual)
    {
        foreach (JsonProperty field in expected.EnumerateObject())
        {
            string? value = field.Name switch
            {
                "ids" => Join(actual.Ids),
                "tokens" => string.Join(' ', actual.Tokens),
                "off" => Join(Flat(actual.Offsets)),
                "type_ids" => Join(actual.TypeIds),
                "mask" => Join(actual.AttentionMask),
                "special_mask" => Join(actual.SpecialTokensMask),
                "word_ids" => string.Join(',', actual.WordIds.Select(id => id?.ToString() ?? "null")),
                "seq_ids" => string.Join(',', actual.SequenceIds.Select(id => id?.ToString() ?? "null")),
                _ => null,
            };
            if (field.Name == "overflowing")
            {
                mismatches.Compare(what + " overflowing", field.Value.GetArrayLength(), actual.Overflowing.Count);
                for (int i = 0; i < Math.Min(field.Value.GetArrayLength(), actual.Overflowing.Count); i++) CompareEncoding(mismatches, $"{what} overflowing {i}", field.Value[i], actual.Overflowing[i]);
                continue;
            }
            string golden = field.Name == "tokens" ? string.Join(' ', Strings(field.Value)) : field.Value.GetRawText().Replace(" ", "").Trim('[', ']');
            mismatches.Compare($"{what} {field.Name}", golden, value);
        }
    }

    // The reference counts the lengths of tokens together, so that a character that is left out (no unknown token) moves all that
    // follow. Here tokens keep their true place.
    internal static bool DropsCharacters(PipelineTokenizer tokenizer, TokenEncoding encoding, string text) =>
        tokenizer.Parts.Model is BytePairModel { DropsUnknown: true }
        && (tokenizer.Parts.Normalizer?.Normalize(text) ?? text) is string normalized
        && tokenizer.Decode(encoding.Ids) is string decoded && decoded != normalized && decoded != " " + normalized && string.Concat(encoding.Tokens) != normalized;

    internal static IEnumerable<int> Flat((int Start, int End)[] offsets) => offsets.SelectMany(offset => (int[])[offset.Start, offset.End]);

    private const string BertProcessing = """{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}""";

    private static string Join(IEnumerable<int> values) => string.Join(',', values);

    private static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString()!)];

    private static int? Optional(JsonElement attrs, string name) => attrs.GetProperty(name).ValueKind == JsonValueKind.Number ? attrs.GetProperty(name).GetInt32() : null;

    private static IEnumerable<JsonElement> Cases(params string[] kinds) =>
        GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "components.json.gz")).GetProperty("cases").EnumerateArray()
            .Where(golden => kinds.Contains(golden.GetProperty("kind").GetString()));

    private static PipelineTokenizer Small(IReadOnlyList<AddedToken>? added = null, string normalizer = "null", string postProcessor = "null")
    {
        JsonElement small = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "components.json.gz")).GetProperty("wordpiece_small");
        StringBuilder tokens = new();
        foreach (JsonElement token in small.GetProperty("added_tokens").EnumerateArray())
            if (added is null || added.All(each => each.Content != token.GetProperty("content").GetString()))
                tokens.Append(tokens.Length > 0 ? "," : "").Append(token.GetRawText());
        foreach (AddedToken token in added ?? [])
            tokens.Append(tokens.Length > 0 ? "," : "").Append(
                $$"""{"id":{{token.Id}},"content":{{JsonSerializer.Serialize(token.Content)}},"single_word":{{Json(token.SingleWord)}},"lstrip":{{Json(token.LeftStrip)}},"rstrip":{{Json(token.RightStrip)}},"normalized":{{Json(token.Normalized)}},"special":{{Json(token.Special)}}}""");
        return GoldenTokenizers.FromJson(
            $$"""{"added_tokens":[{{tokens}}],"normalizer":{{normalizer}},"pre_tokenizer":{{small.GetProperty("pre_tokenizer")}},"post_processor":{{postProcessor}},"decoder":null,"model":{{small.GetProperty("model")}}}""");
    }

    private static string Json(bool value) => value ? "true" : "false";

    private static string WithCharacterMap(JsonElement attrs)
    {
        if (attrs.GetProperty("type").GetString() != "Precompiled") return attrs.GetRawText();
        JsonElement t5 = GoldenFiles.ReadJson(SharedFolder.Require("data", "tokenizers", "hf-json", "t5-small", "tokenizer.json.gz"));
        return t5.GetProperty("normalizer").GetRawText();
    }

    private static string Show(string text) => JsonSerializer.Serialize(text);
}

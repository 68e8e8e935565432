using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>The hostile strings through every tokenizer of kind <c>hf</c>, and the encodings of the trained tokenizers.</summary>
public class HostileEncodingTests
{
    public static TheoryData<string> HuggingFace() => [.. Files("hf")];

    public static TheoryData<string> Trained() =>
        [.. Directory.Exists(Path.Combine(SharedFolder.GoldenRoot, "tokenizers", "trained"))
            ? Directory.GetFiles(Path.Combine(SharedFolder.GoldenRoot, "tokenizers", "trained"), "*.encodings.json.gz").Select(path => Path.GetFileName(path)!).Order()
            : (IEnumerable<string>)["(absent)"]];

    [Theory]
    [MemberData(nameof(HuggingFace))]
    public void EncodeAndDecode_HostileStrings_AreTheGoldenOnes(string file)
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "hostile", file));
        PipelineTokenizer? tokenizer = GoldenTokenizers.Load(golden.GetProperty("tokenizer").GetString()!);
        if (tokenizer is null) Assert.Skip("no reader for this vocabulary");
        string[] texts = GoldenFiles.Strings();
        Mismatches mismatches = new();
        JsonElement[] rows = [.. golden.GetProperty("rows").EnumerateArray()];
        for (int i = 0; i < rows.Length; i++)
        {
            JsonElement row = rows[i];
            string what = $"[{i}] {JsonSerializer.Serialize(texts[i])}";
            int[] ids = GoldenFiles.Ints(row.GetProperty("ids"));
            TokenEncoding encoding = tokenizer.EncodeWithOffsets(texts[i], null, EncodeOptions.Special);
            if (tokenizer.Parts.Model is UnigramModel && IsTie(tokenizer, ids, encoding.Ids)) continue;
            mismatches.Compare(what, ids, encoding.Ids);
            mismatches.Compare(what, ids, tokenizer.Encode(texts[i], EncodeOptions.Special));
            // Where the character map drops the first characters of a text, the reference forgets them and moves all places.
            bool dropsFirst = tokenizer.Parts.Normalizer is PrecompiledNormalizer && texts[i].Length > 0 && char.IsControl(texts[i][0]);
            if (ids.SequenceEqual(encoding.Ids) && !dropsFirst && !ComponentTests.DropsCharacters(tokenizer, encoding, texts[i]))
                mismatches.Compare(what + " offsets of " + string.Join(' ', encoding.Tokens), GoldenFiles.Ints(row.GetProperty("off")), ComponentTests.Flat(encoding.Offsets));
            string decoded = row.GetProperty("dec").GetString() ?? texts[i];
            mismatches.Compare(what + " decoded", decoded, tokenizer.Decode(ids));
            mismatches.Compare(what + " decoded without special tokens", row.TryGetProperty("skip", out JsonElement skip) ? skip.GetString() : decoded, tokenizer.Decode(ids, skipSpecial: true));
            if (row.TryGetProperty("pre", out JsonElement pre) | row.TryGetProperty("post", out JsonElement post))
            {
                int[] whole = [.. pre.ValueKind == JsonValueKind.Array ? GoldenFiles.Ints(pre) : [], .. ids, .. post.ValueKind == JsonValueKind.Array ? GoldenFiles.Ints(post) : []];
                mismatches.Compare(what + " with special tokens", whole, tokenizer.Encode(texts[i], new EncodeOptions { AllowSpecial = true, AddSpecialTokens = true }));
            }
        }
        mismatches.AssertNone();
    }

    [Theory]
    [MemberData(nameof(Trained))]
    public void EncodeAndDecode_TrainedTokenizers_AreTheGoldenOnes(string file)
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "trained", file));
        PipelineTokenizer tokenizer = PipelineJson.Load(SharedFolder.RequireGolden("tokenizers", golden.GetProperty("tokenizer").GetString()!));
        string[] texts = GoldenFiles.Strings();
        Mismatches mismatches = new();
        foreach (JsonElement row in golden.GetProperty("rows").EnumerateArray())
        {
            string text = texts[row.GetProperty("i").GetInt32()];
            string what = $"[{row.GetProperty("i")}] {JsonSerializer.Serialize(text)}";
            int[] ids = GoldenFiles.Ints(row.GetProperty("ids"));
            TokenEncoding encoding = tokenizer.EncodeWithOffsets(text, null, new EncodeOptions { AllowSpecial = true, AddSpecialTokens = true });
            if (tokenizer.Parts.Model is UnigramModel && IsTie(tokenizer, ids, encoding.Ids)) continue;
            mismatches.Compare(what, ids, encoding.Ids);
            if (!ids.SequenceEqual(encoding.Ids)) continue;
            if (row.TryGetProperty("off", out JsonElement offsets) && !ComponentTests.DropsCharacters(tokenizer, encoding, text)) mismatches.Compare(what + " offsets", GoldenFiles.Ints(offsets), ComponentTests.Flat(encoding.Offsets));
            if (row.TryGetProperty("special_mask", out JsonElement mask)) mismatches.Compare(what + " mask", GoldenFiles.Ints(mask), encoding.SpecialTokensMask);
            if (row.TryGetProperty("type_ids", out JsonElement types)) mismatches.Compare(what + " types", GoldenFiles.Ints(types), encoding.TypeIds);
            if (row.TryGetProperty("dec", out JsonElement decoded)) mismatches.Compare(what + " decoded", decoded.GetString(), tokenizer.Decode(ids));
            if (row.TryGetProperty("skip", out JsonElement skip)) mismatches.Compare(what + " skip", skip.GetString(), tokenizer.Decode(ids, skipSpecial: true));
        }
        mismatches.AssertNone();
    }

    internal static IEnumerable<string> Files(string kind)
    {
        string folder = Path.Combine(SharedFolder.GoldenRoot, "tokenizers", "hostile");
        if (!Directory.Exists(folder)) return ["(absent)"];
        return Directory.GetFiles(folder).Where(path => GoldenFiles.ReadJson(path).GetProperty("kind").GetString() == kind).Select(path => Path.GetFileName(path)!).Order();
    }

    // Another segmentation is as good where its score is the same within 1e-3.
    private static bool IsTie(PipelineTokenizer tokenizer, int[] expected, int[] actual)
    {
        if (expected.SequenceEqual(actual)) return false;
        UnigramModel model = (UnigramModel)tokenizer.Parts.Model;
        double Score(int[] ids) => ids.Sum(id => id < model.Scores.Count ? model.Scores[id] : 0);
        return Math.Abs(Score(expected) - Score(actual)) < 1e-3 && tokenizer.Decode(expected) == tokenizer.Decode(actual);
    }
}

using System.IO.Compression;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>SentencePiece models, published and trained for the golden set.</summary>
public class SentencePieceTests
{
    public static TheoryData<string> Published() => [.. HostileEncodingTests.Files("sentencepiece")];

    [Theory]
    [MemberData(nameof(Published))]
    public void Encode_HostileStrings_AreTheGoldenOnes(string file)
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "hostile", file));
        Compare(golden, Load(golden.GetProperty("tokenizer").GetString()!.Replace("spm_", "", StringComparison.Ordinal)));
    }

    [Fact]
    public void Encode_WithModelsOfTheGoldenSet_GivesTheGoldenIds()
    {
        string folder = SharedFolder.RequireGolden("tokenizers");
        foreach (JsonElement golden in GoldenFiles.ReadJson(Path.Combine(folder, "spm.json")).GetProperty("cases").EnumerateArray())
        {
            JsonElement outputs = golden.GetProperty("outputs");
            SentencePieceTokenizer tokenizer = (SentencePieceTokenizer)Tokenizer.Load(Path.Combine(folder, outputs.GetProperty("model").GetString()!));
            Compare(GoldenFiles.ReadJson(Path.Combine(folder, outputs.GetProperty("encodings").GetString()!)), tokenizer, golden.GetProperty("name").GetString());
            string text = outputs.GetProperty("text").GetString()!;
            Assert.Equal(GoldenFiles.Ints(outputs.GetProperty("with_bos_eos")), tokenizer.Encode(text, new EncodeOptions { AddSpecialTokens = true }));
        }
    }

    internal static SentencePieceTokenizer Load(string name)
    {
        if (name == "tok105") return (SentencePieceTokenizer)Tokenizer.Load(SharedFolder.Require("data", "models", "babyllama-tok105", "tok105.model"));
        string folder = SharedFolder.Require("data", "tokenizers", "sentencepiece");
        string file = name switch
        {
            "llama2" => "llama2-tokenizer.model",
            "t5" => "t5-spiece.model",
            "test_model" => "test_model.model",
            "bytefallback" => "test_sentencepiece_with_bytefallback.model",
            "char" => "test_sentencepiece_bpe_char.model",
            _ => name,
        };
        if (!File.Exists(Path.Combine(folder, file))) Assert.Skip($"no model file is known for {name}");
        return (SentencePieceTokenizer)Tokenizer.Load(Path.Combine(folder, file));
    }

    private static void Compare(JsonElement golden, SentencePieceTokenizer tokenizer, string? name = null)
    {
        string[] texts = GoldenFiles.Strings();
        Mismatches mismatches = new();
        int i = -1;
        foreach (JsonElement row in golden.GetProperty("rows").EnumerateArray())
        {
            i++;
            string what = $"{name} [{i}] {JsonSerializer.Serialize(texts[i])}";
            int[] ids = GoldenFiles.Ints(row.GetProperty("ids"));
            mismatches.Compare(what + " normalized", row.GetProperty("norm").GetString() ?? texts[i], tokenizer.Normalize(texts[i]));
            mismatches.Compare(what + " decoded", row.GetProperty("dec").GetString() ?? texts[i], tokenizer.Decode(ids));
            if (row.TryGetProperty("tie", out _)) continue;
            TokenEncoding encoding = tokenizer.EncodeWithOffsets(texts[i]);
            mismatches.Compare(what, ids, tokenizer.Encode(texts[i]));
            mismatches.Compare(what + " with offsets", ids, encoding.Ids);
            if (ids.SequenceEqual(encoding.Ids)) mismatches.Compare(what + " offsets", GoldenFiles.Ints(row.GetProperty("off")), ComponentTests.Flat(encoding.Offsets));
            if (row.TryGetProperty("pieces", out JsonElement pieces)) mismatches.Compare(what + " pieces", string.Join(' ', pieces.EnumerateArray().Select(piece => piece.GetString())), string.Join(' ', encoding.Tokens));
        }
        mismatches.AssertNone();
    }
}

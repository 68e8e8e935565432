using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Rank files, GGUF vocabularies and token streams of the golden set.</summary>
public class OtherEncodingTests
{
    public static TheoryData<string> Tiktoken() => [.. HostileEncodingTests.Files("tiktoken")];

    public static TheoryData<string> LlamaCpp() => [.. HostileEncodingTests.Files("llama.cpp")];

    [Theory]
    [MemberData(nameof(Tiktoken))]
    public void Encode_HostileStringsWithRankFiles_AreTheGoldenOnes(string file)
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "hostile", file));
        string name = golden.GetProperty("tokenizer").GetString()!.Replace("tiktoken_", "", StringComparison.Ordinal);
        Compare(golden, Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "tiktoken", name + ".tiktoken.gz")), decodes: true);
    }

    [Theory]
    [MemberData(nameof(LlamaCpp))]
    public void Encode_HostileStringsWithGgufVocabularies_AreTheGoldenOnes(string file)
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "hostile", file));
        string name = golden.GetProperty("tokenizer").GetString()!;
        Tokenizer? tokenizer = LoadLlamaCpp(name);
        if (tokenizer is null) Assert.Skip("GGUF vocabularies of this kind are not read yet.");
        Compare(golden, tokenizer, decodes: false);
    }

    internal static Tokenizer? LoadLlamaCpp(string name)
    {
        name = name.Replace("llamacpp_", "", StringComparison.Ordinal);
        string path = name switch
        {
            "smollm2" => SharedFolder.Require("models", "smollm2-135m-instruct"),
            "gpt2" => SharedFolder.Require("data", "tokenizers", "llama.cpp", "ggml-vocab-gpt-2.gguf.gz"),
            _ => SharedFolder.Require("data", "tokenizers", "llama.cpp", $"ggml-vocab-{name.Replace('_', '-')}.gguf.gz"),
        };
        GgufVocabulary vocabulary = GgufFile.Load(path)!;
        return vocabulary.CreateTokenizer();
    }

    [Fact]
    public void Append_GoldenStreams_GiveTheGoldenPieces()
    {
        Mismatches mismatches = new();
        Dictionary<string, Tokenizer?> tokenizers = [];
        foreach (JsonElement golden in GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "stream.json.gz")).GetProperty("cases").EnumerateArray())
        {
            string name = golden.GetProperty("tokenizer").GetString()!;
            bool bytes = golden.GetProperty("kind").GetString() == "utf8_incremental";
            string key = (bytes ? "tiktoken " : "hf ") + name;
            if (!tokenizers.TryGetValue(key, out Tokenizer? tokenizer))
                tokenizers[key] = tokenizer = bytes ? Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "tiktoken", name + ".tiktoken.gz")) : GoldenTokenizers.Load(name);
            if (tokenizer is null) continue;
            IncrementalDecoder decoder = tokenizer.CreateDecoder(!bytes && golden.GetProperty("skip_special").GetBoolean());
            string what = golden.GetProperty("name").GetString()!;
            int at = 0;
            string joined = "";
            // Python's decoder sees only with the third byte that an encoded surrogate is no character; .NET's with the second.
            bool late = bytes && System.Text.RegularExpressions.Regex.IsMatch(string.Concat(golden.GetProperty("bytes_hex").EnumerateArray().Select(item => item.GetString())), "^(..)*ed[ab]");
            foreach (int id in GoldenFiles.Ints(golden.GetProperty("ids")))
            {
                string piece = decoder.Append(id);
                joined += piece;
                if (!late) mismatches.Compare($"{what} piece {at}", golden.GetProperty("pieces")[at].GetString() ?? "", piece);
                at++;
            }
            string tail = decoder.Flush();
            mismatches.Compare($"{what} joined", string.Concat(golden.GetProperty("pieces").EnumerateArray().Select(piece => piece.GetString())), joined);
            if (bytes) mismatches.Compare($"{what} tail", golden.GetProperty("tail").GetString() ?? "", tail);
        }
        mismatches.AssertNone();
    }

    private static void Compare(JsonElement golden, Tokenizer tokenizer, bool decodes)
    {
        string[] texts = GoldenFiles.Strings();
        Mismatches mismatches = new();
        int i = -1;
        foreach (JsonElement row in golden.GetProperty("rows").EnumerateArray())
        {
            i++;
            if (tokenizer is PipelineTokenizer && IsBertException(texts[i])) continue;
            string what = $"[{i}] {JsonSerializer.Serialize(texts[i])}";
            int[] ids = GoldenFiles.Ints(row.GetProperty("ids"));
            mismatches.Compare(what, ids, tokenizer.Encode(texts[i]));
            mismatches.Compare(what + " special", row.TryGetProperty("ids_special", out JsonElement special) ? GoldenFiles.Ints(special) : ids, tokenizer.Encode(texts[i], EncodeOptions.Special));
            if (decodes) mismatches.Compare(what + " decoded", texts[i], tokenizer.Decode(ids));
            if (row.TryGetProperty("start", out JsonElement start)) mismatches.Compare(what + " starts", GoldenFiles.Ints(start), Starts(tokenizer, ids));
        }
        mismatches.AssertNone();
    }

    // For BERT a GGUF vocabulary follows BERT's own normalization, which the model was trained with. llama.cpp's own differs where
    // decomposition matters, on marks, on control characters, on the word mark itself, and on words of more than 100 characters.
    internal static bool IsBertException(string text) =>
        UnicodeNormalization.Normalize(text, compatibility: false, compose: false).EnumerateRunes().Any(rune =>
            Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Control
            || rune.Value is >= 0x1100 and <= 0x11FF or 0x2581)
        || text.Split(' ').Any(word => word.Length > 100);

    // The character in which each token begins.
    private static IEnumerable<int> Starts(Tokenizer tokenizer, int[] ids)
    {
        List<int> starts = [];
        int characters = 0; // begun so far
        foreach (int id in ids)
        {
            ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id);
            starts.Add((bytes[0] & 0xC0) == 0x80 ? characters - 1 : characters);
            foreach (byte value in bytes)
                if ((value & 0xC0) != 0x80)
                    characters++;
        }
        return starts;
    }
}

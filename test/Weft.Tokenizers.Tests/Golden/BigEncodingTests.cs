using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>20,000 lines of text and noise through every tokenizer, compared by hash.</summary>
public class BigEncodingTests
{
    [Fact]
    public void Encode_TwentyThousandLines_GivesTheGoldenHashes()
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("tokenizers", "big.json.gz"));
        List<string> lines = Lines(golden);
        Mismatches mismatches = new();
        foreach (JsonElement expected in golden.GetProperty("tokenizers").EnumerateArray())
        {
            string name = expected.GetProperty("tokenizer").GetString()!;
            string kind = expected.GetProperty("kind").GetString()!;
            Tokenizer? tokenizer = kind switch
            {
                "hf" => name switch { "gpt2" => Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "gpt2")), _ => GoldenTokenizers.Load(name) },
                "tiktoken" => Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "tiktoken", name.Replace("tiktoken_", "", StringComparison.Ordinal) + ".tiktoken.gz")),
                "sentencepiece" => SentencePieceTests.Load(name.Replace("spm_", "", StringComparison.Ordinal)),
                // llama.cpp normalizes for BERT in its own way; see OtherEncodingTests.
                _ => OtherEncodingTests.LoadLlamaCpp(name) is var other and not PipelineTokenizer ? other : null,
            };
            if (tokenizer is null) continue;
            HashSet<int> ties = expected.TryGetProperty("tie_lines", out JsonElement tieLines) ? [.. GoldenFiles.Ints(tieLines)] : [];
            List<int> ids = [];
            List<int> line = [];
            for (int i = 0; i < lines.Count; i++)
            {
                if (ties.Contains(i)) continue;
                line.Clear();
                tokenizer.Encode(lines[i], line, kind == "hf" ? EncodeOptions.Special : EncodeOptions.Default);
                if (line.Count != expected.GetProperty("counts")[i].GetInt32()) mismatches.Add($"{name} line {i} {JsonSerializer.Serialize(lines[i])}: expected {expected.GetProperty("counts")[i]} ids, got {line.Count}");
                ids.AddRange(line);
            }
            string hash = expected.GetProperty(ties.Count > 0 ? "sha256_ids_without_tie_lines" : "sha256_ids").GetString()!;
            mismatches.Compare(name, hash, GoldenFiles.Hash(ids));
        }
        mismatches.AssertNone();
    }

    private static List<string> Lines(JsonElement golden)
    {
        List<List<string>> sources = [];
        foreach (JsonElement source in golden.GetProperty("sources").EnumerateArray())
        {
            string text = GoldenFiles.ReadText(SharedFolder.Require(["data", .. source.GetString()!.Split('/')]));
            sources.Add([.. text.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0).Select(Cut)]);
        }
        string[] noise = [.. golden.GetProperty("noise_alphabet").EnumerateArray().Select(item => item.GetString()!)];
        ulong state = golden.GetProperty("seed").GetUInt64();
        List<string> lines = [];
        for (int i = 0; i < golden.GetProperty("lines").GetInt32(); i++)
        {
            if (i % 4 == 3)
            {
                int length = 1 + Below(20);
                StringBuilder line = new();
                for (int k = 0; k < length; k++) line.Append(noise[Below(noise.Length)]);
                lines.Add(line.ToString());
                continue;
            }
            List<string> source = sources[Below(sources.Count)];
            lines.Add(source[Below(source.Count)]);
        }
        byte[] all = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")));
        Assert.Equal(golden.GetProperty("sha256_text").GetString(), Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(all)));
        return lines;

        int Below(int n)
        {
            state += 0x9E3779B97F4A7C15;
            ulong z = state;
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
            z = (z ^ z >> 27) * 0x94D049BB133111EB;
            return (int)((z ^ z >> 31) % (ulong)n);
        }
    }

    private static string Cut(string line)
    {
        if (line.Length <= 400) return line;
        int at = 0;
        int count = 0;
        foreach (Rune rune in line.EnumerateRunes())
        {
            if (count++ == 400) break;
            at += rune.Utf16SequenceLength;
        }
        return line[..at];
    }
}

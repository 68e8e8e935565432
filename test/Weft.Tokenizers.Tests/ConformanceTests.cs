using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Published test cases of other libraries, in the data folder.</summary>
public class ConformanceTests
{
    [Theory]
    [InlineData("spm-llama2.json", "llama2-tokenizer.model")]
    [InlineData("spm-t5.json", "t5-spiece.model")]
    [InlineData("spm-test_model.json", "test_model.model")]
    public void SentencePiece_PublishedCases_GiveTheSameIds(string cases, string model)
    {
        SentencePieceTokenizer tokenizer = (SentencePieceTokenizer)Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "sentencepiece", model));
        Mismatches mismatches = new();
        foreach (JsonElement row in Read(cases).EnumerateArray())
        {
            string text = row.GetProperty("text").GetString()!;
            int[] expected = GoldenFiles.Ints(row.GetProperty("ids"));
            int[] actual = tokenizer.Encode(text);
            // Of two segmentations with the same score either is right.
            bool tie = tokenizer.Unigram is UnigramModel unigram && Math.Abs(expected.Sum(id => unigram.Scores[id]) - actual.Sum(id => unigram.Scores[id])) < 1e-3;
            if (!tie) mismatches.Compare(text, expected, actual);
            mismatches.Compare(text, row.GetProperty("decoded").GetString(), tokenizer.Decode(GoldenFiles.Ints(row.GetProperty("ids"))));
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Tiktoken_PublishedCases_GiveTheSameIds()
    {
        string data = SharedFolder.Require("data", "tokenizers");
        Mismatches mismatches = new();
        foreach ((string name, string path) in ((string, string)[])[("gpt2", "gpt2"), ("cl100k_base", "tiktoken/cl100k_base.tiktoken.gz"), ("o200k_base", "tiktoken/o200k_base.tiktoken.gz")])
        {
            Tokenizer tokenizer = Tokenizer.Load(Path.Combine(data, path));
            foreach (JsonElement row in Read("tiktoken-generated.json").EnumerateArray())
            {
                string text = row.GetProperty("text").GetString()!;
                mismatches.Compare($"{name} {text}", GoldenFiles.Ints(row.GetProperty(name)), tokenizer.Encode(text));
            }
        }
        mismatches.AssertNone();
    }

    [Theory]
    [InlineData("bert-bge")]
    [InlineData("gpt-2")]
    [InlineData("llama-spm")]
    public void LlamaCpp_PublishedCases_GiveTheSameIds(string name)
    {
        string folder = SharedFolder.Require("data", "tokenizers", "llama.cpp");
        Tokenizer tokenizer = GgufFile.Load(Path.Combine(folder, $"ggml-vocab-{name}.gguf.gz"))!.CreateTokenizer();
        string[] texts = File.ReadAllText(Path.Combine(folder, $"ggml-vocab-{name}.gguf.inp")).Split("\n__ggml_vocab_test__\n");
        string[] rows = File.ReadAllText(Path.Combine(folder, $"ggml-vocab-{name}.gguf.out")).Split('\n');
        Mismatches mismatches = new();
        for (int i = 0; i < texts.Length; i++)
        {
            if (tokenizer is PipelineTokenizer && OtherEncodingTests.IsBertException(texts[i])) continue;
            int[] expected = [.. rows[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
            mismatches.Compare($"[{i}] {texts[i]}", expected, tokenizer.Encode(texts[i]));
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Bert_PublishedVocabulary_GivesTheSameAsTheJson()
    {
        Tokenizer plain = Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "bert", "bert-base-uncased-vocab.txt"));
        Mismatches mismatches = new();
        foreach (JsonProperty row in Read("hf-expected-shared.json").GetProperty("Xenova/bert-base-uncased").EnumerateObject())
        {
            if (row.Value.TryGetProperty("text_pair", out _)) continue;
            string text = row.Value.GetProperty("text").GetString()!;
            mismatches.Compare(text, GoldenFiles.Ints(row.Value.GetProperty("ids")), plain.Encode(text, new EncodeOptions { AllowSpecial = true, AddSpecialTokens = true }));
        }
        mismatches.AssertNone();
    }

    private static JsonElement Read(string name) => GoldenFiles.ReadJson(SharedFolder.Require("data", "tokenizers", "conformance", name));
}

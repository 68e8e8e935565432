using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Training the golden corpora again must give the golden merges.</summary>
public class TrainedBytePairTests
{
    [Fact]
    public void Train_GoldenCorpora_GivesTheGoldenVocabularyAndMerges()
    {
        string folder = SharedFolder.RequireGolden("tokenizers");
        int count = 0;
        foreach (JsonElement golden in GoldenFiles.ReadJson(Path.Combine(folder, "trained.json")).GetProperty("cases").EnumerateArray())
        {
            JsonElement attrs = golden.GetProperty("attrs");
            string[] known = ["vocab_size", "special_tokens", "initial_alphabet", "min_frequency", "max_token_length"];
            if (golden.GetProperty("kind").GetString() != "hf_BpeTrainer" || attrs.EnumerateObject().Any(item => !known.Contains(item.Name))) continue;
            if (!attrs.TryGetProperty("initial_alphabet", out JsonElement alphabet) || alphabet.ToString() != "bytelevel") continue;
            JsonElement file = GoldenFiles.ReadJson(Path.Combine(folder, golden.GetProperty("outputs").GetProperty("tokenizer").GetString()!));
            JsonElement pre = file.GetProperty("pre_tokenizer");
            if (pre.GetProperty("type").GetString() != "ByteLevel" || pre.GetProperty("add_prefix_space").GetBoolean() || !pre.GetProperty("use_regex").GetBoolean()) continue;

            BytePairTokenizer trained = BytePairTrainer.Train(
                GoldenFiles.CorpusLines(Path.Combine(folder, golden.GetProperty("inputs").GetProperty("corpus").GetString()!)),
                new BytePairTrainerConfig
                {
                    VocabularySize = attrs.GetProperty("vocab_size").GetInt32(),
                    SpecialTokens = attrs.TryGetProperty("special_tokens", out JsonElement special) ? [.. special.EnumerateArray().Select(item => item.GetString()!)] : [],
                    MinimumFrequency = attrs.TryGetProperty("min_frequency", out JsonElement minimum) ? minimum.GetInt64() : 0,
                    MaximumTokenLength = attrs.TryGetProperty("max_token_length", out JsonElement maximum) ? maximum.GetInt32() : null,
                });

            string name = golden.GetProperty("name").GetString()!;
            JsonElement model = file.GetProperty("model");
            string[] merges = [.. model.GetProperty("merges").EnumerateArray().Select(pair => $"{pair[0]} {pair[1]}")];
            Assert.Equal(merges, trained.Merges.Select(merge => $"{trained.Token(merge.Left)} {trained.Token(merge.Right)}"));
            foreach (JsonProperty token in model.GetProperty("vocab").EnumerateObject())
                Assert.True(trained.TokenId(token.Name) == token.Value.GetInt32(), $"{name}: '{token.Name}'");
            Assert.Equal(model.GetProperty("vocab").EnumerateObject().Count(), trained.VocabularySize);
            count++;
        }
        Assert.True(count > 0, "no golden training was compared");
    }
}

using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Weft.Golden.Tests.Chat;
using Weft.Inference;
using Weft.Models.Decoder;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>chat</c>: a real chat model, token by token, and its perplexity.</summary>
public sealed class ChatGoldenTests
{
    private const string Set = "chat";

    // From the set's README: perplexity 1e-4 relative in float32; a window's sum is checked a little looser, since single windows are smaller samples of rounding.
    private const double ExactTolerance = 1e-4;

    // Mean gap of log-probabilities between two engines that both round activations to eight bits (noise.json: 0.02 to 0.16 by chance alone).
    private const double Int8MeanGap = 0.15, Int8Perplexity = 0.005;

    // A window takes a second or two; the whole is the experiment chat-perplexity.
    private const int WindowsHere = 2;

    private static readonly GoldenRunner Runner = CreateRunner();

    public static IEnumerable<TheoryDataRow<string, string>> Cases => GoldenRunner.Rows(Set);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Case_OfTheReference_IsReproduced(string group, string name) => Runner.Run(group, name);

    [Fact]
    public void NotBuiltYet_HoldsNothingBack() => Assert.Empty(Runner.OutdatedRows());

    [Fact]
    public void LogProbabilities_OverAllPromptsWithRoundedActivations_AreNearLlamaCpp()
    {
        DecoderModel model = ChatModel.Int8.Model;
        double sum = 0;
        int count = 0;
        foreach (GoldenCase golden in GoldenSet.Require(Set, "prompts").Cases)
        {
            int[] ids = golden.Outputs["token_ids"].Ints;
            if (ids.Length < 2) continue;
            double[] expected = [.. golden.Outputs["llama_cpp"].Json.GetProperty("prompt_logprobs").EnumerateArray().Select(static v => v.GetDouble())];
            double[] actual = TokenScores.LogProbabilities(model, ids);
            for (int i = 0; i < expected.Length; i++) sum += Math.Abs(expected[i] - actual[i]);
            count += expected.Length;
        }
        Assert.True(sum / count <= Int8MeanGap, $"The mean gap over {count} tokens is {sum / count:g4}.");
    }

    [Fact]
    public void Perplexity_OfTheFirstWindows_IsTheReferences()
    {
        JsonElement reference = Reference();
        int window = reference.GetProperty("window").GetInt32();
        int[] ids = Text(reference, ChatModel.Exact)[..(WindowsHere * window)];
        JsonElement exact = reference.GetProperty("float32"), llama = reference.GetProperty("llama_cpp");

        Near(exact.GetProperty("non_overlapping"), Perplexity.Measure(ChatModel.Exact.Model, ids, window, window), ExactTolerance);
        Near(exact.GetProperty("stride_256"), Perplexity.Measure(ChatModel.Exact.Model, ids, window, window / 2), ExactTolerance);
        Near(exact.GetProperty("second_half"), Perplexity.Measure(ChatModel.Exact.Model, ids, window, window, secondHalfOnly: true), ExactTolerance);
        // Half a percent of a perplexity is 0.005 nats of a mean over all windows; two windows scatter more than forty, by the root of their ratio.
        double scatter = Math.Sqrt(reference.GetProperty("windows").GetInt32() / (double)WindowsHere);
        Near(llama.GetProperty("non_overlapping"), Perplexity.Measure(ChatModel.Int8.Model, ids, window, window), Int8Perplexity * scatter);
    }

    private static void Near(JsonElement expected, IEnumerable<PerplexityWindow> measured, double tolerance)
    {
        PerplexityWindow[] windows = [.. measured];
        int[] counts = [.. expected.GetProperty("predictions_per_window").EnumerateArray().Take(windows.Length).Select(static v => v.GetInt32())];
        double sum = expected.GetProperty("nll_per_window").EnumerateArray().Take(windows.Length).Sum(static v => v.GetDouble());
        Assert.Equal(counts, windows.Select(static w => w.ScoredCount));
        double perplexity = Math.Exp(sum / counts.Sum()), own = Math.Exp(windows.Sum(static w => w.NegativeLogLikelihood) / counts.Sum());
        Assert.True(Math.Abs(own / perplexity - 1) <= tolerance, $"Perplexity {own:f5} over {windows.Length} windows, the reference has {perplexity:f5}.");
    }

    private static JsonElement Reference() => GoldenSet.ReadJson(SharedFolder.RequireGolden(Set, "perplexity.json"));

    private static int[] Text(JsonElement reference, LanguageModel language)
    {
        using FileStream file = File.OpenRead(SharedFolder.Require(reference.GetProperty("source").GetString()!.Split('/')));
        using StreamReader text = new(new GZipStream(file, CompressionMode.Decompress), Encoding.UTF8);
        char[] characters = new char[reference.GetProperty("characters").GetInt32()];
        int read = text.ReadBlock(characters);
        int[] ids = language.Tokenizer.Encode(new string(characters, 0, read));
        Assert.Equal(reference.GetProperty("first_ids").EnumerateArray().Select(static v => v.GetInt32()), ids.Take(reference.GetProperty("first_ids").GetArrayLength()));
        return ids;
    }

    // One line for each file of handlers.
    private static GoldenRunner CreateRunner()
    {
        GoldenRunner runner = new(Set);
        ChatHandlers.Add(runner);
        return runner;
    }
}

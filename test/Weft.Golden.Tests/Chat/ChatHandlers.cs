using System.Text.Json;
using Weft.Golden.Tests.Gguf;
using Weft.Inference;
using Weft.Inference.Search;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tokenizers;

namespace Weft.Golden.Tests.Chat;

/// <summary>Prompts of a real chat model: rendering, token ids, log-probabilities, greedy texts, hidden states.</summary>
internal static class ChatHandlers
{
    // From the set's README.
    private const double Int8SureMargin = 1;
    private const int Beams = 3, BeamTokens = 24;

    internal static void Add(GoldenRunner runner)
    {
        runner.Add("raw", Prompt, GoldenPrecision.F32);
        runner.Add("chat", Prompt, GoldenPrecision.F32);
    }

    private static void Prompt(GoldenCase golden, GoldenPrecision precision)
    {
        LanguageModel language = ChatModel.Exact;
        string rendered = Rendered(golden, language);
        Assert.Equal(golden.Outputs["rendered"].Json.GetString(), rendered);
        int[] ids = language.Tokenizer.Encode(rendered, golden.Attrs.Bool("parse_special") ? EncodeOptions.Special : EncodeOptions.Default);
        Assert.Equal(golden.Outputs["token_ids"].Ints, ids);

        Exact(golden, language.Model, ids, golden.ToleranceF32);
        if (ids.Length <= 2) Exact(golden, ChatModel.LoadDouble().Model, ids, golden.ToleranceF64);
        if (golden.Outputs.ContainsKey("hidden_states_tensor")) States(golden, language.Model, ids);
        Greedy(golden, language.Model, ids, "greedy", 1);
        Greedy(golden, language.Model, ids, "repetition_penalty_1_1", 1.1);
        BeamSearches(golden, language, ids);

        double[] sure = Last(ChatModel.Int8.Model, ids);
        JsonElement llama = golden.Outputs["llama_cpp"].Json.GetProperty("last_top20");
        double[] best = [.. llama.GetProperty("logprobs").EnumerateArray().Select(static v => v.GetDouble())];
        if (best[0] - best[1] > Int8SureMargin) Assert.Equal(llama.GetProperty("ids")[0].GetInt32(), Array.IndexOf(sure, sure.Max()));
    }

    private static string Rendered(GoldenCase golden, LanguageModel language)
    {
        if (golden.Op == "raw") return golden.Inputs["text"].Json.GetString()!;
        ChatTemplateInput input = new() { Messages = golden.Inputs["messages"].Json, AddGenerationPrompt = golden.Attrs.Bool("add_generation_prompt") };
        input = input.WithTokensOf(language.Tokenizer);
        // What a user typed never becomes a control token.
        int controls = language.ChatTemplate!.Encode(input, language.Tokenizer).Count(id => id == language.EndOfTextId);
        int messages = golden.Inputs["messages"].Json.GetArrayLength() + (golden.Inputs["messages"].Json[0].GetProperty("role").GetString() == "system" ? 0 : 1);
        Assert.Equal(messages, controls);
        return language.ChatTemplate.Render(input);
    }

    private static void Exact(GoldenCase golden, DecoderModel model, int[] ids, double tolerance)
    {
        double[] expected = [.. golden.Outputs["prompt_logprobs"].Json.EnumerateArray().Select(static v => v.GetDouble())];
        double[] actual = TokenScores.LogProbabilities(model, ids);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{golden} in {model.DType}: log-probability {i} is {actual[i]:R}, the reference has {expected[i]:R}.");
        double[] last = Last(model, ids);
        JsonElement top = golden.Outputs["last_top20"].Json;
        for (int i = 0; i < top.GetProperty("ids").GetArrayLength(); i++)
        {
            double own = last[top.GetProperty("ids")[i].GetInt32()], reference = top.GetProperty("logprobs")[i].GetDouble();
            Assert.True(Math.Abs(own - reference) <= tolerance, $"{golden} in {model.DType}: the {i + 1}th likeliest next token has {own:R}, the reference {reference:R}.");
        }
    }

    private static double[] Last(DecoderModel model, int[] ids)
    {
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        Tensor hidden = model.Hidden(Tensor.From(ids, [1, ids.Length]));
        double[] logits = model.Logits(hidden.Select(1, ids.Length - 1)).To(DType.Float64).ToArray<double>();
        double maximum = logits.Max(), sum = Math.Log(logits.Sum(l => Math.Exp(l - maximum)));
        return Array.ConvertAll(logits, l => l - maximum - sum);
    }

    private static void States(GoldenCase golden, DecoderModel model, int[] ids)
    {
        List<Tensor> states = [];
        ForwardSettings settings = new() { Tap = (site, value) => { if (site is "embedding" or "norm" || site.EndsWith(".residual", StringComparison.Ordinal)) states.Add(value); } };
        using GradMode.Restorer mode = GradMode.Off();
        model.Hidden(Tensor.From(ids, [1, ids.Length]), settings);
        states.RemoveAt(states.Count - 2); // the reference's last state is the one after the final norm
        GoldenTensors tensors = new(Path.Combine(golden.Folder, "states.safetensors"));
        (_, int[] shape, double[] expected, _) = tensors.Read(golden.Outputs["hidden_states_tensor"].Json.GetString()!);
        Tensor actual = Tensor.Stack([.. states]).Select(1, 0);
        Assert.Equal(shape, actual.Shape.ToArray());
        GoldenAssert.Close(expected, actual.Contiguous().To(DType.Float64).ToArray<double>(), golden.ToleranceF32, $"{golden} hidden states");
    }

    private static void Greedy(GoldenCase golden, DecoderModel model, int[] prompt, string output, double penalty)
    {
        JsonElement expected = golden.Outputs[output].Json;
        int[] ids = [.. expected.GetProperty("ids").EnumerateArray().Select(static i => i.GetInt32())];
        int[] ties = [.. expected.GetProperty("near_ties").EnumerateArray().Select(static i => i.GetInt32())];
        int[] written = GreedyText.Write(model, prompt, ties.Length > 0 ? Math.Min(ties[0], ids.Length) : ids.Length, penalty);
        Assert.Equal(ids[..written.Length], written);
    }

    // Scores are means of log-probabilities, so their tolerance is those'.
    private static void BeamSearches(GoldenCase golden, LanguageModel language, int[] prompt)
    {
        int end = language.EndOfTextId!.Value;
        SearchSettings settings = new() { MaxNewTokens = BeamTokens, EndIds = [end], PaddingId = end, BeamCount = Beams, ReturnCount = Beams };
        FoundText[] found = BeamSearch.Run(new DecoderSearchModel(language.Model, Beams, prompt.Length + BeamTokens), [prompt], settings)[0];
        JsonElement[] expected = [.. golden.Outputs["beam3"].Json.EnumerateArray()];
        Assert.Equal(expected.Select(e => Ids(e.GetProperty("ids").EnumerateArray().Select(static i => i.GetInt32()))), found.Select(f => Ids(f.Ids.Skip(prompt.Length))));
        GoldenAssert.Close([.. expected.Select(static e => e.GetProperty("score").GetDouble())], [.. found.Select(static f => f.Score)], golden.ToleranceF32, $"{golden} beam scores");

        // Up to the first end: the reference pads what is shorter.
        string Ids(IEnumerable<int> ids)
        {
            int[] all = [.. ids];
            int stop = Array.IndexOf(all, end);
            return string.Join(' ', stop < 0 ? all : all[..(stop + 1)]);
        }
    }
}

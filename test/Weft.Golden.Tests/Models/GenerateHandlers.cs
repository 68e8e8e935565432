using System.Text.Json;
using Weft.Inference.Sampling;
using Weft.Inference.Search;
using Weft.Models.EncoderDecoder;
using Weft.Models.Families;
using Weft.Tensors;

namespace Weft.Golden.Tests.Models;

/// <summary>Continuations: greedy, constrained and by beam search, of any checkpoint.</summary>
internal static class GenerateHandlers
{
    // What the handler understands; an attribute beyond these would be ignored silently.
    private static readonly string[] s_known =
    [
        "checkpoint", "max_new_tokens", "num_beams", "eos_token_id", "pad_token_id", "bos_token_id", "repetition_penalty", "no_repeat_ngram_size", "min_new_tokens", "length_penalty",
        "early_stopping", "num_return_sequences", "decoder_start_token_id", "do_sample",
    ];

    internal static void Add(GoldenRunner runner) => runner.Add("generate", Generate);

    private static void Generate(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        foreach (string name in a.Names) Assert.True(s_known.Contains(name), $"{golden}: the attribute {name} is not understood.");
        string folder = a.StringOrNull("checkpoint") is { } other ? Path.Combine(Path.GetDirectoryName(golden.Folder)!, other) : golden.Folder;
        DType dtype = precision == GoldenPrecision.F64 ? DType.Float64 : DType.Float32;
        int beams = a.IntOrNull("num_beams") ?? 1;
        int[] ends = a.IntsOrNull("eos_token_id") ?? [];
        int padding = a.IntOrNull("pad_token_id") ?? 0;
        int[][] prompts = [.. golden.Inputs["input_ids"].Json.EnumerateArray().Select(static row => row.EnumerateArray().Select(static v => v.GetInt32()).ToArray())];
        (SearchModel model, int[][] starts) = Model(folder, golden, prompts, beams, a.Int("max_new_tokens"), dtype);

        List<LogitsProcessor> processors = [];
        if (a.DoubleOrNull("repetition_penalty") is { } penalty) processors.Add(new RepetitionPenalty(penalty));
        if (a.IntOrNull("no_repeat_ngram_size") is { } size) processors.Add(new NoRepeatNgram(size));
        if (a.IntOrNull("min_new_tokens") is { } least) processors.Add(new MinimumLength(starts[0].Length + least, ends));
        SearchSettings settings = new()
        {
            MaxNewTokens = a.Int("max_new_tokens"),
            EndIds = ends,
            PaddingId = padding,
            Processors = processors,
            BeamCount = beams,
            LengthPenalty = a.DoubleOrNull("length_penalty") ?? 1,
            ReturnCount = a.IntOrNull("num_return_sequences") ?? 1,
            Stop = !a.Has("early_stopping") ? BeamStop.WhenUnlikely : a.Json("early_stopping") switch
            {
                { ValueKind: JsonValueKind.True } => BeamStop.WhenFull,
                { ValueKind: JsonValueKind.False } => BeamStop.WhenUnlikely,
                _ => BeamStop.WhenImpossible,
            },
        };
        FoundText[] found = beams == 1 ? GreedySearch.Run(model, starts, settings) : [.. BeamSearch.Run(model, starts, settings).SelectMany(static f => f)];

        // The reference fills rows that ended earlier: with the padding token, in a beam search with the end token where the padding token is 0.
        int filling = beams > 1 && padding == 0 && ends.Length > 0 ? ends[0] : padding, longest = found.Max(static f => f.Ids.Length);
        int[][] rows = [.. found.Select(f => (int[])[.. f.Ids, .. Enumerable.Repeat(filling, longest - f.Ids.Length)])];
        int[][] expected = [.. golden.Outputs["sequences"].Json.EnumerateArray().Select(static row => row.EnumerateArray().Select(static v => v.GetInt32()).ToArray())];
        Assert.Equal(expected.Select(static r => string.Join(' ', r)), rows.Select(static r => string.Join(' ', r)));
        if (!golden.Outputs.TryGetValue("sequences_scores", out GoldenValue? scores)) return;
        double tolerance = precision == GoldenPrecision.F64 ? golden.Tolerance("sequences_scores") : SinglePrecision;
        GoldenAssert.Close(scores.Doubles, [.. found.Select(static f => f.Score)], tolerance, $"{golden} scores");
    }

    // The set's tolerance for logits in single precision; scores are means of them.
    private const double SinglePrecision = 2e-4;

    private static (SearchModel Model, int[][] Starts) Model(string folder, GoldenCase golden, int[][] prompts, int beams, int newTokens, DType dtype)
    {
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        string type = config.RootElement.GetProperty("model_type").GetString()!;
        JsonElement? given = golden.Inputs.TryGetValue("attention_mask", out GoldenValue? value) && value.Json.ValueKind == JsonValueKind.Array ? value.Json : null;
        if (EncoderDecoderDirectory.Families.Any(f => f.ModelType == type))
        {
            EncoderDecoderModel model = EncoderDecoderDirectory.Load(folder, dtype);
            int start = golden.Attrs.IntOrNull("decoder_start_token_id") ?? model.Config.StartId;
            return (new EncoderDecoderSearchModel(model, prompts, beams, given is { } rows ? Mask(rows, 1) : null), [.. prompts.Select(_ => new[] { start })]);
        }
        bool[]? mask = given is { } json ? Mask(json, beams) : null;
        if (StateSpaceDirectory.Families.Any(f => f.ModelType == type)) return (new StateSpaceSearchModel(StateSpaceDirectory.Load(folder, dtype), mask), prompts);
        return (new DecoderSearchModel(ModelDirectory.Load(folder, dtype), prompts.Length * beams, prompts[0].Length + newTokens, mask), prompts);
    }

    private static bool[] Mask(JsonElement rows, int copies) =>
        [.. rows.EnumerateArray().SelectMany(row => Enumerable.Repeat(row, copies)).SelectMany(static row => row.EnumerateArray().Select(static m => m.GetInt32() != 0))];
}

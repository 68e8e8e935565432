using System.Text.Json;
using Weft.Inference.Sampling;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

/// <summary>The group <c>sampling</c>: logits processors, on float64 scores.</summary>
internal static class SamplingHandlers
{
    // What a processor is made from: the case's settings and, where it depends on a source text, the row.
    private delegate LogitsProcessor Factory(GoldenAttrs attrs, int row);

    internal static void Add(GoldenRunner runner)
    {
        Processor(runner, "temperature", static (a, _) => new Temperature(a.Double("temperature")));
        Processor(runner, "top_k", static (a, _) => new TopK(a.Int("top_k")));
        Processor(runner, "top_p", static (a, _) => new TopP(a.Double("top_p"), a.IntOrNull("min_tokens_to_keep") ?? 1));
        Processor(runner, "min_p", static (a, _) => new MinP(a.Double("min_p"), a.IntOrNull("min_tokens_to_keep") ?? 1));
        Processor(runner, "typical", static (a, _) => new TypicalP(a.Double("mass"), a.IntOrNull("min_tokens_to_keep") ?? 1));
        Processor(runner, "epsilon_cutoff", static (a, _) => new EpsilonCutoff(a.Double("epsilon"), a.IntOrNull("min_tokens_to_keep") ?? 1));
        Processor(runner, "eta_cutoff", static (a, _) => new EtaCutoff(a.Double("epsilon"), a.IntOrNull("min_tokens_to_keep") ?? 1));
        Processor(runner, "top_h", static (a, _) => new TopH(a.Double("top_h"), a.IntOrNull("top_n") ?? 100));
        Processor(runner, "repetition_penalty", static (a, _) => new RepetitionPenalty(a.Double("penalty"), a.IntOrNull("prompt_ignore_length") ?? 0));
        Processor(runner, "presence_frequency_penalty", static (a, _) => new PresenceFrequencyPenalty(a.Double("presence_penalty"), a.Double("frequency_penalty")));
        Processor(runner, "no_repeat_ngram", static (a, _) => new NoRepeatNgram(a.Int("ngram_size")));
        Processor(runner, "encoder_no_repeat_ngram", static (a, row) => new EncoderNoRepeatNgram(a.Int("ngram_size"), Source(a, row)));
        Processor(runner, "encoder_repetition_penalty", static (a, row) => new EncoderRepetitionPenalty(a.Double("penalty"), Source(a, row)));
        Processor(runner, "bad_words", static (a, _) => new BadWords([.. a.Json("bad_words_ids").EnumerateArray().Select(Ids)], a.IntsOrNull("eos_token_id") ?? []));
        Processor(runner, "sequence_bias", static (a, _) => new SequenceBias([.. a.Json("sequence_bias").EnumerateArray().Select(b => (Ids(b[0]), GoldenValue.Number(b[1])))]));
        Processor(runner, "min_length", static (a, _) => new MinimumLength(a.Int("min_length"), a.Ints("eos_token_id")));
        Processor(runner, "min_new_tokens", static (a, _) => new MinimumLength(a.Int("prompt_length_to_skip") + a.Int("min_new_tokens"), a.Ints("eos_token_id")));
        Processor(runner, "forced_bos", static (a, _) => new ForcedTokens(1, a.Int("bos_token_id")));
        Processor(runner, "forced_eos", static (a, _) => new ForcedTokens(a.Int("max_length") - 1, a.Ints("eos_token_id")));
        Processor(runner, "suppress_tokens", static (a, _) => new SuppressTokens(a.Ints("suppress_tokens")));
        Processor(runner, "suppress_tokens_at_begin", static (a, _) => new SuppressTokens(a.Ints("begin_suppress_tokens"), a.Int("begin_index")));
        Processor(runner, "exponential_decay_length", static (a, _) => new ExponentialLengthDecay(a.Int("start_index") + a.Int("input_ids_seq_length"), a.Double("decay_factor"), a.Ints("eos_token_id")));
        Processor(runner, "infnan_remove", static (_, _) => new RemoveNonFinite());
        Processor(runner, "logit_normalization", static (_, _) => new LogNormalization());
        Processor(runner, "prefix_constrained", static (a, _) => new PrefixConstraint(a.Ints("allowed") is var allowed ? _ => allowed : null!));
        runner.Add("chain", static (golden, _) => Check(golden, Run(golden, row => [.. golden.Attrs.Json("steps").EnumerateArray().Select(Step)])), GoldenPrecision.F64);
        runner.Add("classifier_free_guidance", static (golden, _) =>
        {
            Tensor scores = OpCase.ToTensor(golden.Inputs["scores"], DType.Float64);
            int rows = scores.Shape[0] / 2, width = scores.Shape[1];
            double[] values = scores.ToArray<double>();
            for (int row = 0; row < rows; row++)
                ClassifierFreeGuidance.Apply(values.AsSpan(row * width, width), values.AsSpan((rows + row) * width, width), golden.Attrs.Double("guidance_scale"));
            Check(golden, Tensor.From(values.AsSpan(0, rows * width), [rows, width]));
        }, GoldenPrecision.F64);
        runner.Add("categorical_inverse_cdf", static (golden, _) =>
        {
            GoldenValue probabilities = golden.Inputs["probabilities"], uniform = golden.Inputs["uniform"];
            int width = probabilities.Shape[1], draws = uniform.Shape[1];
            int[] drawn = [.. uniform.Doubles.Select((u, i) => Sampler.IndexAt<double>(probabilities.Doubles.AsSpan(i / draws * width, width), u))];
            GoldenAssert.Equal(golden.Outputs["index"], uniform.Shape, drawn);
        }, GoldenPrecision.F64);
    }

    private static void Processor(GoldenRunner runner, string op, Factory create) =>
        runner.Add(op, (golden, _) => Check(golden, Run(golden, row => [create(golden.Attrs, row)])), GoldenPrecision.F64);

    private static Tensor Run(GoldenCase golden, Func<int, LogitsProcessor[]> processors)
    {
        GoldenValue scores = golden.Inputs["scores"], ids = golden.Inputs["input_ids"];
        int width = scores.Shape[1], length = ids.Shape[1];
        double[] values = [.. scores.Doubles];
        for (int row = 0; row < scores.Shape[0]; row++)
            foreach (LogitsProcessor processor in processors(row)) processor.Apply(values.AsSpan(row * width, width), ids.Ints.AsSpan(row * length, length));
        return Tensor.From(values, new Shape(scores.Shape));
    }

    private static void Check(GoldenCase golden, Tensor scores)
    {
        OpCase.Compare(golden.Outputs["scores_after"], scores, golden.ToleranceF64);
        OpCase.Compare(golden.Outputs["probabilities"], scores.Softmax(), golden.ToleranceF64);
    }

    // One step of a chain: a name and its settings in order.
    private static LogitsProcessor Step(JsonElement step)
    {
        double value = GoldenValue.Number(step[1]);
        return step[0].GetString() switch
        {
            "repetition_penalty" => new RepetitionPenalty(value),
            "no_repeat_ngram" => new NoRepeatNgram((int)value),
            "temperature" => new Temperature(value),
            "top_k" => new TopK((int)value),
            "top_p" => new TopP(value),
            "min_p" => new MinP(value),
            "typical" => new TypicalP(value),
            "epsilon_cutoff" => new EpsilonCutoff(value),
            "eta_cutoff" => new EtaCutoff(value),
            "top_h" => new TopH(value),
            string other => throw new InvalidDataException($"The step {other} of a chain is not known."),
            null => throw new InvalidDataException("A step of a chain has no name."),
        };
    }

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    // One source text for all rows, or one for each.
    private static int[] Source(GoldenAttrs attrs, int row) => attrs.Json("encoder_input_ids") is var rows ? Ids(rows[Math.Min(row, rows.GetArrayLength() - 1)]) : [];
}

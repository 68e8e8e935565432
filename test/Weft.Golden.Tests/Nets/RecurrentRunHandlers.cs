using Weft.Models.Recurrent;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Nets;

/// <summary>Recurrent language models, and translation with attention.</summary>
internal static class RecurrentRunHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("char_rnn", CharacterModel, GoldenPrecision.F64);
        runner.Add("seq2seq", Translator, GoldenPrecision.F64);
    }

    private static void CharacterModel(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        RecurrentLanguageModel model = new(new RecurrentLanguageConfig
        {
            VocabularySize = a.Strings("vocabulary").Length, EmbeddingSize = a.Int("embedding"), HiddenSize = a.Int("hidden"), LayerCount = a.Int("layers"),
            Cell = a.String("kind") switch { "lstm" => RecurrentCell.Lstm, "gru" => RecurrentCell.Gru, _ => RecurrentCell.Tanh },
        }, DType.Float64);
        int length = a.Int("segment_length"), segments = a.Int("segments_per_pass");
        Tensor streams = ShallowRunHandlers.Batch(golden, "streams");
        RecurrentState? state = null;
        new NetRun(golden, [(model.Embedding.Weight, "emb.weight"), .. model.Layers.Layers.SelectMany(static (layer, l) => Parts(layer, "rnn.", $"_l{l}")), .. ShallowRunHandlers.Parts(model.Head, "head.")]).Train(t =>
        {
            int s = t % segments;
            if (s == 0) state = null;
            (Tensor logits, RecurrentState after) = model.Forward(streams.Narrow(1, s * length, length), state);
            state = after.Detach().Keep();
            return logits.Flatten(0, 1).CrossEntropy(streams.Narrow(1, s * length + 1, length).Flatten());
        });

        using GradMode.Restorer mode = GradMode.Off();
        (Tensor predicted, RecurrentState at) = model.Forward(streams.Narrow(0, 0, 1).Narrow(1, 0, 8));
        foreach (int expected in golden.Outputs["greedy_continuation"].Ints)
        {
            int next = (int)predicted.Select(0, 0).Select(0, -1).ArgMax().Item();
            Assert.Equal(expected, next);
            (predicted, at) = model.Forward(Tensor.From([next], [1, 1]), at);
        }
    }

    private static void Translator(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        bool additive = a.String("kind") == "bahdanau";
        AttentionTranslator model = new(new AttentionTranslatorConfig
        {
            VocabularySize = a.Int("vocabulary"), EmbeddingSize = a.Int("embedding"), HiddenSize = a.Int("hidden"), Alignment = additive ? AlignmentKind.Additive : AlignmentKind.Multiplicative,
        }, DType.Float64);
        (Tensor, string)[] attention = additive
            ? [(model.Query.Weight, "Wq.weight"), (model.Key!.Weight, "Wk.weight"), (model.Score!.Weight, "v.weight")]
            : [(model.Query.Weight, "Wa.weight"), (model.Combine!.Weight, "Wc.weight")];
        NetRun run = new(golden, [
            (model.SourceEmbedding.Weight, "src_emb.weight"), (model.TargetEmbedding.Weight, "tgt_emb.weight"), .. Parts(model.Encoder, "encoder.", "_l0"), .. Parts(model.Decoder, "cell.", ""),
            .. attention, .. ShallowRunHandlers.Parts(model.Head, "out.")]);
        Tensor source = ShallowRunHandlers.Batch(golden, "source"), lengths = ShallowRunHandlers.Batch(golden, "source_length"), target = ShallowRunHandlers.Batch(golden, "target");
        int batches = source.Shape[0], T = target.Shape[2] - 1;
        run.Train(t =>
        {
            int i = t % batches;
            (Tensor logits, Tensor weights) = model.Forward(source.Select(0, i), lengths.Select(0, i), target.Select(0, i).Narrow(1, 0, T));
            if (t == 0)
            {
                Compare(golden, "first_step_logits_rows_0_1", logits);
                Compare(golden, "first_step_attention_rows_0_1", weights);
            }
            return logits.Flatten(0, 1).CrossEntropy(target.Select(0, i).Narrow(1, 1, T).Flatten(), ignoreIndex: 0);
        });

        using GradMode.Restorer mode = GradMode.Off();
        GoldenValue greedy = golden.Outputs["greedy_first_3_sources"];
        (int rows, int steps) = (greedy.Shape[0], greedy.Shape[1]);
        AttentionTranslator.Progress at = model.Encode(source.Select(0, 0).Narrow(0, 0, rows), lengths.Select(0, 0).Narrow(0, 0, rows));
        Tensor tokens = Tensor.Full([rows], 1, DType.Int32); // the begin mark
        List<Tensor> decoded = [];
        for (int s = 0; s < steps; s++)
        {
            (Tensor logits, _, at) = model.Step(tokens, at);
            decoded.Add(tokens = logits.ArgMax(1));
        }
        GoldenAssert.Equal(greedy, [rows, steps], Tensor.Stack([.. decoded], 1).ToArray<int>());
    }

    private static void Compare(GoldenCase golden, string name, Tensor actual)
    {
        GoldenValue expected = golden.Outputs[name];
        GoldenAssert.Close(expected, expected.Shape, actual.Detach().Narrow(0, 0, expected.Shape[0]).ToArray<double>(), golden.ToleranceF64, name);
    }

    private static (Tensor, string)[] Parts(RecurrentLayer layer, string prefix, string suffix) =>
        [(layer.Weights.Input, $"{prefix}weight_ih{suffix}"), (layer.Weights.Hidden, $"{prefix}weight_hh{suffix}"), (layer.Weights.InputBias!, $"{prefix}bias_ih{suffix}"), (layer.Weights.HiddenBias!, $"{prefix}bias_hh{suffix}")];
}

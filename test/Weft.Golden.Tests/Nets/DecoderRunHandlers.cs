using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Nets;

/// <summary>Whole training runs of small GPT and Llama models, through the library's own model, optimizer and clipping.</summary>
internal static class DecoderRunHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("nano_gpt", Gpt, GoldenPrecision.F64); // the case itself says which type it was computed in
        runner.Add("nano_llama", Llama, GoldenPrecision.F64);
    }

    private static void Gpt(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        bool bf16 = a.StringOrNull("dtype")?.StartsWith("bf16", StringComparison.Ordinal) ?? false;
        using ProductPrecision.Restorer products = ProductPrecision.Use(bf16 ? Precision.Bf16 : Precision.Float32);
        DType dtype = a.StringOrNull("dtype") is null ? DType.Float64 : DType.Float32;
        DecoderModel model = new(new DecoderConfig
        {
            VocabularySize = a.Strings("vocabulary").Length, ContextLength = a.Int("context"), HiddenSize = a.Int("width"), BlockCount = a.Int("layers"), HeadCount = a.Int("heads"),
            FeedForward = FeedForwardKind.GeluTanh, NormalizationEpsilon = a.Double("layer_norm_eps"), TieEmbeddings = a.Bool("tied_head"),
        }, dtype);
        (string Ours, string Theirs)[] names =
        [
            ("embedding.tokens", "wte"), ("embedding.positions", "wpe"), ("norm", "ln_f"),
            .. Enumerable.Range(0, model.Config.BlockCount).SelectMany(static l => new (string, string)[]
            {
                ($"blocks.{l}.attention_norm", $"h.{l}.ln_1"), ($"blocks.{l}.attention.query_key_value", $"h.{l}.attn_qkv"), ($"blocks.{l}.attention.output", $"h.{l}.attn_proj"),
                ($"blocks.{l}.feed_forward_norm", $"h.{l}.ln_2"), ($"blocks.{l}.feed_forward.expand", $"h.{l}.mlp_fc"), ($"blocks.{l}.feed_forward.contract", $"h.{l}.mlp_proj"),
            }),
        ];
        List<(Tensor, string)> parts = [.. from p in model.Parameters from n in names where p.Name!.StartsWith(n.Ours + ".", StringComparison.Ordinal) && p.Name.LastIndexOf('.') == n.Ours.Length select (p.Detach(), n.Theirs + p.Name![n.Ours.Length..])];
        Assert.Equal(model.Parameters.Count, parts.Count);
        GivenMasks? masks = a.Has("dropout") ? new GivenMasks(golden, a.Double("dropout")) : null;
        // The key part of an attention bias has no gradient but rounding, which Adam divides by its own size: in float32 it wanders.
        Run(golden, model, parts, masks, name => dtype == DType.Float32 && name.EndsWith("attn_qkv.bias", StringComparison.Ordinal));
        if (!golden.Outputs.ContainsKey("greedy_continuation")) return;

        List<int> ids = [.. golden.Outputs["prompt"].Ints];
        using GradMode.Restorer mode = GradMode.Off();
        ForwardSettings cached = new() { Cache = new KeyValueCache(model.Config, dtype: dtype) };
        Tensor logits = model.Forward(Tensor.From(ids.ToArray(), [1, ids.Count]), cached);
        foreach (int expected in golden.Outputs["greedy_continuation"].Ints)
        {
            int next = (int)logits.Select(0, 0).Select(0, -1).ArgMax().Item();
            Assert.Equal(expected, next);
            ids.Add(next);
            if (ids.Count < model.Config.ContextLength) logits = model.Forward(Tensor.From([next], [1, 1]), cached);
        }
    }

    private static void Llama(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        int[] ids = golden.Inputs["batch.ids"].Shape;
        DecoderModel model = new(new DecoderConfig
        {
            VocabularySize = a.Strings("vocabulary").Length, ContextLength = ids[^1] - 1, HiddenSize = a.Int("hidden_size"), BlockCount = a.Int("layers"),
            HeadCount = a.Int("heads"), KeyValueHeadCount = a.Int("key_value_heads"), FeedForwardSize = a.Int("intermediate_size"),
            Positions = PositionScheme.Rotary, RotaryBase = a.Double("rope_theta"), Normalization = NormalizationKind.RmsNorm, NormalizationEpsilon = a.Double("rms_norm_eps"),
            LinearBias = false, FeedForward = FeedForwardKind.SwiGlu, TieEmbeddings = a.Bool("tied_head"),
        }, DType.Float64);
        Dictionary<string, Tensor> byName = model.Parameters.ToDictionary(static p => p.Name!);
        List<(Tensor, string)> parts = [.. new Weft.Models.Families.LlamaFamily().Weights(model.Config).Select(m =>
        {
            Tensor all = byName[m.Parameter!].Detach();
            return (m.RowCount > 0 ? all.Narrow(0, m.FirstRow, m.RowCount) : all, m.Checkpoint);
        })];
        Run(golden, model, parts, null, static _ => false);
    }

    private static void Run(GoldenCase golden, DecoderModel model, List<(Tensor Values, string Name)> parts, GivenMasks? masks, Func<string, bool> skips)
    {
        GoldenAttrs a = golden.Attrs;
        double tolerance = golden.ToleranceF64, clip = a.Double("clip_grad_norm");
        foreach ((Tensor values, string name) in parts)
        {
            GoldenValue initial = golden.Inputs["init." + name];
            values.CopyFrom(Tensor.From(initial.Doubles, new Shape(initial.Shape)).To(model.DType));
        }
        int steps = a.Int("steps"), accumulation = a.IntOrNull("gradient_accumulation") ?? 1;
        GoldenValue ids = golden.Inputs["batch.ids"];
        int B = ids.Shape[^2], T = ids.Shape[^1] - 1;
        int[] all = ids.Ints;
        double[] betas = a.Doubles("betas");
        AdamW optimizer = new(ParameterGroup.ByRank(model.Parameters, a.Double("weight_decay")), betas[0], betas[1], a.Double("eps"));
        double[] losses = new double[steps], norms = new double[steps];
        for (int t = 0; t < steps; t++)
        {
            using MemoryScope scope = MemoryScope.Enter();
            for (int micro = 0; micro < accumulation; micro++)
            {
                Tensor rows = Tensor.From(all.AsSpan((t * accumulation + micro) * B * (T + 1), B * (T + 1)), [B, T + 1]);
                masks?.Step = t;
                Tensor logits = model.Forward(rows.Narrow(1, 0, T).Contiguous(), masks is null ? null : new ForwardSettings { Dropout = masks });
                Tensor loss = logits.Flatten(0, 1).CrossEntropy(rows.Narrow(1, 1, T).Flatten());
                (loss / accumulation).Backward(releaseActivations: false);
                losses[t] += loss.Item() / accumulation;
            }
            norms[t] = GradientClipping.GlobalNorm(model.Parameters);
            double rate = golden.Outputs.TryGetValue("lr", out GoldenValue? rates) ? rates.Doubles[t] : Rate(a, t);
            optimizer.Step(rate, GradientClipping.Factor(norms[t], clip));
            optimizer.ClearGradients();
        }
        GoldenAssert.Close(golden.Outputs["loss"], [steps], losses, tolerance, "losses");
        GoldenAssert.Close(golden.Outputs["gradient_norm_before_clipping"], [steps], norms, tolerance, "gradient norms");
        if (!golden.Outputs.ContainsKey("final_summary")) return;
        foreach ((Tensor values, string name) in parts)
        {
            if (skips(name)) continue;
            double[] final = values.To(DType.Float64).ToArray<double>();
            if (golden.Outputs.TryGetValue("final." + name, out GoldenValue? expected)) GoldenAssert.Close(expected, values.Shape.AsSpan(), final, tolerance, name);
            System.Text.Json.JsonElement summary = golden.Outputs["final_summary"].Json.GetProperty(name);
            double[] sums = [.. summary.EnumerateArray().Select(static v => v.GetDouble())];
            GoldenAssert.Close(sums, [final.Sum(), final.Sum(static v => v * v), final[0], final[^1]], tolerance * Math.Sqrt(final.Length), $"{golden} summary of {name}");
        }
    }

    private static double Rate(GoldenAttrs a, int t)
    {
        System.Text.Json.JsonElement schedule = a.Json("schedule");
        double warmup = schedule.GetProperty("warmup").GetDouble(), floor = schedule.GetProperty("floor").GetDouble();
        return a.Double("lr") * (t < warmup ? (t + 1) / warmup : floor + (1 - floor) / 2 * (1 + Math.Cos(Math.PI * (t - warmup) / (a.Int("steps") - warmup))));
    }

    /// <summary>Dropout with the masks of a case.</summary>
    private sealed class GivenMasks(GoldenCase golden, double probability) : Dropout
    {
        internal int Step { get; set; }

        public override Tensor Apply(Tensor x, string site)
        {
            string key = site == "embedding" ? "emb" : site.Split('.') switch
            {
                [_, var l, "attention", "pattern"] => "attn_" + l,
                [_, var l, "attention", "result"] => "resid1_" + l,
                [_, var l, "feed_forward", "result"] => "resid2_" + l,
                _ => throw new InvalidOperationException(site),
            };
            GoldenValue mask = golden.Inputs["batch.mask." + key];
            bool[] kept = mask.Bools.AsSpan(Step * x.Count, x.Count).ToArray();
            return x.Dropout(Tensor.From(kept, x.Shape), probability);
        }
    }
}

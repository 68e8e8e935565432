using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Models;

/// <summary>Checkpoints of decoder families: logits, states, attentions, padding, cache, losses and gradients.</summary>
internal static class DecoderHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("forward", Forward);
        runner.Add("forward_padded", Padded);
        runner.Add("cached", Cached);
        runner.Add("loss", Loss);
        runner.Add("router", Router);
        runner.Add("encoder_forward", ClassifierForward);
        runner.Add("encoder_forward_padded", ClassifierPadded);
    }

    private static void Forward(GoldenCase golden, GoldenPrecision precision)
    {
        DecoderModel model = ModelDirectory.Load(golden.Folder, Type(precision));
        List<Tensor> states = [];
        Dictionary<string, Tensor> patterns = [];
        ForwardSettings settings = new()
        {
            Tap = (site, value) =>
            {
                if (site is "embedding" or "norm" || site.EndsWith(".residual", StringComparison.Ordinal)) states.Add(value);
                if (site.EndsWith(".pattern", StringComparison.Ordinal)) patterns[site] = value;
            },
        };
        Tensor ids = Ids(golden.Inputs["input_ids"]);
        Tensor logits = model.Forward(ids, settings);
        double tolerance = Tolerance(golden, precision);
        Close(golden.Outputs["logits"], logits, tolerance, "logits");
        Close(golden.Outputs["logits"], model.Forward(ids), tolerance, "logits without taps"); // the fused path

        // The reference's list: embedding, every block but the last, and the last after the final norm; where the stream is
        // mapped to another width at the end, that comes last.
        states.RemoveAt(states.Count - 2);
        if (golden.Outputs.TryGetValue("hidden_states_last", out GoldenValue? projected))
        {
            states.RemoveAt(states.Count - 1);
            Close(projected, model.Hidden(ids), tolerance, "last hidden state");
        }
        Close(golden.Outputs["hidden_states"], Tensor.Stack([.. states]), tolerance, "hidden states");
        if (golden.Outputs.TryGetValue("attention_first", out GoldenValue? first)) Close(first, patterns["blocks.0.attention.pattern"], tolerance, "first attention");
        if (golden.Outputs.TryGetValue("attention_last", out GoldenValue? last)) Close(last, patterns[$"blocks.{model.Config.BlockCount - 1}.attention.pattern"], tolerance, "last attention");
        if (File.Exists(Path.Combine(golden.Folder, "config.legacy.json"))) SameAsLegacy(golden, precision, ids);
    }

    // The same checkpoint with the keys that releases of transformers before 5 wrote.
    private static void SameAsLegacy(GoldenCase golden, GoldenPrecision precision, Tensor ids)
    {
        string folder = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            foreach (string file in Directory.EnumerateFiles(golden.Folder, "model*")) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            File.Copy(Path.Combine(golden.Folder, "config.legacy.json"), Path.Combine(folder, "config.json"));
            Close(golden.Outputs["logits"], ModelDirectory.Load(folder, Type(precision)).Forward(ids), Tolerance(golden, precision), "logits by the older keys");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Router(GoldenCase golden, GoldenPrecision precision)
    {
        DecoderModel model = ModelDirectory.Load(golden.Folder, Type(precision));
        Tensor ids = Ids(golden.Inputs["input_ids"]);
        List<Tensor> logits = [];
        Tensor outputs = model.Forward(ids, new ForwardSettings { RouterLogits = logits });
        double tolerance = Tolerance(golden, precision);
        Close(golden.Outputs["router_logits"], Tensor.Stack([.. logits]), tolerance, "router logits");
        Tensor loss = NextToken(outputs, Ids(golden.Inputs["labels"]), -100);
        if (golden.Outputs.TryGetValue("aux_loss", out GoldenValue? expected))
        {
            Tensor balance = ExpertBalance.Loss(logits, golden.Attrs.Int("top_k"));
            GoldenAssert.Close(expected, balance.Item(), tolerance, "balance loss");
            Assert.Equal(golden.Outputs["router_aux_loss_coef"].Doubles[0], model.Config.Experts!.BalanceWeight);
            loss += balance * model.Config.Experts.BalanceWeight;
        }
        GoldenAssert.Close(golden.Outputs["loss_with_aux"], loss.Item(), tolerance, "loss");
    }

    // Position t predicts label t + 1.
    private static Tensor NextToken(Tensor logits, Tensor labels, int ignored)
    {
        int T = logits.Shape[1];
        return logits.Narrow(1, 0, T - 1).Flatten(0, 1).CrossEntropy(labels.Narrow(1, 1, T - 1).Flatten(), ignoreIndex: ignored);
    }

    private static void Padded(GoldenCase golden, GoldenPrecision precision)
    {
        DecoderModel model = ModelDirectory.Load(golden.Folder, Type(precision));
        Tensor ids = Ids(golden.Inputs["input_ids"]);
        int[] mask = golden.Inputs["attention_mask"].Ints;
        ForwardSettings settings = new()
        {
            Positions = golden.Inputs.TryGetValue("position_ids", out GoldenValue? positions) ? Ids(positions) : null,
            KeyMask = Tensor.From(Array.ConvertAll(mask, static m => m != 0), ids.Shape),
        };
        Tensor logits = model.Forward(ids, settings);
        string[] rows = [.. golden.Outputs["rows"].Json.EnumerateArray().Select(static r => r.GetString()!)];
        int last = golden.Attrs.Int("last"), T = ids.Shape[1];
        for (int b = 0; b < ids.Shape[0]; b++)
        {
            int[] real = [.. Enumerable.Range(0, T).Where(t => mask[b * T + t] != 0).TakeLast(last)];
            Close(golden.Tensor(rows[b]), logits.Select(0, b).IndexSelect(0, real), Tolerance(golden, precision), $"row {b}");
        }
    }

    private static void Cached(GoldenCase golden, GoldenPrecision precision)
    {
        DecoderModel model = ModelDirectory.Load(golden.Folder, Type(precision));
        Tensor ids = Ids(golden.Inputs["input_ids"]);
        int prefill = golden.Attrs.Int("prefill"), T = ids.Shape[1];
        ForwardSettings settings = new() { Cache = new KeyValueCache(model.Config, dtype: Type(precision)) };
        using GradMode.Restorer mode = GradMode.Off();
        bool same = golden.Outputs.TryGetValue("same_as", out GoldenValue? full); // else the steps have logits of their own
        GoldenValue all = same ? golden.Tensor(full!.Json.GetString()!) : golden.Outputs["step_logits"];
        int V = all.Shape[^1], row = same ? 0 : prefill - 1;
        Tensor logits = model.Forward(ids.Narrow(1, 0, prefill).Contiguous(), settings);
        for (int t = prefill; t <= T; t++)
        {
            double[] last = logits.Select(0, 0).Select(0, -1).Detach().To(DType.Float64).ToArray<double>();
            GoldenAssert.Close(all.Doubles.AsSpan((t - 1 - row) * V, V), last, Tolerance(golden, precision), $"{golden} position {t - 1}");
            if (t < T) logits = model.Forward(ids.Narrow(1, t, 1).Contiguous(), settings);
        }
    }

    private static void Loss(GoldenCase golden, GoldenPrecision precision)
    {
        bool classifier = golden.Inputs["labels"].Shape.Length == 1;
        Layer layer = classifier ? SequenceClassifier.Load(golden.Folder, Type(precision)) : ModelDirectory.Load(golden.Folder, Type(precision));
        Tensor ids = Ids(golden.Inputs["input_ids"]), loss;
        DecoderConfig config;
        if (layer is SequenceClassifier judge)
        {
            config = judge.Decoder.Config;
            ForwardSettings settings = new() { KeyMask = Tensor.From(Array.ConvertAll(golden.Inputs["attention_mask"].Ints, static m => m != 0), ids.Shape) };
            GoldenValue labels = golden.Inputs["labels"];
            Tensor scores = judge.Forward(ids, settings);
            loss = labels.IsFloating // a single score is learned by its squared error
                ? (scores.Flatten() - Tensor.From(labels.Doubles).To(Type(precision))).Square().Mean()
                : scores.CrossEntropy(Tensor.From(labels.Ints));
        }
        else
        {
            DecoderModel model = (DecoderModel)layer;
            config = model.Config;
            List<Tensor> routerLogits = [];
            Tensor logits = model.Forward(ids, new ForwardSettings { RouterLogits = routerLogits });
            loss = NextToken(logits, Ids(golden.Inputs["labels"]), golden.Attrs.Int("ignore_index"));
            if (config.Experts is { TrainsBalance: true } experts) loss += ExpertBalance.Loss(routerLogits, experts.ChosenCount) * experts.BalanceWeight;
        }
        double tolerance = Tolerance(golden, precision);
        GoldenAssert.Close(golden.Outputs["loss"], loss.Item(), tolerance, "loss");
        loss.Backward();
        Dictionary<string, Tensor> gradients = [];
        Dictionary<string, Tensor> byName = layer.Parameters.ToDictionary(static p => p.Name!);
        IEnumerable<WeightMapping> mappings = FamilyCatalogue.For(config).Weights(config);
        if (classifier) mappings = mappings.Append(new WeightMapping("score.weight", "score.weight"));
        foreach (WeightMapping mapping in mappings)
        {
            if (!byName.TryGetValue(mapping.Parameter!, out Tensor? parameter)) continue; // a tensor that is not trained
            gradients[mapping.Checkpoint] = mapping.ToStored(parameter.Grad ?? Tensor.Zeros(parameter.Shape, Type(precision)));
        }
        // Norms are relative to their size; a sum of many entries carries the rounding of each.
        foreach (System.Text.Json.JsonProperty property in golden.Outputs["grad_norm_sum"].Json.EnumerateObject())
        {
            Tensor gradient = gradients[property.Name];
            double norm = property.Value[0].GetDouble(), sum = property.Value[1].GetDouble();
            GoldenAssert.Close([norm, sum], [Math.Sqrt(gradient.Square().Sum().Item()), gradient.Sum().Item()], tolerance * Math.Max(1, Math.Sqrt(gradient.Count)), $"{golden} gradient of {property.Name}");
        }
        foreach ((string name, GoldenValue expected) in golden.Grads) Close(expected, gradients[name], tolerance, $"gradient of {name}");
    }

    private static void ClassifierForward(GoldenCase golden, GoldenPrecision precision)
    {
        SequenceClassifier model = SequenceClassifier.Load(golden.Folder, Type(precision));
        Close(golden.Outputs["logits"], model.Forward(Ids(golden.Inputs["input_ids"])), Tolerance(golden, precision), "scores");
    }

    private static void ClassifierPadded(GoldenCase golden, GoldenPrecision precision)
    {
        SequenceClassifier model = SequenceClassifier.Load(golden.Folder, Type(precision));
        Tensor ids = Ids(golden.Inputs["input_ids"]);
        ForwardSettings settings = new() { KeyMask = Tensor.From(Array.ConvertAll(golden.Inputs["attention_mask"].Ints, static m => m != 0), ids.Shape) };
        Tensor scores = model.Forward(ids, settings);
        for (int b = 0; b < ids.Shape[0]; b++) Close(golden.Outputs[$"logits.row{b}"], scores.Select(0, b).Reshape(new Shape(golden.Outputs[$"logits.row{b}"].Shape)), Tolerance(golden, precision), $"row {b}");
    }

    private static DType Type(GoldenPrecision precision) => precision == GoldenPrecision.F64 ? DType.Float64 : DType.Float32;

    private static double Tolerance(GoldenCase golden, GoldenPrecision precision) => precision == GoldenPrecision.F64 ? golden.ToleranceF64 : golden.ToleranceF32;

    private static Tensor Ids(GoldenValue value) => Tensor.From(value.Ints, new Shape(value.Shape));

    private static void Close(GoldenValue expected, Tensor actual, double tolerance, string what) =>
        GoldenAssert.Close(expected, actual.Shape.AsSpan(), actual.Detach().To(DType.Float64).ToArray<double>(), tolerance, what);
}

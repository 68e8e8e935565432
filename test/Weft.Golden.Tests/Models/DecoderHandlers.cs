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

        // The reference's list: embedding, every block but the last, and the last after the final norm.
        states.RemoveAt(states.Count - 2);
        Close(golden.Outputs["hidden_states"], Tensor.Stack([.. states]), tolerance, "hidden states");
        Close(golden.Outputs["attention_first"], patterns["blocks.0.attention.pattern"], tolerance, "first attention");
        Close(golden.Outputs["attention_last"], patterns[$"blocks.{model.Config.BlockCount - 1}.attention.pattern"], tolerance, "last attention");
    }

    private static void Padded(GoldenCase golden, GoldenPrecision precision)
    {
        DecoderModel model = ModelDirectory.Load(golden.Folder, Type(precision));
        Tensor ids = Ids(golden.Inputs["input_ids"]);
        int[] mask = golden.Inputs["attention_mask"].Ints;
        ForwardSettings settings = new() { Positions = Ids(golden.Inputs["position_ids"]), KeyMask = Tensor.From(Array.ConvertAll(mask, static m => m != 0), ids.Shape) };
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
        GoldenValue all = golden.Tensor(golden.Outputs["same_as"].Json.GetString()!);
        int V = all.Shape[^1];
        Tensor logits = model.Forward(ids.Narrow(1, 0, prefill).Contiguous(), settings);
        for (int t = prefill; t <= T; t++)
        {
            double[] last = logits.Select(0, 0).Select(0, -1).Detach().To(DType.Float64).ToArray<double>();
            GoldenAssert.Close(all.Doubles.AsSpan((t - 1) * V, V), last, Tolerance(golden, precision), $"{golden} position {t - 1}");
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
            Tensor labels = Ids(golden.Inputs["labels"]);
            int T = ids.Shape[1];
            Tensor logits = model.Forward(ids).Narrow(1, 0, T - 1);
            loss = logits.Flatten(0, 1).CrossEntropy(labels.Narrow(1, 1, T - 1).Flatten(), ignoreIndex: golden.Attrs.Int("ignore_index"));
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
            Tensor gradient = byName[mapping.Parameter!].Grad ?? Tensor.Zeros(byName[mapping.Parameter!].Shape, Type(precision));
            if (mapping.RowCount > 0) gradient = gradient.Narrow(0, mapping.FirstRow, mapping.RowCount);
            gradients[mapping.Checkpoint] = mapping.Transposed ? gradient.Transpose() : gradient;
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

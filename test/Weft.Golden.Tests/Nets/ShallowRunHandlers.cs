using Weft.Models.Convolutional;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Nets;

/// <summary>Regression, classification of tables and images, and tables of word vectors.</summary>
internal static class ShallowRunHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("logistic_regression", LogisticRegression, GoldenPrecision.F64);
        runner.Add("softmax_regression", SoftmaxRegression, GoldenPrecision.F64);
        runner.Add("mlp_batch_norm", MlpWithBatchNorm, GoldenPrecision.F64);
        runner.Add("cnn_digits", Digits, GoldenPrecision.F64);
        runner.Add("bag_classifier", BagClassifier, GoldenPrecision.F64);
        runner.Add("skip_gram", SkipGram, GoldenPrecision.F64);
    }

    private static void LogisticRegression(GoldenCase golden, GoldenPrecision precision)
    {
        Linear map = LinearOf(golden, "");
        Tensor x = Batch(golden, "X"), y = Batch(golden, "y");
        double l2 = golden.Attrs.Double("l2");
        new NetRun(golden, Parts(map, "")).Train(_ => map.Forward(x).Squeeze(1).BinaryCrossEntropyWithLogits(y) + map.Weight.Square().Sum() * (l2 / 2));
    }

    private static void SoftmaxRegression(GoldenCase golden, GoldenPrecision precision)
    {
        Linear map = LinearOf(golden, "");
        Tensor x = Batch(golden, "X"), y = Batch(golden, "y"), index = Batch(golden, "index");
        new NetRun(golden, Parts(map, "")).Train(t => map.Forward(x.IndexSelect(0, index.Select(0, t))).CrossEntropy(y.IndexSelect(0, index.Select(0, t))));
        GoldenAssert.Close(golden.Outputs["accuracy"], Accuracy(map.Forward(x), y), golden.ToleranceF64);
    }

    private static void MlpWithBatchNorm(GoldenCase golden, GoldenPrecision precision)
    {
        // A layer without parameters has a number too, as in torch's Sequential.
        List<(Tensor, string)> parts = [];
        List<(string, BatchNorm)> norms = [];
        List<Func<Tensor, bool, Tensor>> steps = [];
        foreach (string layer in golden.Attrs.Strings("layers"))
        {
            string name = $"{steps.Count}.";
            switch (layer.Split(' ')[0])
            {
                case "linear":
                    Linear map = LinearOf(golden, name);
                    parts.AddRange(Parts(map, name));
                    steps.Add((x, _) => map.Forward(x));
                    break;
                case "batch_norm":
                    BatchNorm norm = new(name, golden.Inputs[$"init.{name}weight"].Count, dtype: DType.Float64);
                    parts.AddRange([(norm.Weight!, name + "weight"), (norm.Bias!, name + "bias")]);
                    norms.Add((name, norm));
                    steps.Add(norm.Forward);
                    break;
                case "relu": steps.Add(static (x, _) => x.Relu()); break;
                case "tanh": steps.Add(static (x, _) => x.Tanh()); break;
                default: throw new InvalidDataException($"{golden}: layer {layer}.");
            }
        }
        Tensor Forward(Tensor x, bool training) => steps.Aggregate(x, (value, step) => step(value, training));
        Tensor x = Batch(golden, "X"), y = Batch(golden, "y"), index = Batch(golden, "index");
        NetRun run = new(golden, [.. parts]);
        run.Train(t => Forward(x.IndexSelect(0, index.Select(0, t)), training: true).CrossEntropy(y.IndexSelect(0, index.Select(0, t))));
        foreach ((string name, BatchNorm norm) in norms)
        {
            run.CompareFinal(name + "running_mean", norm.RunningMean);
            run.CompareFinal(name + "running_var", norm.RunningVariance);
        }
        Tensor logits = Forward(x, training: false);
        GoldenValue first = golden.Outputs["eval_logits"];
        GoldenAssert.Close(first, first.Shape, logits.Narrow(0, 0, first.Shape[0]).ToArray<double>(), golden.ToleranceF64);
        GoldenAssert.Close(golden.Outputs["accuracy"], Accuracy(logits, y), golden.ToleranceF64);
    }

    private static void Digits(GoldenCase golden, GoldenPrecision precision)
    {
        Tensor images = Batch(golden, "images").To(DType.Float64) / 16, y = Batch(golden, "y"), index = Batch(golden, "index");
        images = images.Unsqueeze(1);                                                   // [N, 1, H, W]
        List<ConvolutionalStage> stages = [];
        List<int> sizes = [];
        foreach (string layer in golden.Attrs.Strings("layers"))
        {
            string[] words = layer.Split(' '); // "conv2d 1->4 3x3 padding 1", "max_pool 2x2", "linear ->16"
            switch (words[0])
            {
                case "conv2d": stages.Add(new(int.Parse(words[1].Split("->")[1]), int.Parse(words[2].Split('x')[0]), words is [.., "padding", string padding] ? int.Parse(padding) : 0)); break;
                case "max_pool": stages[^1] = stages[^1] with { Pool = int.Parse(words[1].Split('x')[0]) }; break;
                case "linear": sizes.Add(int.Parse(words[1].Split("->")[1])); break;
            }
        }
        ConvolutionalClassifier model = new(new ConvolutionalClassifierConfig { Height = images.Shape[2], Width = images.Shape[3], Stages = stages, HiddenSizes = sizes[..^1], ClassCount = sizes[^1] }, DType.Float64);
        (Tensor, string)[] parts =
        [
            .. model.Convolutions.SelectMany(static (c, i) => new[] { (c.Weight, $"conv{i + 1}.weight"), (c.Bias!, $"conv{i + 1}.bias") }),
            .. model.Dense.SelectMany(static (d, i) => Parts(d, $"fc{i + 1}.")),
        ];
        new NetRun(golden, parts).Train(t => model.Forward(images.IndexSelect(0, index.Select(0, t))).CrossEntropy(y.IndexSelect(0, index.Select(0, t))));
        // Training uses none of the last 100 images.
        using GradMode.Restorer mode = GradMode.Off();
        int held = images.Shape[0] - 100;
        Tensor logits = model.Forward(images.Narrow(0, held, 100));
        GoldenAssert.Close(golden.Outputs["eval_logits_first_5"], [5, sizes[^1]], logits.Narrow(0, 0, 5).ToArray<double>(), golden.ToleranceF64);
        GoldenAssert.Close(golden.Outputs["eval_accuracy_last_100"], Accuracy(logits, y.Narrow(0, held, 100)), golden.ToleranceF64);
    }

    private static void BagClassifier(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenValue shape = golden.Inputs["init.emb.weight"];
        Embedding table = new("emb", shape.Shape[0], shape.Shape[1], DType.Float64);
        Linear map = LinearOf(golden, "out.");
        Tensor tokens = Batch(golden, "tokens"), offsets = Batch(golden, "offsets"), y = Batch(golden, "y");
        new NetRun(golden, [(table.Weight, "emb.weight"), .. Parts(map, "out.")])
            .Train(_ => map.Forward(table.Weight.EmbeddingBag(tokens, offsets)).Squeeze(1).BinaryCrossEntropyWithLogits(y));
    }

    private static void SkipGram(GoldenCase golden, GoldenPrecision precision)
    {
        int[] shape = golden.Inputs["init.center"].Shape;
        Embedding center = new("center", shape[0], shape[1], DType.Float64), context = new("context", shape[0], shape[1], DType.Float64);
        Tensor centers = Batch(golden, "center"), contexts = Batch(golden, "context"), negatives = Batch(golden, "negatives");
        new NetRun(golden, (center.Weight, "center"), (context.Weight, "context")).Train(t =>
        {
            Tensor v = center.Forward(centers.Select(0, t)), u = context.Forward(contexts.Select(0, t)), n = context.Forward(negatives.Select(0, t)); // [B, D], [B, D], [B, K, D]
            Tensor positive = (v * u).Sum(-1).LogSigmoid(), negative = (-n.MatMul(v.Unsqueeze(2)).Squeeze(-1)).LogSigmoid().Sum(-1);
            return -(positive + negative).Mean();
        });
    }

    // ---- Parts ----------------------------------------------------------------------------------------------------------

    internal static Tensor Batch(GoldenCase golden, string name)
    {
        GoldenValue value = golden.Inputs["batch." + name];
        return value.IsInteger ? Tensor.From(value.Ints, new Shape(value.Shape)) : Tensor.From(value.Doubles, new Shape(value.Shape));
    }

    internal static Linear LinearOf(GoldenCase golden, string prefix)
    {
        int[] shape = golden.Inputs[$"init.{prefix}weight"].Shape;
        return new Linear(prefix, shape[1], shape[0], golden.Inputs.ContainsKey($"init.{prefix}bias"), DType.Float64);
    }

    internal static (Tensor, string)[] Parts(Linear map, string prefix) => map.Bias is null ? [(map.Weight, prefix + "weight")] : [(map.Weight, prefix + "weight"), (map.Bias, prefix + "bias")];

    private static double Accuracy(Tensor logits, Tensor targets)
    {
        int[] predicted = logits.ArgMax(1).ToArray<int>(), wanted = targets.ToArray<int>();
        return predicted.Zip(wanted).Average(static pair => pair.First == pair.Second ? 1.0 : 0);
    }
}

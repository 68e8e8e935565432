using Weft.Models.Families;
using Weft.Models.StateSpace;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Models;

/// <summary>Checkpoints of state-space families: logits, states of every block, padding, what is kept of a text, losses and gradients.</summary>
internal static class StateSpaceHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.AddWhen(IsStateSpace, "forward", Forward);
        runner.AddWhen(IsStateSpace, "forward_padded", Padded);
        runner.AddWhen(IsStateSpace, "cached", Cached);
        runner.AddWhen(IsStateSpace, "loss", Loss);
        runner.Add("state", State);
    }

    internal static bool IsStateSpace(GoldenCase golden) => StateSpaceDirectory.Families.Any(f => f.ModelType == ModelCase.ModelType(golden));

    private static void Forward(GoldenCase golden, GoldenPrecision precision)
    {
        StateSpaceModel model = StateSpaceDirectory.Load(golden.Folder, ModelCase.Type(precision));
        List<Tensor> states = [];
        bool input = golden.Attrs.Bool("first_is_block_input");
        StateSpaceSettings settings = new() { Tap = (site, value) => { if (site != "embedding" || input) states.Add(value); } };
        ModelCase.Close(golden.Outputs["logits"], model.Forward(ModelCase.Ids(golden.Inputs["input_ids"]), settings), ModelCase.Tolerance(golden, precision), "logits");
        int entries = golden.Outputs["hidden_states"].Shape[0];
        if (states.Count > entries) states.RemoveAt(states.Count - (golden.Attrs.Bool("last_is_after_final_norm") ? 2 : 1));
        ModelCase.Close(golden.Outputs["hidden_states"], Tensor.Stack([.. states]), ModelCase.Tolerance(golden, precision), "hidden states");
    }

    private static void Padded(GoldenCase golden, GoldenPrecision precision)
    {
        StateSpaceModel model = StateSpaceDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Tensor mask = ModelCase.Mask(golden, "attention_mask")!;
        Tensor logits = model.Forward(ModelCase.Ids(golden.Inputs["input_ids"]), new StateSpaceSettings { Mask = mask });
        string[] rows = [.. golden.Outputs["rows"].Json.EnumerateArray().Select(static r => r.GetString()!)];
        for (int b = 0; b < rows.Length; b++)
        {
            bool[] real = mask.Select(0, b).ToArray<bool>();
            int[] kept = [.. Enumerable.Range(0, real.Length).Where(t => real[t]).TakeLast(golden.Attrs.Int("last"))];
            ModelCase.Close(golden.Tensor(rows[b]), logits.Select(0, b).IndexSelect(0, kept), ModelCase.Tolerance(golden, precision), $"row {b}");
        }
    }

    private static void Cached(GoldenCase golden, GoldenPrecision precision)
    {
        StateSpaceModel model = StateSpaceDirectory.Load(golden.Folder, ModelCase.Type(precision));
        (Tensor logits, _, _) = StepByStep(golden, model);
        Tensor expected = Tensor.From(golden.Tensor(golden.Outputs["same_as"].Json.GetString()!).Doubles, new Shape(golden.Tensor(golden.Outputs["same_as"].Json.GetString()!).Shape));
        int first = golden.Outputs["from_position"].Ints[0];
        double[] rows = expected.Narrow(1, first, expected.Shape[1] - first).ToArray<double>();
        GoldenAssert.Close(rows, logits.To(DType.Float64).ToArray<double>(), ModelCase.Tolerance(golden, precision), $"{golden} logits step by step");
    }

    private static void State(GoldenCase golden, GoldenPrecision precision)
    {
        StateSpaceModel model = StateSpaceDirectory.Load(golden.Folder, ModelCase.Type(precision));
        (_, StateSpaceCache stepped, Dictionary<string, Tensor> prompt) = StepByStep(golden, model);
        StateSpaceCache whole = new(model.Config);
        using (GradMode.Off()) model.Forward(ModelCase.Ids(golden.Inputs["input_ids"]), new StateSpaceSettings { Cache = whole });
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            string[] words = name.Split('.');                                       // prompt.0.conv, end.1.recurrent
            int block = int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
            double tolerance = ModelCase.Tolerance(golden, precision);
            if (words[0] == "prompt")
            {
                ModelCase.Close(expected, prompt[name], tolerance, name);
                continue;
            }
            foreach (StateSpaceCache cache in (StateSpaceCache[])[stepped, whole])
                ModelCase.Close(expected, (words[2] == "conv" ? cache.Inputs(block) : cache.States(block))!, tolerance, name);
        }
    }

    private static void Loss(GoldenCase golden, GoldenPrecision precision)
    {
        StateSpaceModel model = StateSpaceDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Tensor ids = ModelCase.Ids(golden.Inputs["input_ids"]), labels = ModelCase.Ids(golden.Inputs["labels"]);
        int T = ids.Shape[1];
        Tensor loss = model.Forward(ids).Narrow(1, 0, T - 1).Flatten(0, 1).CrossEntropy(labels.Narrow(1, 1, T - 1).Flatten(), ignoreIndex: golden.Attrs.Int("ignore_index"));
        GoldenAssert.Close(golden.Outputs["loss"], loss.Item(), ModelCase.Tolerance(golden, precision), "loss");
        loss.Backward();
        ModelCase.Gradients(golden, model.Parameters, StateSpaceDirectory.Weights(model.Config), precision);
    }

    // The prompt at once, then token by token: the last logits of each call, the cache at the end, and what it held after the prompt.
    private static (Tensor Logits, StateSpaceCache Cache, Dictionary<string, Tensor> Prompt) StepByStep(GoldenCase golden, StateSpaceModel model)
    {
        using GradMode.Restorer mode = GradMode.Off();
        Tensor ids = ModelCase.Ids(golden.Inputs["input_ids"]);
        StateSpaceSettings settings = new() { Cache = new StateSpaceCache(model.Config) };
        int prefill = golden.Attrs.Int("prefill");
        List<Tensor> steps = [model.Forward(ids.Narrow(1, 0, prefill).Contiguous(), settings).Narrow(1, prefill - 1, 1)];
        Dictionary<string, Tensor> prompt = [];
        for (int l = 0; l < model.Config.BlockCount; l++) (prompt[$"prompt.{l}.conv"], prompt[$"prompt.{l}.recurrent"]) = (settings.Cache.Inputs(l)!, settings.Cache.States(l)!);
        for (int t = prefill; t < ids.Shape[1]; t++) steps.Add(model.Forward(ids.Narrow(1, t, 1).Contiguous(), settings));
        return (Tensor.Concat([.. steps], 1), settings.Cache, prompt);
    }
}

using Weft.Models.EncoderDecoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Models;

/// <summary>Checkpoints of encoder-decoder families: logits, states and attentions of both stacks, padding, cache, losses and gradients.</summary>
internal static class EncoderDecoderHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("seq2seq_forward", Forward);
        runner.Add("seq2seq_forward_padded", Padded);
        runner.AddWhen(IsEncoderDecoder, "cached", Cached);
        runner.AddWhen(IsEncoderDecoder, "loss", Loss);
    }

    internal static bool IsEncoderDecoder(GoldenCase golden) => EncoderDecoderDirectory.Families.Any(f => f.ModelType == ModelCase.ModelType(golden));

    private static void Forward(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderDecoderModel model = EncoderDecoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Dictionary<string, Tensor> sites = [];
        List<Tensor> encoder = [], decoder = [];
        SequenceSettings settings = new()
        {
            Tap = (site, value) =>
            {
                sites[site] = value;
                List<Tensor> states = site.StartsWith("encoder.", StringComparison.Ordinal) ? encoder : decoder;
                if (site.EndsWith(".embedding", StringComparison.Ordinal) || site.EndsWith(".residual", StringComparison.Ordinal)) states.Add(value);
                if (site.EndsWith("coder.norm", StringComparison.Ordinal)) states[^1] = value; // the last state is listed as it leaves the stack
            },
        };
        Dictionary<string, Tensor> actual = new()
        {
            ["logits"] = model.Forward(ModelCase.Ids(golden.Inputs["input_ids"]), ModelCase.Ids(golden.Inputs["decoder_input_ids"]), settings),
            ["encoder_hidden_states"] = Tensor.Stack([.. encoder]),
            ["decoder_hidden_states"] = Tensor.Stack([.. decoder]),
            ["encoder_last_hidden_state"] = sites["encoder.norm"],
        };
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            if (name == "logits_f32_last3") continue; // the reference's own rounding
            if (!actual.TryGetValue(name, out Tensor? value))
            {
                string[] words = name.Split('_');                                   // encoder_attention_last, cross_attention_first
                string stack = words[0] == "encoder" ? "encoder" : "decoder", kind = words[0] == "cross" ? "cross_attention" : "attention";
                int last = (stack == "encoder" ? model.Config.EncoderBlockCount : model.Config.DecoderBlockCount) - 1;
                value = sites[$"{stack}.blocks.{(words[2] == "first" ? 0 : last)}.{kind}.pattern"];
            }
            ModelCase.Close(expected, value, ModelCase.Tolerance(golden, precision), name);
        }
    }

    private static void Padded(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderDecoderModel model = EncoderDecoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Tensor sourceMask = ModelCase.Mask(golden, "attention_mask")!, targetMask = ModelCase.Mask(golden, "decoder_attention_mask")!;
        SequenceSettings settings = new() { SourceMask = sourceMask, TargetMask = targetMask };
        Tensor memory = model.Encode(ModelCase.Ids(golden.Inputs["input_ids"]), settings);
        Tensor logits = model.Decode(ModelCase.Ids(golden.Inputs["decoder_input_ids"]), memory, settings);
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            int b = int.Parse(name[(name.IndexOf(".row", StringComparison.Ordinal) + 4)..], System.Globalization.CultureInfo.InvariantCulture);
            (Tensor value, Tensor mask) = name.StartsWith("logits", StringComparison.Ordinal) ? (logits, targetMask) : (memory, sourceMask);
            bool[] real = mask.Select(0, b).ToArray<bool>();
            int[] kept = [.. Enumerable.Range(0, real.Length).Where(t => real[t]).TakeLast(expected.Shape[0])];
            ModelCase.Close(expected, value.Select(0, b).IndexSelect(0, kept), ModelCase.Tolerance(golden, precision), name);
        }
    }

    private static void Cached(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderDecoderModel model = EncoderDecoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        using GradMode.Restorer mode = GradMode.Off();
        Tensor ids = ModelCase.Ids(golden.Inputs["decoder_input_ids"]), memory = model.Encode(ModelCase.Ids(golden.Inputs["input_ids"]));
        SequenceSettings settings = new() { Cache = new EncoderDecoderCache(model.Config) };
        int prefill = golden.Attrs.Int("prefill"), T = ids.Shape[1];
        List<Tensor> steps = [model.Decode(ids.Narrow(1, 0, prefill).Contiguous(), memory, settings)];
        for (int t = prefill; t < T; t++) steps.Add(model.Decode(ids.Narrow(1, t, 1).Contiguous(), memory, settings));
        ModelCase.Close(golden.Tensor(golden.Outputs["same_as"].Json.GetString()!), Tensor.Concat([.. steps], 1), ModelCase.Tolerance(golden, precision), "logits step by step");
    }

    private static void Loss(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderDecoderModel model = EncoderDecoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Tensor labels = ModelCase.Ids(golden.Inputs["labels"]), fed = model.ShiftRight(labels);
        GoldenAssert.Equal(golden.Outputs["decoder_input_ids"], fed.Shape.AsSpan(), fed.ToArray<int>(), "decoder input");
        Tensor loss = model.Forward(ModelCase.Ids(golden.Inputs["input_ids"]), fed).Flatten(0, 1).CrossEntropy(labels.Flatten());
        GoldenAssert.Close(golden.Outputs["loss"], loss.Item(), ModelCase.Tolerance(golden, precision), "loss");
        loss.Backward();
        ModelCase.Gradients(golden, model.Parameters, EncoderDecoderDirectory.Weights(model.Config).Where(static m => m.Parameter != "logits_bias"), precision);
    }
}

using System.Text.Json;
using Weft.Models.Encoder;
using Weft.Models.Families;
using Weft.Tensors;

namespace Weft.Golden.Tests.Models;

/// <summary>Checkpoints of encoder families: logits, states, attentions, padding, losses and gradients, and the likeliest words of a gap.</summary>
internal static class EncoderHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.AddWhen(IsEncoder, "encoder_forward", Forward);
        runner.AddWhen(IsEncoder, "encoder_forward_padded", Padded);
        runner.AddWhen(IsEncoder, "loss", Loss);
        runner.Add("fill_mask", FillMask);
    }

    private static bool IsEncoder(GoldenCase golden) => EncoderDirectory.Families.Any(f => f.ModelType == ModelCase.ModelType(golden));

    private static void Forward(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderModel model = EncoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        List<Tensor> states = [];
        List<Tensor> patterns = [];
        EncoderSettings settings = new()
        {
            TokenTypes = golden.Inputs.TryGetValue("token_type_ids", out GoldenValue? types) ? ModelCase.Ids(types) : null,
            Tap = (site, value) =>
            {
                if (site == "embedding" || site.EndsWith(".residual", StringComparison.Ordinal)) states.Add(value);
                if (site.EndsWith(".pattern", StringComparison.Ordinal)) patterns.Add(value);
            },
        };
        Dictionary<string, Tensor> actual = Answers(model, ModelCase.Ids(golden.Inputs["input_ids"]), settings);
        actual["hidden_states"] = Tensor.Stack([.. states]);
        (actual["attention_first"], actual["attention_last"]) = (patterns[0], patterns[^1]);
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            if (name == "logits_f32_last3") continue; // the reference's own rounding
            ModelCase.Close(expected, actual[name], ModelCase.Tolerance(golden, precision), name);
        }
    }

    private static void Padded(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderModel model = EncoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Tensor mask = ModelCase.Mask(golden, "attention_mask")!;
        Dictionary<string, Tensor> actual = Answers(model, ModelCase.Ids(golden.Inputs["input_ids"]), new EncoderSettings { Mask = mask });
        int T = mask.Shape[1];
        bool[] real = mask.ToArray<bool>();
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            int dot = name.IndexOf(".row", StringComparison.Ordinal);
            Tensor value = actual[dot < 0 ? name : name[..dot]];
            if (dot >= 0)
            {
                // A row without its padding; of logits of tokens over many classes only the last positions are kept.
                int b = int.Parse(name[(dot + 4)..], System.Globalization.CultureInfo.InvariantCulture);
                value = value.Select(0, b);
                if (value.Rank > 0 && value.Shape[0] == T && expected.Shape.Length == value.Rank)
                    value = value.IndexSelect(0, [.. Enumerable.Range(0, T).Where(t => real[b * T + t]).TakeLast(expected.Shape[0])]);
            }
            ModelCase.Close(expected, value, ModelCase.Tolerance(golden, precision), name);
        }
    }

    private static void Loss(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderModel model = EncoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        EncoderLogits answer = model.Forward(ModelCase.Ids(golden.Inputs["input_ids"]), new EncoderSettings { Mask = ModelCase.Mask(golden, "attention_mask") });
        Tensor logits = answer.Logits, loss;
        if (model.Config.Head == EncoderHead.QuestionAnswering)
        {
            loss = (logits.Select(2, 0).CrossEntropy(ModelCase.Ids(golden.Inputs["start_positions"])) + logits.Select(2, 1).CrossEntropy(ModelCase.Ids(golden.Inputs["end_positions"]))) / 2.0;
        }
        else if (model.Config.Head == EncoderHead.ReplacedTokens)
        {
            int[] kept = [.. golden.Inputs["attention_mask"].Ints.Select((m, i) => (m, i)).Where(static p => p.m != 0).Select(static p => p.i)];
            Tensor labels = ModelCase.Ids(golden.Inputs["labels"]).Flatten().To(ModelCase.Type(precision));
            loss = logits.Flatten().IndexSelect(0, kept).BinaryCrossEntropyWithLogits(labels.IndexSelect(0, kept));
        }
        else
        {
            Tensor labels = ModelCase.Labels(golden.Inputs["labels"], precision);
            loss = labels.DType == DType.Int32 ? logits.Reshape(-1, logits.Shape[^1]).CrossEntropy(labels.Flatten(), ignoreIndex: -100)
                : model.Config.MultiLabel ? logits.BinaryCrossEntropyWithLogits(labels)
                : (logits.Flatten() - labels.Flatten()).Square().Mean();
            foreach (string second in (string[])["next_sentence_label", "sentence_order_label"])
                if (golden.Inputs.TryGetValue(second, out GoldenValue? follows)) loss += answer.Relation!.CrossEntropy(ModelCase.Ids(follows));
        }
        double tolerance = ModelCase.Tolerance(golden, precision);
        GoldenAssert.Close(golden.Outputs["loss"], loss.Item(), tolerance, "loss");
        loss.Backward();
        ModelCase.Gradients(golden, model.Parameters, EncoderDirectory.Weights(model.Config), precision);
    }

    private static void FillMask(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderModel model = EncoderDirectory.Load(golden.Folder, ModelCase.Type(precision));
        Tensor logs = model.Forward(ModelCase.Ids(golden.Inputs["input_ids"])).Logits.Select(0, 0).LogSoftmax(); // [T, V]
        foreach (JsonProperty place in golden.Outputs["top5"].Json.EnumerateObject())
        {
            double[] row = logs.Select(0, int.Parse(place.Name, System.Globalization.CultureInfo.InvariantCulture)).Detach().To(DType.Float64).ToArray<double>();
            int[] ids = [.. place.Value.GetProperty("ids").EnumerateArray().Select(static id => id.GetInt32())];
            double[] expected = [.. place.Value.GetProperty("log_probs").EnumerateArray().Select(static p => p.GetDouble())];
            Assert.Equal(ids, Enumerable.Range(0, row.Length).OrderByDescending(i => row[i]).Take(ids.Length));
            GoldenAssert.Close(expected, [.. ids.Select(i => row[i])], ModelCase.Tolerance(golden, precision), $"{golden} place {place.Name}");
        }
    }

    // Everything that a model gives, by the reference's names.
    private static Dictionary<string, Tensor> Answers(EncoderModel model, Tensor ids, EncoderSettings settings)
    {
        Tensor? last = null;
        EncoderSettings listening = new()
        {
            TokenTypes = settings.TokenTypes,
            Mask = settings.Mask,
            Tap = (site, value) =>
            {
                if (site.EndsWith(".residual", StringComparison.Ordinal)) last = value;
                settings.Tap?.Invoke(site, value);
            },
        };
        Dictionary<string, Tensor> answers = [];
        EncoderLogits logits = model.Forward(ids, listening);
        answers["last_hidden_state"] = last!;
        if (model.Config.HasPooler) answers["pooler_output"] = model.Pool(last!);
        switch (model.Config.Head)
        {
            case EncoderHead.Pretraining:
                (answers["prediction_logits"], answers["seq_relationship_logits"], answers["sop_logits"]) = (logits.Logits, logits.Relation!, logits.Relation!);
                break;
            case EncoderHead.QuestionAnswering:
                (answers["start_logits"], answers["end_logits"]) = (logits.Logits.Select(2, 0), logits.Logits.Select(2, 1));
                break;
            default:
                answers["logits"] = logits.Logits;
                break;
        }
        return answers;
    }
}

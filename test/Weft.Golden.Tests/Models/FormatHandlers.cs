using System.Text.Json;
using Weft.Models.Encoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Golden.Tests.Models;

/// <summary>Weights in older file formats, and files that must be refused.</summary>
internal static class FormatHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("formats_bert", Bert, GoldenPrecision.F64);
        runner.Add("refuse", Refuse, GoldenPrecision.F64);
    }

    private static void Bert(GoldenCase golden, GoldenPrecision precision)
    {
        EncoderModel model = EncoderDirectory.Load(Path.Combine(golden.Folder, Path.GetDirectoryName(golden.Attrs.String("bin"))!), DType.Float64);
        GoldenValue expected = Stored(golden, "same_as", Path.GetDirectoryName(golden.Folder)!);
        ModelCase.Close(expected, model.Forward(ModelCase.Ids(golden.Inputs["input_ids"])).Logits, golden.ToleranceF64, "logits");
    }

    // What each file must be met with stands in words: refused, or read.
    private static void Refuse(GoldenCase golden, GoldenPrecision precision)
    {
        foreach (string name in golden.Attrs.Names)
        {
            string rule = golden.Attrs.String(name), path = Path.Combine(golden.Folder, "refuse", name);
            if (rule.Contains("readable", StringComparison.Ordinal) || rule.Contains("read it", StringComparison.Ordinal))
            {
                using CheckpointFile file = CheckpointFile.Open(path);
                foreach (CheckpointEntry entry in file.Entries.Values) file.ReadAsDouble(entry, new double[entry.ElementCount]);
                Assert.Contains("a.weight", file.Entries.Keys);
                continue;
            }
            WeftFileException refusal = Assert.Throws<WeftFileException>(() => CheckpointFile.Open(path).Dispose());
            if (rule.StartsWith("names ", StringComparison.Ordinal)) Assert.Contains(rule["names ".Length..].Split(':')[0], refusal.Message, StringComparison.Ordinal);
        }
    }

    // An output of the form "file: key".
    private static GoldenValue Stored(GoldenCase golden, string output, string folder)
    {
        string[] parts = golden.Outputs[output].Json.GetString()!.Split(": ");
        return new GoldenValue($"{golden} {output}", JsonSerializer.SerializeToElement(parts[1]), new GoldenTensors(Path.Combine(folder, parts[0])));
    }
}

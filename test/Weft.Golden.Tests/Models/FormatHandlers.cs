using System.Text.Json;
using Weft.Models.Encoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Golden.Tests.Models;

/// <summary>The same weights in every file format, and files that must be refused.</summary>
internal static class FormatHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("formats", Formats, GoldenPrecision.F64);
        runner.Add("formats_bert", Bert, GoldenPrecision.F64);
        runner.Add("refuse", Refuse, GoldenPrecision.F64);
    }

    private static void Formats(GoldenCase golden, GoldenPrecision precision)
    {
        GoldenAttrs a = golden.Attrs;
        string source = Path.Combine(Path.GetDirectoryName(golden.Folder)!, a.String("source")), removed = a.StringOrNull("bin_prefix_removed") ?? "";
        Dictionary<string, (int[] Shape, double[] Values)> weights = Directory.EnumerateFiles(source, "model*.safetensors").Select(static f => new GoldenTensors(f))
            .SelectMany(static file => file.Names.Select(name => (name, file.Read(name)))).ToDictionary(static t => t.name, static t => (t.Item2.Shape, t.Item2.Doubles));
        foreach (JsonProperty expected in golden.Outputs["tensors"].Json.EnumerateObject())
        {
            (int[] shape, double[] values) = weights[expected.Name];
            Assert.Equal(expected.Value.GetProperty("shape").EnumerateArray().Select(static s => s.GetInt32()), shape);
            string bare = expected.Name.StartsWith(removed, StringComparison.Ordinal) ? expected.Name[removed.Length..] : expected.Name;
            foreach (string file in (string[])[a.String("sharded"), .. a.Strings("npz")]) Same(golden, file, expected.Name, shape, values);
            foreach (string file in (string[])[a.String("bin"), a.String("bin_sharded")]) Same(golden, file, Holds(golden, file, expected.Name) ? expected.Name : bare, shape, values);
            Same(golden, a.String("bf16"), expected.Name, shape, [.. values.Select(ToBf16)]);
            Same(golden, a.String("f16"), expected.Name, shape, [.. values.Select(static v => (double)(Half)v)]);
        }
        Tensor ids = ModelCase.Ids(golden.Inputs["input_ids"]);
        foreach ((string format, string output) in ((string, string)[])[("bf16", "logits_f64_of_bf16_weights"), ("f16", "logits_f64_of_f16_weights")])
            ModelCase.Close(Stored(golden, output, golden.Folder), ModelDirectory.Load(Path.Combine(golden.Folder, a.String(format)), DType.Float64).Forward(ids), golden.ToleranceF64, format);
        // A folder of any format is a model like another.
        double[] plain = ModelDirectory.Load(source, DType.Float64).Forward(ids).ToArray<double>();
        foreach (string folder in (string[])[a.String("sharded"), Path.GetDirectoryName(a.String("bin"))!, a.String("bin_sharded")])
            Assert.Equal(plain, ModelDirectory.Load(Path.Combine(golden.Folder, folder), DType.Float64).Forward(ids).ToArray<double>());
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

    private static bool Holds(GoldenCase golden, string file, string name)
    {
        using CheckpointFile checkpoint = CheckpointFile.Open(Path.Combine(golden.Folder, file));
        return checkpoint.Entries.ContainsKey(name);
    }

    private static void Same(GoldenCase golden, string file, string name, int[] shape, double[] expected)
    {
        using CheckpointFile checkpoint = CheckpointFile.Open(Path.Combine(golden.Folder, file));
        Assert.True(checkpoint.Entries.TryGetValue(name, out CheckpointEntry? entry), $"{golden}: {file} lacks {name}.");
        Assert.Equal(shape, entry.Shape);
        double[] wide = new double[entry.ElementCount];
        float[] single = new float[entry.ElementCount];
        checkpoint.ReadAsDouble(entry, wide);
        checkpoint.ReadAsSingle(entry, single);
        Assert.Equal(expected, wide);
        Assert.Equal(expected, Array.ConvertAll(single, static v => (double)v));
    }

    // An output of the form "file: key".
    private static GoldenValue Stored(GoldenCase golden, string output, string folder)
    {
        string[] parts = golden.Outputs[output].Json.GetString()!.Split(": ");
        return new GoldenValue($"{golden} {output}", JsonSerializer.SerializeToElement(parts[1]), new GoldenTensors(Path.Combine(folder, parts[0])));
    }

    // To the nearest of the numbers with 8 bits, ties to even.
    private static double ToBf16(double value)
    {
        uint bits = BitConverter.SingleToUInt32Bits((float)value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }
}

using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Models;

/// <summary>One checkpoint under every scaling of rotary positions, within and beyond the length of pretraining.</summary>
internal static class RotaryHandlers
{
    internal static void Add(GoldenRunner runner) => runner.Add("rope", Rotary);

    private static void Rotary(GoldenCase golden, GoldenPrecision precision)
    {
        DType dtype = precision == GoldenPrecision.F64 ? DType.Float64 : DType.Float32;
        double tolerance = precision == GoldenPrecision.F64 ? golden.ToleranceF64 : golden.ToleranceF32;
        DecoderModel model = Load(golden, dtype);
        DecoderConfig config = model.Config;
        int[] ids = golden.Inputs["input_ids"].Ints;
        foreach ((string tag, int count) in ((string, int)[])[("short", golden.Attrs.Int("short_length")), ("long", golden.Attrs.Int("long_length"))])
        {
            Weft.Models.Layers.RotaryFrequencies frequencies = config.RotaryScaling?.Frequencies(config.ResolvedHeadSize, config.RotaryBase, config.ContextLength, count)
                ?? Weft.Models.Layers.RotaryFrequencies.Plain(config.ResolvedHeadSize, config.RotaryBase);
            GoldenAssert.Close(golden.Outputs[$"{tag}.inv_freq"].Doubles, frequencies.InverseFrequencies, golden.ToleranceF64, $"{golden} {tag} frequencies");
            GoldenAssert.Close(golden.Outputs[$"{tag}.attention_scaling"], frequencies.AttentionFactor, golden.ToleranceF64, "attention scaling");
            Tensor logits = model.Forward(Tensor.From(ids.AsSpan(0, count), [1, count]));
            GoldenAssert.Close(golden.Outputs[$"{tag}.logits"], logits.Shape.AsSpan(), logits.Detach().To(DType.Float64).ToArray<double>(), tolerance, $"{tag} logits");
        }

        // Token by token from the short length on: the last step has its own value where angles depend on the length.
        using GradMode.Restorer mode = GradMode.Off();
        int T = ids.Length, first = golden.Attrs.Int("short_length");
        ForwardSettings settings = new() { Cache = new KeyValueCache(config, capacity: T, dtype: dtype) };
        Tensor last = model.Forward(Tensor.From(ids.AsSpan(0, first), [1, first]), settings);
        for (int t = first; t < T; t++) last = model.Forward(Tensor.From(ids.AsSpan(t, 1), [1, 1]), settings);
        double[] actual = last.Select(1, last.Shape[1] - 1).Detach().To(DType.Float64).ToArray<double>();
        double[] expected = golden.Outputs.TryGetValue("cached.last_logits", out GoldenValue? own) ? own.Doubles : [.. golden.Outputs["long.logits"].Doubles.TakeLast(actual.Length)];
        GoldenAssert.Close(expected, actual, tolerance, $"{golden} cached");
    }

    // The variant's configuration beside the weights that all share.
    private static DecoderModel Load(GoldenCase golden, DType dtype)
    {
        string folder = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            File.Copy(Path.Combine(golden.Folder, "model.safetensors"), Path.Combine(folder, "model.safetensors"));
            File.Copy(Path.Combine(golden.Folder, golden.Attrs.String("config")), Path.Combine(folder, "config.json"));
            return ModelDirectory.Load(folder, dtype);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

using Weft.Inference;
using Weft.Models.Decoder;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;

namespace Weft.Golden.Tests.Gguf;

/// <summary>Tiny complete models: tensors, token ids, logits and greedy texts, exact and with rounded activations.</summary>
internal static class ModelHandlers
{
    // From the set's README: two engines may choose differently where the two best logits are closer than this.
    private const double ExactMargin = 0.05, Int8Margin = 0.2;

    // Rounding to eight bits is one draw of noise; ours and ggml's are two, so their gap is up to a few times one of them.
    private const double Int8Factor = 3;

    internal static void Add(GoldenRunner runner) => runner.Add("model", Model, GoldenPrecision.F32);

    private static void Model(GoldenCase golden, GoldenPrecision precision)
    {
        string path = Path.Combine(golden.Folder, golden.Attrs.String("file"));
        if (golden.Outputs.TryGetValue("tensors", out GoldenValue? table)) Tensors(golden, path, table);
        LanguageModel exact = LanguageModel.Load(path), int8 = LanguageModel.Load(path, compute: ComputePath.Int8);
        int[] ids = golden.Outputs["token_ids"].Ints;
        Assert.Equal(ids, exact.Tokenizer.Encode(golden.Inputs["text"].Json.GetString()!));

        GoldenValue expected = golden.Tensor(golden.Outputs["logits_exact"].Json.GetString()!);
        GoldenAssert.Close(expected, expected.Shape, Last(exact.Model, ids, expected.Shape[0]), golden.Tolerance("exact"), "exact");
        expected = golden.Tensor(golden.Outputs["logits_int8"].Json.GetString()!);
        double allowed = Int8Factor * golden.Outputs["max_abs_difference_int8_exact"].Scalar;
        double[] actual = Last(int8.Model, ids, expected.Shape[0]);
        for (int i = 0; i < actual.Length; i++)
            Assert.True(Math.Abs(actual[i] - expected.Doubles[i]) <= allowed, $"{golden}: logit {i} is {actual[i]:g6} with rounded activations, the reference has {expected.Doubles[i]:g6} (allowed {allowed:g3}).");

        Greedy(golden, exact.Model, ids, golden.Outputs["greedy_exact"], ExactMargin);
        Greedy(golden, int8.Model, ids, golden.Outputs["greedy_int8"], Int8Margin);
    }

    private static void Tensors(GoldenCase golden, string path, GoldenValue table)
    {
        using GgufFile file = GgufFile.Open(path);
        string[] expected = [.. table.Json.EnumerateArray().Select(static t => $"{t[0].GetString()} {t[1].GetString()} [{string.Join(", ", t[2].EnumerateArray().Select(static d => d.GetInt32()).Reverse())}]")];
        Assert.Equal(expected, file.Entries.Values.Select(static e => e.ToString()));

        // llama.cpp's choice of types for the mixture is ours.
        GgufMixture mixture = GgufMixture.Of(golden.Attrs.String("quantization"));
        GgufKeys keys = new(file);
        int blocks = keys.RequiredInteger("block_count"), group = keys.RequiredInteger("attention.head_count") / keys.Integer("attention.head_count_kv", keys.RequiredInteger("attention.head_count"))!.Value;
        foreach (GgufEntry entry in file.Entries.Values)
            Assert.Equal((entry.Name, entry.Type), (entry.Name, mixture.TypeOf(entry.Name, entry.Shape, blocks, group, !keys.HasTensor("output.weight"), hasImportance: false)));

        // What Weft writes of the same content is the same file.
        GgufWriter writer = new();
        foreach ((string key, GgufValue value) in file.Metadata) writer.Set(key, value);
        foreach (GgufEntry entry in file.Entries.Values)
        {
            byte[] bytes = file.Bytes(entry).ToArray();
            writer.Add(entry.Name, entry.Type, entry.Shape, stream => stream.Write(bytes));
        }
        string copy = Path.Combine(Path.GetTempPath(), $"weft-{Guid.NewGuid():N}.gguf");
        try
        {
            writer.Save(copy);
            Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(copy)), $"{golden}: the file written anew has other bytes.");
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static double[] Last(DecoderModel model, int[] ids, int count)
    {
        using GradMode.Restorer mode = GradMode.Off();
        Tensor logits = model.Forward(Tensor.From(ids, [1, ids.Length]));
        return logits.Narrow(1, ids.Length - count, count).Contiguous().To(DType.Float64).ToArray<double>();
    }

    private static void Greedy(GoldenCase golden, DecoderModel model, int[] prompt, GoldenValue expected, double margin)
    {
        int[] ids = [.. expected.Json.GetProperty("ids").EnumerateArray().Select(static i => i.GetInt32())];
        double[] margins = [.. expected.Json.GetProperty("margins").EnumerateArray().Select(static m => m.GetDouble())];
        int sure = Array.FindIndex(margins, m => m < margin);
        int[] written = GreedyText.Write(model, prompt, sure < 0 ? ids.Length : sure);
        Assert.Equal(ids[..written.Length], written);
    }
}

using System.Runtime.InteropServices;
using System.Text.Json;
using Weft.Tensors;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;

namespace Weft.Golden.Tests.Gguf;

/// <summary>Stored types: dequantized values bit for bit, the quantizers' bytes and errors, integer products.</summary>
internal static class QuantizationHandlers
{
    // Our quantizers may do as well as ggml's, give or take half a percent: sums in another order choose another scale.
    private const double RmseFactor = 1.005;

    // From the set's README: single precision over 512 terms. (ggml itself is off by up to 4e-4 for Q4_1 and Q5_1, where it stores sums as float16.)
    private const double ProductTolerance = 1e-5;

    // The library's own bound for its simple types: the same operations give the same bytes.
    private static readonly HashSet<GgufType> s_sameBytes =
    [
        GgufType.F16, GgufType.BF16, GgufType.Q8_0, GgufType.Q4_0, GgufType.Q4_1, GgufType.Q5_0, GgufType.Q5_1, GgufType.MXFP4, GgufType.TQ1_0, GgufType.TQ2_0, GgufType.Q1_0, GgufType.Q2_0,
    ];

    internal static void Add(GoldenRunner runner) => runner.Add("quantize", Quantize, GoldenPrecision.F32);

    private static void Quantize(GoldenCase golden, GoldenPrecision precision)
    {
        GgufType type = (GgufType)golden.Attrs.Int("ggml_type_id");
        Assert.Equal(golden.Attrs.String("ggml_type"), type.ToString());
        Assert.Equal((golden.Attrs.Int("block_values"), golden.Attrs.Int("block_bytes")), (type.BlockValues(), type.BlockBytes()));

        GoldenValue rows = golden.Tensor(golden.Inputs["rows"].Json.GetString()!);
        float[] all = rows.Singles, importance = golden.Inputs.TryGetValue("importance", out GoldenValue? weights) ? golden.Tensor(weights.Json.GetString()!).Singles : [];
        byte[] bytes = [.. golden.Outputs["bytes"].Longs.Select(static v => (byte)v)];
        string[] names = [.. golden.Root.GetProperty("row_names").EnumerateArray().Select(static n => n.GetString()!)];
        double[] rmse = [.. golden.Outputs["rmse"].Doubles];
        uint[] checksums = [.. golden.Outputs["values_crc32"].Longs.Select(static v => (uint)v)];
        int count = rows.Shape[0], length = rows.Shape[1], rowBytes = bytes.Length / count;
        for (int r = 0; r < count; r++)
        {
            string what = $"{golden} row {names[r]}";
            ReadOnlySpan<byte> stored = bytes.AsSpan(r * rowBytes, rowBytes);
            float[] values = new float[length];
            Dequantizer.Run(type, stored, values);
            if (golden.Outputs.TryGetValue("values", out GoldenValue? expected) && r < expected.Shape[0])
                Assert.Equal(expected.Singles.AsSpan(r * length, length).ToArray(), values);
            Assert.True(Crc32(MemoryMarshal.AsBytes<float>(values)) == checksums[r], $"{what}: the dequantized values differ.");

            if (!Quantizer.Writable.Contains(type)) continue;
            ReadOnlySpan<float> row = all.AsSpan(r * length, length);
            byte[] own = new byte[rowBytes];
            Quantizer.Run(type, row, own, importance);
            // Below the smallest float16 the scale is zero and the integers mean nothing.
            bool meaningless = row.ToArray().All(static x => Math.Abs(x) < 6e-8f) && names[r] != "zeros";
            if (s_sameBytes.Contains(type) && importance.Length == 0 && !meaningless) Assert.True(stored.SequenceEqual(own), $"{what}: other bytes than the reference's.");
            Dequantizer.Run(type, own, values);
            double sum = 0;
            for (int i = 0; i < length; i++) sum += ((double)values[i] - row[i]) * ((double)values[i] - row[i]);
            double error = Math.Sqrt(sum / length);
            Assert.True(error <= RmseFactor * rmse[r] + 1e-12, $"{what}: root-mean-square error {error:g6}, the reference has {rmse[r]:g6}.");
        }
        if (golden.Outputs.TryGetValue("dot", out GoldenValue? dot)) Products(golden, type, bytes, count, length, dot.Json);
    }

    // The stored rows times activations that are rounded already, so that rounding them again changes nothing.
    private static void Products(GoldenCase golden, GgufType type, byte[] bytes, int count, int length, JsonElement dot)
    {
        GgufWriter writer = new();
        writer.Add("rows", type, [count, length], stream => stream.Write(bytes));
        string path = Path.Combine(Path.GetTempPath(), $"weft-{Guid.NewGuid():N}.gguf");
        writer.Save(path);
        try
        {
            using GgufFile file = GgufFile.Open(path);
            StoredMatrix matrix = new(new StoredRows(file, file.Entries["rows"]));
            string[] activations = [.. dot.GetProperty("activations").EnumerateArray().Select(static a => a.GetString()!)];
            for (int a = 0; a < activations.Length; a++)
            {
                float[] products = Tensor.From(golden.Tensor(activations[a] + ".values").Singles, [1, length]).LinearStored(matrix).ToArray<float>();
                for (int r = 0; r < count; r++)
                {
                    double exact = dot.GetProperty("exact")[a][r].GetDouble(), scale = dot.GetProperty("sum_abs_products")[a][r].GetDouble();
                    double allowed = ProductTolerance * scale;
                    Assert.True(Math.Abs(products[r] - exact) <= allowed, $"{golden}: product {a}, {r} is {products[r]:g9}, exactly {exact:g9} (allowed {allowed:g3}).");
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    // zlib's checksum: polynomial 0xEDB88320, reflected.
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}

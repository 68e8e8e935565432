using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

/// <summary>Number formats of 16 and 8 bits: tables of codes, and what is computed in single precision and rounded once.</summary>
internal static class LowPrecisionHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("round_from_f32", RoundSingles, GoldenPrecision.F32);
        runner.Add("round_from_f64", RoundDoubles, GoldenPrecision.F64);
        runner.Add("fp8_decode", DecodeAll, GoldenPrecision.F32);
        runner.Add("fp8_encode_all_f16", EncodeHalves, GoldenPrecision.F32);
        runner.Add("f16_decode_checksum", DecodeHalves, GoldenPrecision.F32);
        runner.Add("matmul_low_precision", Product, GoldenPrecision.F32);
        runner.Add("softmax_low_precision", Rows, GoldenPrecision.F32);
    }

    private static NumberFormat Format(string name) => name switch
    {
        "bf16" => NumberFormat.BFloat16,
        "f16" => NumberFormat.Float16,
        "e4m3fn" => NumberFormat.Float8E4M3,
        "e5m2" => NumberFormat.Float8E5M2,
        _ => throw new InvalidDataException($"The number format {name} is not known."),
    };

    private static void RoundSingles(GoldenCase golden, GoldenPrecision precision)
    {
        int[] bits = golden.Inputs["f32_bits"].Ints;
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            string[] words = name.Split('_'); // <format>_bits or <format>_bits_nonsaturating
            NumberFormat format = Format(words[0]);
            int[] codes = Array.ConvertAll(bits, b => NumberFormats.Encode(format, BitConverter.Int32BitsToSingle(b), saturating: words[^1] != "nonsaturating"));
            Equal(golden, name, format, expected, codes);
        }
    }

    private static void RoundDoubles(GoldenCase golden, GoldenPrecision precision)
    {
        double[] x = golden.Inputs["x"].Doubles;
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            NumberFormat format = Format(name.Split('_')[0]);
            bool direct = name.EndsWith("direct", StringComparison.Ordinal);
            Equal(golden, name, format, expected, Array.ConvertAll(x, v => direct ? NumberFormats.Encode(format, v) : NumberFormats.Encode(format, (float)v)));
        }
    }

    private static void DecodeAll(GoldenCase golden, GoldenPrecision precision)
    {
        NumberFormat format = Format(golden.Attrs.String("format"));
        float[] values = [.. Enumerable.Range(0, 256).Select(code => NumberFormats.Decode(format, code))];
        GoldenAssert.Close(golden.Outputs["value"], [256], values, 0);
    }

    private static void EncodeHalves(GoldenCase golden, GoldenPrecision precision)
    {
        NumberFormat format = Format(golden.Attrs.String("format"));
        int[] codes = [.. Enumerable.Range(0, 65536).Select(bits => NumberFormats.Encode(format, NumberFormats.Decode(NumberFormat.Float16, bits)))];
        Equal(golden, "code", format, golden.Outputs["code"], codes);
    }

    private static void DecodeHalves(GoldenCase golden, GoldenPrecision precision)
    {
        float[] values = [.. Enumerable.Range(0, 65536).Select(static bits => NumberFormats.Decode(NumberFormat.Float16, bits)).Where(static v => !float.IsNaN(v))];
        Assert.Equal(golden.Outputs["sha256"].Json.GetString(), Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(values))));
        Assert.Equal(golden.Outputs["count"].Scalar, values.Length);
        GoldenAssert.Close(golden.Outputs["sum"], values.Where(float.IsFinite).Sum(static v => Math.Abs((double)v)), golden.ToleranceF64);
    }

    private static void Product(GoldenCase golden, GoldenPrecision precision)
    {
        NumberFormat format = Format(golden.Attrs.String("dtype"));
        Tensor y = OpCase.ToTensor(golden.Inputs["a"], DType.Float32).MatMul(OpCase.ToTensor(golden.Inputs["b"], DType.Float32));
        // Sums of some dozen terms in single precision; then, as the note allows, one unit in the last place of the format.
        OpCase.Compare(golden.Outputs["out_f32_accumulate"], y, 1e-5);
        OpCase.Compare(golden.Outputs["out"], y.RoundTo(format), Math.Min(golden.ToleranceF32, format == NumberFormat.BFloat16 ? 0.0078125 : 0.0009765625));
    }

    private static void Rows(GoldenCase golden, GoldenPrecision precision)
    {
        NumberFormat format = Format(golden.Attrs.String("dtype"));
        Tensor x = OpCase.ToTensor(golden.Inputs["x"], DType.Float32);
        OpCase.Compare(golden.Outputs["out"], x.Softmax().RoundTo(format), golden.ToleranceF32);
        OpCase.Compare(golden.Outputs["layer_norm"], x.LayerNorm().RoundTo(format), golden.ToleranceF32);
        OpCase.Compare(golden.Outputs["sum"], x.Sum(-1).RoundTo(format), golden.ToleranceF32);
        OpCase.Compare(golden.Outputs["mean"], x.Mean(-1).RoundTo(format), golden.ToleranceF32);
    }

    // Codes exactly; where the reference says NaN, any NaN.
    private static void Equal(GoldenCase golden, string name, NumberFormat format, GoldenValue expected, int[] codes)
    {
        int[] wanted = expected.Ints;
        Assert.Equal(wanted.Length, codes.Length);
        for (int i = 0; i < codes.Length; i++)
        {
            bool nan = float.IsNaN(NumberFormats.Decode(format, wanted[i]));
            if (nan ? !float.IsNaN(NumberFormats.Decode(format, codes[i])) : wanted[i] != codes[i])
                Assert.Fail($"{golden} {name}[{i}]: expected code 0x{wanted[i]:X}, got 0x{codes[i]:X}.");
        }
    }
}

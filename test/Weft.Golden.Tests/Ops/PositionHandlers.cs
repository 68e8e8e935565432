using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

/// <summary>The groups <c>rope</c> and <c>position</c>.</summary>
internal static class PositionHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Op("rope_half_split", c => Transposed(c, (x, cos, sin) => Partial(x, cos, sin)));
        runner.Op("rope_interleaved", c => Transposed(c, (x, cos, sin) => x.RotaryInterleaved(cos, sin)));
        runner.Add("rope_llama_f32", (golden, _) =>
        {
            OpCase c = new(golden, GoldenPrecision.F32);
            int B = c["q"].Shape[0], T = c["q"].Shape[2], D = c["q"].Shape[3];
            (Tensor cos, Tensor sin) = Angles(c["position_ids"], D, c.Attrs.Double("theta"), DType.Float32); // [B, T, D/2]
            Assert.Equal([B, T, D / 2], cos.Shape.ToArray());
            Against(golden, "cos", Tensor.Concat([cos, cos], -1));
            Against(golden, "sin", Tensor.Concat([sin, sin], -1));
            Against(golden, "q_rotated", c["q"].Transpose(1, 2).Rotary(cos, sin).Transpose(1, 2));
            Against(golden, "k_rotated", c["k"].Transpose(1, 2).Rotary(cos, sin).Transpose(1, 2));
        }, GoldenPrecision.F32);
        runner.Add("rope_gptj_f32", (golden, _) =>
        {
            OpCase c = new(golden, GoldenPrecision.F32);
            (Tensor cos, Tensor sin) = Angles(Tensor.Arange(c.X.Shape[1]), c.Attrs.Int("rotary_dim"), c.Attrs.Double("theta"), DType.Float32);
            Against(golden, "out", c.X.RotaryInterleaved(cos, sin));
        }, GoldenPrecision.F32);
        runner.Add("xpos_f32", (golden, _) =>
        {
            OpCase c = new(golden, GoldenPrecision.F32);
            int T = c["q"].Shape[2], D = c["q"].Shape[3];
            (Tensor cos, Tensor sin) = Angles(Tensor.Arange(T), D, c.Attrs.Double("theta"), DType.Float32);
            Tensor scale = PositionTables.XPosFactors(T, D, c.Attrs.Double("scale_base"));
            scale = c.Attrs.String("scale_layout") == "interleaved" ? scale.RepeatInterleave(2, 1) : Tensor.Concat([scale, scale], 1); // [T, D]
            Against(golden, "q_rotated", c["q"].Transpose(1, 2).RotaryInterleaved(cos, sin).Transpose(1, 2) * scale);
            Against(golden, "k_rotated", c["k"].Transpose(1, 2).RotaryInterleaved(cos, sin).Transpose(1, 2) / scale);
        }, GoldenPrecision.F32);
        runner.Add("rope_inv_freq", (golden, _) =>
        {
            RotaryFrequencies f = Frequencies(golden.Attrs);
            int[] shape = [f.InverseFrequencies.Length];
            GoldenAssert.Close(golden.Outputs["inv_freq_f64"], shape, f.InverseFrequencies, golden.ToleranceF64);
            GoldenAssert.Close(golden.Outputs["inv_freq"], shape, f.InverseFrequencies, golden.ToleranceF32);
            GoldenAssert.Close(golden.Outputs["attention_factor"], f.AttentionFactor, golden.ToleranceF64);
        }, GoldenPrecision.F64);
        runner.Add("alibi_slopes", (golden, _) =>
        {
            int heads = golden.Attrs.Int("num_heads");
            GoldenAssert.Close(golden.Outputs["slopes_f64"], [heads], PositionTables.AlibiSlopes(heads), golden.ToleranceF64);
            GoldenAssert.Close(golden.Outputs["bloom_f32"], [heads], PositionTables.AlibiSlopes(heads), golden.ToleranceF32);
            GoldenAssert.Close(golden.Outputs["mpt_f32"], [heads], PositionTables.AlibiSlopesMpt(heads), golden.ToleranceF32);
        }, GoldenPrecision.F64);
        runner.Add("t5_relative_bucket", (golden, _) =>
        {
            GoldenValue positions = golden.Inputs["relative_position"];
            GoldenAssert.Equal(golden.Outputs["bucket"], positions.Shape, Array.ConvertAll(positions.Ints, p =>
                PositionTables.RelativeBucket(p, golden.Attrs.Bool("bidirectional"), golden.Attrs.Int("num_buckets"), golden.Attrs.Int("max_distance"))));
        }, GoldenPrecision.F64);
        runner.Add("sinusoidal_table", (golden, _) =>
        {
            int n = golden.Attrs.Int("num_positions"), size = golden.Attrs.Int("dim");
            OpCase.Compare(golden.Outputs["interleaved"], PositionTables.Sinusoidal(n, size, interleaved: true, DType.Float64), golden.ToleranceF64);
            OpCase.Compare(golden.Outputs["halves"], PositionTables.Sinusoidal(n, size, interleaved: false, DType.Float64), golden.ToleranceF64);
        }, GoldenPrecision.F64);
    }

    private static void Against(GoldenCase golden, string output, Tensor actual) => OpCase.Compare(golden.Outputs[output], actual, golden.ToleranceF32);

    // The reference has heads before time.
    private static Tensor Transposed(OpCase c, Func<Tensor, Tensor, Tensor, Tensor> turn)
    {
        (Tensor cos, Tensor sin) = Angles(c["position_ids"], c.Attrs.IntOrNull("rotary_dim") ?? c.X.Shape[3], c.Attrs.Double("theta"), c.Type);
        return turn(c.X.Transpose(1, 2), cos, sin).Transpose(1, 2);
    }

    private static Tensor Partial(Tensor x, Tensor cos, Tensor sin)
    {
        int turned = 2 * cos.Shape[^1], all = x.Shape[3];
        return turned == all ? x.Rotary(cos, sin) : Tensor.Concat([x.Narrow(3, 0, turned).Rotary(cos, sin), x.Narrow(3, turned, all - turned)], 3);
    }

    private static (Tensor Cos, Tensor Sin) Angles(Tensor positions, int size, double theta, DType dtype)
    {
        Tensor frequencies = Tensor.From(RotaryFrequencies.Plain(size, theta).InverseFrequencies);
        Tensor angles = positions.To(DType.Float64).Unsqueeze(-1) * frequencies; // [.., T, D/2]
        return (angles.Cos().To(dtype), angles.Sin().To(dtype));
    }

    private static RotaryFrequencies Frequencies(GoldenAttrs a)
    {
        int head = a.Int("head_dim"), size = (int)(head * (a.DoubleOrNull("partial_rotary_factor") ?? 1));
        double theta = a.Double("rope_theta");
        return a.String("rope_type") switch
        {
            "default" => RotaryFrequencies.Plain(size, theta),
            "linear" => RotaryFrequencies.Linear(size, theta, a.Double("factor")),
            "dynamic" => RotaryFrequencies.Dynamic(size, theta, a.Double("factor"), a.Int("max_position_embeddings"), a.IntOrNull("seq_len")),
            "yarn" => RotaryFrequencies.Yarn(size, theta, a.Double("factor"), a.Int("original_max_position_embeddings"), a.DoubleOrNull("beta_fast") ?? 32,
                a.DoubleOrNull("beta_slow") ?? 1, a.BoolOrNull("truncate") ?? true, a.DoubleOrNull("attention_factor"), a.DoubleOrNull("mscale"), a.DoubleOrNull("mscale_all_dim")),
            "longrope" => RotaryFrequencies.LongRope(theta, a.Doubles("short_factor"), a.Doubles("long_factor"), a.Int("original_max_position_embeddings"),
                a.Int("max_position_embeddings"), a.DoubleOrNull("factor"), a.DoubleOrNull("attention_factor"), a.IntOrNull("seq_len")),
            "llama3" => RotaryFrequencies.Llama3(size, theta, a.Double("factor"), a.Double("low_freq_factor"), a.Double("high_freq_factor"), a.Int("original_max_position_embeddings")),
            "proportional" => RotaryFrequencies.Proportional(head, theta, a.Double("partial_rotary_factor"), a.DoubleOrNull("factor") ?? 1),
            string other => throw new InvalidDataException($"rope type {other}"),
        };
    }
}

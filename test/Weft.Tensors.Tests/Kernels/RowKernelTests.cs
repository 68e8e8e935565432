using System.Runtime.Intrinsics;
using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;
using static Weft.Tensors.Tests.Kernels.FusedNodes;

namespace Weft.Tensors.Tests.Kernels;

/// <summary>Fused float32 nodes against the composition of elementary operations in float64: values and gradients.</summary>
public sealed class RowKernelTests
{
    // Against the exact value: half a unit in the last place of the polynomial's sum, and as much for 1 + its next term.
    [Fact]
    public void Exp2_IsWithinTwoRoundings_AndPassesNaN()
    {
        for (float x = -130; x < 126.5f; x += 0.0371f) Check(x);
        foreach (float x in (float[])[0, -0.5f, 0.5f, 1, -1, -125, float.NegativeInfinity, -200, -1e30f]) Check(x);
        Assert.True(float.IsNaN(Exp2(float.NaN)));
        Assert.Equal(1f, Exp2(0));

        static void Check(float x)
        {
            double exact = Math.Pow(2, x);
            if (x >= -125) Assert.InRange(Exp2(x) / exact, 1 - 1.3e-7, 1 + 1.3e-7);
            else Assert.InRange(Exp2(x), 0, Math.Max(1.01 * exact, 0)); // what is too small for a float with all its digits may be 0
        }

        static float Exp2(float x) => KernelTiers.Current switch
        {
            KernelTier.Bits512 => VectorMath.Exp2(Vector512.Create(x))[3],
            KernelTier.Bits256 => VectorMath.Exp2(Vector256.Create(x))[3],
            _ => VectorMath.Exp2(Vector128.Create(x))[3],
        };
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    [InlineData(5, 16)]
    [InlineData(130, 33)]
    [InlineData(64, 128)]
    [InlineData(2, 257)]
    public void Normalization_EqualsItsComposition(int rows, int columns)
    {
        Tensor x = Random([rows, columns], 1), g = Random([columns], 2), b = Random([columns], 3);
        if (columns > 1) Check(static t => t[0].LayerNorm(t[1], t[2], 1e-5), x, g, b);
        if (columns > 1) Check(static t => t[0].LayerNorm(t[1], null, 1e-5), x, g);
        Check(static t => t[0].RmsNorm(t[1], 1e-6), x, g);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(9, 17)]
    [InlineData(40, 65)]
    [InlineData(3, 1000)]
    public void CrossEntropy_WithIgnoredTargets_EqualsItsComposition(int rows, int classes)
    {
        Tensor x = Random([rows, classes], 1, 3), targets = Tensor.From([.. Enumerable.Range(0, rows).Select(i => i % 4 == 3 ? -100 : i * 7 % classes)]);
        Check(static t => t[0].CrossEntropy(t[1]), x, targets);
    }

    [Fact]
    public void CrossEntropy_WithATargetOutOfRange_Throws() =>
        Assert.Contains("target 5", Assert.Throws<ArgumentOutOfRangeException>(static () => Random([2, 5], 1).CrossEntropy(Tensor.From(1, 5))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1, 1, 1, 1, 1, 1)]
    [InlineData(2, 5, 5, 2, 2, 3)]
    [InlineData(1, 64, 64, 4, 4, 32)]
    [InlineData(2, 65, 65, 4, 2, 16)]
    [InlineData(1, 130, 130, 6, 2, 7)]
    [InlineData(2, 1, 40, 4, 1, 8)]
    [InlineData(1, 70, 133, 3, 3, 20)]
    [InlineData(1, 15, 700, 2, 1, 24)]
    [InlineData(2, 16, 129, 2, 1, 33)]
    [InlineData(1, 200, 300, 2, 1, 64)]
    [InlineData(1, 700, 700, 2, 1, 48)]
    public void CausalAttention_EqualsItsComposition(int batch, int queries, int keys, int heads, int keyHeads, int size)
    {
        Tensor q = Random([batch, queries, heads, size], 1), k = Random([batch, keys, keyHeads, size], 2), v = Random([batch, keys, keyHeads, size], 3);
        Check(t => t[0].CausalAttention(t[1], t[2], 1 / Math.Sqrt(size)), q, k, v);
        // Views of one tensor, as a model has them.
        if (queries == keys)
        {
            Check(t => t[0].PackedCausalAttention(heads, 0.3), Random([batch, queries, heads + 2 * keyHeads, size], 4));
            Check(t => t[0].Narrow(2, 0, heads).CausalAttention(t[0].Narrow(2, heads, keyHeads), t[0].Narrow(2, heads + keyHeads, keyHeads), 0.3), Random([batch, queries, heads + 2 * keyHeads, size], 4));
        }
    }

    // A map that ends with a nonlinearity gives the bits of one after the other, wherever the product is cut; rows are 1, few, many.
    [Theory]
    [InlineData(1, 65, 37)]
    [InlineData(5, 33, 50)]
    [InlineData(130, 70, 333)]
    [InlineData(300, 600, 300)]
    public void LinearActivation_GivesTheBitsOfBoth(int rows, int inputs, int outputs)
    {
        Tensor x = Random([rows, inputs], 1), w = Random([outputs, inputs], 2, 0.1), b = Random([outputs], 3);
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            using ProductPrecision.Restorer products = ProductPrecision.Use(precision);
            foreach (Activation activation in Enum.GetValues<Activation>())
            {
                float[] expected = x.Linear(w, b).Apply(activation).ToArray<float>();
                Assert.Equal(expected, x.LinearActivation(w, b, activation).ToArray<float>());
                Assert.Equal(expected, x.LinearActivation(w.Detach().RequireGrad(), b, activation).Detach().ToArray<float>()); // with the derivative at its side
                if (precision == Precision.Float32) Check(t => t[0].LinearActivation(t[1], t[2], activation), x, w, b);
            }
        }
    }

    // Many derivatives are written past the caches, few are not: rows of whole vectors, and others.
    [Theory]
    [InlineData(496)]
    [InlineData(499)]
    public void LinearActivation_OfManyRows_GivesTheGradientsOfTheirHalves(int outputs)
    {
        const int Rows = 4096;
        Tensor x = Random([Rows, 4], 1), w = Random([outputs, 4], 2);
        float[] Gradient(Tensor rows)
        {
            Tensor leaf = rows.Contiguous().Detach().RequireGrad();
            leaf.LinearActivation(w, null, Activation.Gelu).Sum().Backward();
            return leaf.Grad!.ToArray<float>();
        }
        Assert.Equal([.. Gradient(x.Narrow(0, 0, Rows / 2)), .. Gradient(x.Narrow(0, Rows / 2, Rows / 2))], Gradient(x));
    }

    // Factors have 8 bits: 2^-9 of each, and each result is a sum of some of them.
    [Theory]
    [InlineData(64, 64, 4, 4, 32)]
    [InlineData(65, 65, 4, 2, 16)]
    [InlineData(70, 133, 3, 3, 20)]
    [InlineData(600, 600, 2, 1, 64)]
    public void CausalAttention_InBf16_IsNearFloat64(int queries, int keys, int heads, int keyHeads, int size)
    {
        const double Tolerance = 1.5e-2;
        Tensor[] inputs = [Random([2, queries, heads, size], 1), Random([2, keys, keyHeads, size], 2), Random([2, keys, keyHeads, size], 3)];
        double[][] Results(DType type, Precision precision)
        {
            using ProductPrecision.Restorer products = ProductPrecision.Use(precision);
            Tensor[] x = [.. inputs.Select(t => t.To(type).Detach().RequireGrad())];
            Tensor y = x[0].CausalAttention(x[1], x[2], 1 / Math.Sqrt(size));
            y.Backward(Random(y.Shape, 9).To(type));
            return [.. new[] { y }.Concat(x.Select(static t => t.Grad!)).Select(static t => t.Detach().To(DType.Float64).ToArray<double>())];
        }
        double[][] expected = Results(DType.Float64, Precision.Float32), actual = Results(DType.Float32, Precision.Bf16);
        for (int i = 0; i < expected.Length; i++)
        {
            double apart = expected[i].Zip(actual[i], static (a, b) => Math.Abs(a - b)).Max() / expected[i].Max(Math.Abs);
            Assert.InRange(apart, 1e-5, Tolerance);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(32)]
    [InlineData(70)]
    public void Rotary_EqualsItsComposition(int size)
    {
        Tensor x = Random([2, 5, 3, size], 1);
        foreach (Shape table in (Shape[])[[5, size / 2], [2, 5, size / 2]])
        {
            Tensor cos = Random(table, 2), sin = Random(table, 3);
            Check(t => t[0].Rotary(cos.To(t[0].DType), sin.To(t[0].DType)), x);
            Check(t => t[0].Narrow(2, 1, 2).Rotary(cos.To(t[0].DType), sin.To(t[0].DType)), x);
        }
    }

    [Fact]
    public void Activations_EqualTheirCompositions_AtEveryLength()
    {
        foreach (int length in (int[])[.. Enumerable.Range(0, 70), 255, 256, 257])
        {
            Tensor x = Random([length], length + 1, 3);
            Check(static t => t[0].Gelu(), x);
            Check(static t => t[0].GeluTanh(), x);
            Check(static t => t[0].Silu(), x);
            if (length > 0) Check(static t => t[0].Reshape(1, -1).Expand([3, t[0].Count]).Contiguous().Reshape(-1, t[0].Count).Reshape(3 * t[0].Count).Reshape(1, 3 * t[0].Count).Narrow(1, 0, 2 * t[0].Count).SwiGlu(), x);
        }
    }

    [Fact]
    public void Linear_EqualsItsComposition() =>
        Check(static t => t[0].Linear(t[1], t[2]), Random([3, 5, 33], 1), Random([17, 33], 2, 0.3), Random([17], 3));

    [Fact]
    public void FusedNodes_HaveSecondDerivatives()
    {
        // d/dx of |d loss/dx|² in float32 against float64.
        Tensor x = Random([4, 6], 1), g = Random([6], 2), b = Random([6], 3), w = Random([6, 6], 4), targets = Tensor.From(1, 0, 5, 2);
        Tensor Penalty(Tensor x, Tensor g, Tensor b, Tensor w)
        {
            Tensor loss = x.LayerNorm(g, b).Linear(w).Gelu().CrossEntropy(targets);
            return Gradients.Of(loss, x, createGraph: true).Square().Sum();
        }
        Tensor narrow = x.RequireGrad(), wide = x.Detach().To(DType.Float64).RequireGrad();
        Penalty(narrow, g, b, w).Backward();
        Penalty(wide, g.To(DType.Float64), b.To(DType.Float64), w.To(DType.Float64)).Backward();
        Close(wide.Grad!.ToArray<double>(), narrow.Grad!.ToArray<float>(), "second derivative");
    }

    [Fact]
    public void VectorFunctions_AreAccurateAndKeepSpecialValues()
    {
        // Relative to the double-precision function: 3 units in the last place of float32, where the result is not tiny.
        List<float> xs = [.. Enumerable.Range(-2000, 4001).Select(static i => i * 0.043f), float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0f, -0f, float.Epsilon, 88.7f, 88.8f, -86f, -104f, 1e30f, -1e30f];
        float[] x = [.. xs], y = new float[x.Length];
        ActivationKernels.Forward<ActivationKernels.Exp>(x, y);
        Compare(x, y, Math.Exp, 3e-7, smallest: 1e-37);
        ActivationKernels.Forward<ActivationKernels.Tanh>(x, y);
        Compare(x, y, Math.Tanh, 3e-7, smallest: 1e-37);
        ActivationKernels.Forward<ActivationKernels.Sigmoid>(x, y);
        Compare(x, y, static v => 1 / (1 + Math.Exp(-v)), 3e-7, smallest: 1e-37);

        static void Compare(float[] x, float[] y, Func<double, double> function, double tolerance, double smallest)
        {
            for (int i = 0; i < x.Length; i++)
            {
                double expected = function(x[i]);
                if (double.IsNaN(expected)) Assert.True(float.IsNaN(y[i]), $"f({x[i]}) = {y[i]}");
                else if (Math.Abs(expected) > float.MaxValue) Assert.True(float.IsInfinity(y[i]), $"f({x[i]}) = {y[i]}");
                else Assert.True(Math.Abs(y[i] - expected) <= tolerance * Math.Abs(expected) + smallest, $"f({x[i]}) = {y[i]}, not {expected}");
            }
        }
    }
}

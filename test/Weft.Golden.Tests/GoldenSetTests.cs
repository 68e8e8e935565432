using Weft.Tensors.Files;
using Xunit.Sdk;

namespace Weft.Golden.Tests;

/// <summary>The tests' own tools: that cases are read rightly, and that a comparison can fail.</summary>
public sealed class GoldenSetTests
{
    [Fact]
    public void Case_WorkedExampleOfTheReadme_IsLayerNormalisation()
    {
        GoldenSet norm = GoldenSet.Require("ops", "norm");
        foreach (GoldenCase golden in norm.Cases.Where(c => c.Op == "layer_norm" && c.Inputs.ContainsKey("bias") && c.Attrs.Ints("normalized_shape").Length == 1))
        {
            // out = (x - mean) / sqrt(biased variance + eps) * weight + bias over the last axis.
            double[] x = golden.Inputs["x"].Doubles, weight = golden.Inputs["weight"].Doubles, bias = golden.Inputs["bias"].Doubles;
            double[] y = new double[x.Length];
            int n = golden.Attrs.Ints("normalized_shape")[0];
            for (int row = 0; row < x.Length; row += n)
            {
                double mean = x.AsSpan(row, n).ToArray().Average();
                double variance = x.AsSpan(row, n).ToArray().Average(v => (v - mean) * (v - mean));
                for (int i = 0; i < n; i++) y[row + i] = (x[row + i] - mean) / Math.Sqrt(variance + golden.Attrs.Double("eps")) * weight[i] + bias[i];
            }
            GoldenAssert.Close(golden.Outputs["out"], golden.Inputs["x"].Shape, y, golden.ToleranceF64);

            y[^1] += 1e-9;
            XunitException failure = Assert.ThrowsAny<XunitException>(() => GoldenAssert.Close(golden.Outputs["out"], golden.Inputs["x"].Shape, y, golden.ToleranceF64));
            Assert.Contains($"ops/norm {golden.Name} outputs.out[", failure.Message);
        }
    }

    [Theory]
    [InlineData("ops")]
    [InlineData("optim")]
    [InlineData("nets")]
    [InlineData("models")]
    [InlineData("metrics")]
    public void Values_OfEveryCase_DecodeAndHaveAsManyElementsAsTheirShape(string set)
    {
        SharedFolder.RequireGolden(set);
        int tensors = 0;
        foreach (GoldenCase golden in GoldenSet.All(set).SelectMany(group => group.Cases))
        {
            Assert.NotEmpty(golden.Op);
            foreach (GoldenValue value in new[] { golden.Inputs, golden.Outputs, golden.Grads, golden.GradOutputs, golden.OutputsF32 }.SelectMany(section => section.Values))
            {
                if (!value.IsTensor) continue;
                Assert.Equal(value.Shape.Aggregate(1L, (product, size) => product * size), value.Count);
                tensors++;
            }
        }
        Assert.NotEqual(0, tensors);
    }

    [Fact]
    public void SafetensorsFile_EveryFileOfTheGoldenFolder_ReadsAsThePlainReaderDoes()
    {
        string root = SharedFolder.RequireGolden();
        int compared = 0;
        foreach (string path in Directory.EnumerateFiles(root, "*.safetensors", SearchOption.AllDirectories))
        {
            GoldenTensors plain = new(path);
            using SafetensorsFile file = SafetensorsFile.Open(path);
            Assert.Equal(plain.Names.Order(StringComparer.Ordinal), file.Entries.Keys.Order(StringComparer.Ordinal));
            foreach (SafetensorsEntry entry in file.Entries.Values)
            {
                (string type, int[] shape, double[] doubles, _) = plain.Read(entry.Name);
                Assert.Equal(type, entry.Type.FormatName());
                Assert.Equal(shape, entry.Shape);
                double[] actual = new double[entry.ElementCount];
                file.ReadAsDouble(entry, actual);
                Assert.Equal(doubles, actual);
                float[] singles = new float[entry.ElementCount];
                file.ReadAsSingle(entry, singles);
                for (int i = 0; i < singles.Length; i++) Assert.Equal((float)doubles[i], singles[i]);
                compared++;
            }
        }
        Assert.NotEqual(0, compared);
    }

    [Theory]
    [InlineData(new[] { 1.0, 2 }, new[] { 1.0, 2 }, 0, true)]
    [InlineData(new[] { 1.0, 2 }, new[] { 1.0, 2.1 }, 0.01, false)]
    [InlineData(new[] { 1.0, 100 }, new[] { 1.9, 100 }, 0.01, true)] // Relative to the largest expected entry: 0.01 * 100 = 1.
    [InlineData(new[] { 0.001 }, new[] { 0.002 }, 0.01, true)] // Never relative to less than one.
    [InlineData(new[] { double.NaN }, new[] { double.NaN }, 0, true)]
    [InlineData(new[] { double.NaN }, new[] { 0.0 }, 1, false)]
    [InlineData(new[] { 0.0 }, new[] { double.NaN }, 1, false)]
    [InlineData(new[] { double.PositiveInfinity, 1 }, new[] { double.PositiveInfinity, 1 }, 0, true)]
    [InlineData(new[] { double.PositiveInfinity }, new[] { double.NegativeInfinity }, 1, false)]
    [InlineData(new[] { double.PositiveInfinity, 1 }, new[] { double.PositiveInfinity, 2 }, 0.1, false)] // Infinity does not widen the rest.
    public void Close_KnownPairs_FollowsTheRule(double[] expected, double[] actual, double tolerance, bool passes)
    {
        Exception? failure = Record.Exception(() => GoldenAssert.Close(expected, actual, tolerance, "pair"));
        Assert.Equal(passes, failure is null);
    }
}

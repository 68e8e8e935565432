using Weft.Tensors.Autograd;

namespace Weft.Tensors.Tests;

public sealed class RandomDropoutTests
{
    [Fact]
    public void Dropout_OfOnes_HasMeanOneWithinThreeDeviations()
    {
        // A kept element is 1 / (1 - p): mean 1, variance p / (1 - p); the mean of n has deviation sqrt(p / ((1 - p) n)).
        const double P = 0.3;
        const int N = 200_000;
        double mean = Tensor.Ones([N]).Dropout(P, new RandomGenerator(11)).Mean().Item();
        Assert.InRange(mean, 1 - 3 * Math.Sqrt(P / (1 - P) / N), 1 + 3 * Math.Sqrt(P / (1 - P) / N));
    }

    [Fact]
    public void SpatialDropout_DropsWholeChannelsAndNothingElse()
    {
        double[] y = Tensor.Ones([8, 16, 5, 3], DType.Float64).SpatialDropout(0.5, new RandomGenerator(2)).ToArray<double>();
        int dropped = 0;
        for (int channel = 0; channel < 8 * 16; channel++)
        {
            double[] values = y[(channel * 15)..(channel * 15 + 15)];
            Assert.Single(values.Distinct());
            Assert.Contains(values[0], new[] { 0.0, 2.0 });
            if (values[0] == 0) dropped++;
        }
        // Of 128 fair draws: 64 give or take 3 deviations of sqrt(128) / 2.
        Assert.InRange(dropped, 64 - 17, 64 + 17);
        Assert.Throws<ArgumentException>(() => Tensor.Ones([2, 3]).SpatialDropout(0.5, new RandomGenerator(1)));
    }

    [Fact]
    public void PathDropout_DropsWholeExamples()
    {
        double[] y = Tensor.Ones([64, 7], DType.Float64).PathDropout(0.25, new RandomGenerator(3)).ToArray<double>();
        for (int row = 0; row < 64; row++) Assert.Single(y[(row * 7)..(row * 7 + 7)].Distinct());
        Assert.Equal([0, 1 / 0.75], y.Distinct().Order());
    }

    [Theory]
    [InlineData(2, 3, 4)]
    [InlineData(1, 1, 1)]
    [InlineData(3, 0, 2)]
    [InlineData(5, 2, 1)]
    [InlineData(1, 7, 3)]
    public void GradientCheck_OfEveryKind_Passes(int n, int c, int t)
    {
        Tensor x = new RandomGenerator(4).FillGaussian(Tensor.Uninitialized([n, c, t], DType.Float64)).RequireGrad();
        GradientCheck.Run(v => v[0].Square().Dropout(0.4, new RandomGenerator(1)), [x]);
        GradientCheck.Run(v => v[0].Square().SpatialDropout(0.4, new RandomGenerator(1)), [x]);
        GradientCheck.Run(v => v[0].Square().PathDropout(0.4, new RandomGenerator(1)), [x]);
        GradientCheck.Run(v => v[0].Transpose().SharedDropout(0.4, new RandomGenerator(1), 0, 2).Square(), [x]);
        GradientCheck.Run(v => v[0].AddUniformNoise(0.4, new RandomGenerator(1)).Square(), [x]);
    }

    [Fact]
    public void AddUniformNoise_StaysInItsBounds()
    {
        float[] noise = Tensor.Zeros([10_000]).AddUniformNoise(0.2, new RandomGenerator(6)).ToArray<float>();
        Assert.All(noise, v => Assert.InRange(v, -0.2f, 0.2f));
        // The variance of a uniform number in ±a is a² / 3; the estimate of 10,000 is good to about 1 % of it, 3 % is three deviations.
        Assert.InRange(noise.Average(v => v * v), 0.04 / 3 * 0.97, 0.04 / 3 * 1.03);
    }

    // The one-pass form of float32 against the composition in float64, where some targets do not count.
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.9)]
    public void CrossEntropy_WithLabelSmoothing_IsTheComposition(double smoothing)
    {
        const double Tolerance = 1e-6; // float32 sums over 33 classes
        RandomGenerator generator = new(8);
        Tensor exact = generator.FillGaussian(Tensor.Uninitialized([9, 33], DType.Float64), 0, 3).RequireGrad(), fast = exact.Detach().To(DType.Float32).RequireGrad();
        int[] targets = [.. Enumerable.Range(0, 9).Select(i => i % 4 == 2 ? -100 : generator.NextInt32(33))];
        Tensor expected = exact.CrossEntropy(Tensor.From(targets), labelSmoothing: smoothing), actual = fast.CrossEntropy(Tensor.From(targets), labelSmoothing: smoothing);
        Assert.Equal(expected.Item(), actual.Item(), 10 * Tolerance);
        (expected * 3.0).Backward();
        (actual * 3.0).Backward();
        foreach ((double e, float a) in exact.Grad!.ToArray<double>().Zip(fast.Grad!.ToArray<float>())) Assert.Equal(e, a, Tolerance);
        // A second derivative takes the composition.
        Tensor gradient = Gradients.Of(fast.CrossEntropy(Tensor.From(targets), labelSmoothing: smoothing), [fast], createGraph: true)[0]!;
        Assert.True(gradient.Tracks);
    }
}

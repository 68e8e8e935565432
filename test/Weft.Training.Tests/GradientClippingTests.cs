using Weft.Tensors;
using Weft.Tensors.Threading;
using Weft.Training.Optimizers;

namespace Weft.Training.Tests;

public sealed class GradientClippingTests
{
    private static Tensor Parameter(double[] values, double[] gradient, Shape shape)
    {
        Tensor parameter = Tensor.From(values, shape).RequireGrad();
        parameter.Grad = Tensor.From(gradient, shape);
        return parameter;
    }

    [Fact]
    public void ClipNorm_AboveTheLimit_KeepsTheDirection()
    {
        // |(3, 4)| = 5; the factor is 1 / (5 + 1e-6).
        Tensor a = Parameter([0], [3], [1]), b = Parameter([0], [4], [1]);
        Assert.Equal(5, GradientClipping.ClipNorm([a, b], 1), 1e-12);
        Assert.Equal(3 / (5 + 1e-6), a.Grad!.Item(), 1e-12);
        Assert.Equal(4 / (5 + 1e-6), b.Grad!.Item(), 1e-12);
    }

    [Fact]
    public void ClipNorm_BelowTheLimit_ChangesNothing_AndSkipsWhatHasNoGradient()
    {
        Tensor a = Parameter([0, 0], [3, 4], [2]), none = Tensor.Ones([2], DType.Float64).RequireGrad();
        Assert.Equal(5, GradientClipping.ClipNorm([a, none], 6), 1e-12);
        Assert.Equal([3, 4], a.Grad!.ToArray<double>());
        Assert.Null(none.Grad);
    }

    [Fact]
    public void GlobalNorm_OfLargeAndSmallAndEmptyTensors_OnAnyNumberOfThreads_IsTheSameBits_AndThatOfDoubles()
    {
        Tensor[] parameters = [.. ((int[])[5000, 0, 1, 100_003, 4096]).Select(static (n, i) =>
        {
            Tensor p = Tensor.Zeros([n]).RequireGrad();
            p.Grad = new RandomGenerator((ulong)i).FillGaussian(Tensor.Zeros([n]));
            return p;
        })];
        double exact = Math.Sqrt(parameters.Sum(static p => p.Grad!.ToArray<float>().Sum(static x => (double)x * x)));
        int before = ForkJoin.ThreadCount;
        try
        {
            ForkJoin.ThreadCount = 1;
            double one = GradientClipping.GlobalNorm(parameters);
            Assert.Equal(exact, one, exact * 1e-6); // 4,096 squares are summed in float32
            foreach (int threads in (int[])[2, 3, 7])
            {
                ForkJoin.ThreadCount = threads;
                Assert.Equal(one, GradientClipping.GlobalNorm(parameters));
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }

    [Theory]
    [InlineData(1, 7)]
    [InlineData(2, 5)]
    [InlineData(double.PositiveInfinity, 4)]
    public void GlobalNorm_OfEachKind_IsThatOfOneVector(double p, double expected)
    {
        Tensor a = Parameter([0], [3], [1]), b = Parameter([0], [-4], [1]);
        Assert.Equal(expected, GradientClipping.GlobalNorm([a, b], p), 1e-12);
    }

    [Fact]
    public void ClipValue_LimitsEachEntry()
    {
        Tensor a = Parameter([0, 0, 0], [-3, 0.2, 4], [3]);
        GradientClipping.ClipValue([a], 0.5);
        Assert.Equal([-0.5, 0.2, 0.5], a.Grad!.ToArray<double>());
    }

    [Fact]
    public void ClipAdaptive_LimitsEachRowByTheSizeOfItsWeights()
    {
        // Rows of |w| = 5 and 10, share 0.1: limits 0.5 and 1. |g| = 2 is cut to 0.5 / 2 of itself, |g| = 0.3 stays.
        Tensor w = Parameter([3, 4, 6, 8], [0, 2, 0.3, 0], [2, 2]);
        GradientClipping.ClipAdaptive([w], share: 0.1);
        double[] g = w.Grad!.ToArray<double>();
        Assert.Equal(0.5, g[1], 1e-12);
        Assert.Equal([0, 0.3, 0], [g[0], g[2], g[3]]);
    }

    [Fact]
    public void ClipAdaptive_OfWeightsAndGradientsOfZero_StaysFinite()
    {
        // A vector is one unit: |w| counts as eps = 0.01, so the limit is 0.001 and (3, 4) becomes (0.0006, 0.0008).
        Tensor bias = Parameter([0, 0], [3, 4], [2]), still = Parameter([1], [0], [1]);
        GradientClipping.ClipAdaptive([bias, still], share: 0.1, eps: 0.01);
        Assert.Equal(0.0006, bias.Grad!.ToArray<double>()[0], 1e-12);
        Assert.Equal(0.0008, bias.Grad!.ToArray<double>()[1], 1e-12);
        Assert.Equal(0, still.Grad!.Item());
    }

    [Fact]
    public void Clipping_WithLimitsThatMeanNothing_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => GradientClipping.ClipValue([], 0));
        Assert.Throws<ArgumentException>(() => GradientClipping.GlobalNorm([], 0));
        Assert.Throws<ArgumentException>(() => GradientClipping.ClipAdaptive([], share: double.NaN));
    }
}

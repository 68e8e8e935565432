using Weft.Tensors.Kernels;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Tests.Kernels;

public sealed class SoftmaxAndDropoutKernelTests
{
    // Exponentials to 1e-7, sums of up to 300 of them.
    private const double Tolerance = 3e-6;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(300)]
    public void Softmax_AndItsLogarithm_EqualDoublePrecision(int columns)
    {
        Tensor x = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([37, columns]), 0, 5), dy = new RandomGenerator(2).FillGaussian(Tensor.Uninitialized([37, columns]), 0, 1);
        foreach (Func<Tensor, Tensor> function in (Func<Tensor, Tensor>[])[static t => t.Softmax(), static t => t.LogSoftmax()])
        {
            Tensor wide = x.To(DType.Float64).RequireGrad(), single = x.Detach().RequireGrad();
            Tensor expected = function(wide), actual = function(single);
            for (int pass = 1; pass <= 2; pass++) // the second time onto what is there
            {
                expected.Backward(dy.To(DType.Float64));
                actual.Backward(dy);
                for (int i = 0; i < x.Count; i++)
                {
                    Assert.Equal(expected[i / columns, i % columns], actual[i / columns, i % columns], Tolerance * Math.Max(1, Math.Abs(expected[i / columns, i % columns])));
                    Assert.Equal(wide.Grad![i / columns, i % columns], single.Grad![i / columns, i % columns], 10 * Tolerance);
                }
            }
        }
    }

    [Fact]
    public void Softmax_OfARowOfNegativeInfinity_IsNaN() => Assert.All(Tensor.Full([20], double.NegativeInfinity).Softmax().ToArray<float>(), static v => Assert.True(float.IsNaN(v)));

    /// <summary>The definition, number by number, is the oracle; the third case carries into the counter's upper word.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1003, 5)]
    [InlineData(70_001, 0xFFFF_FFF0)]
    public void Dropout_OfAnyLength_DrawsTheDefinitionsNumbers(int count, long firstBlock)
    {
        float[] x = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([Math.Max(1, count)]), 0, 1).ToArray<float>()[..count], expected = new float[count];
        RandomDropoutOps.Plain<float>(x, expected, 0.3, 77, 3, (ulong)firstBlock);
        int before = ForkJoin.ThreadCount;
        try
        {
            foreach (int threads in (int[])[1, 2, 3])
            {
                ForkJoin.ThreadCount = threads;
                float[] actual = new float[count];
                DropoutKernels.Run(x, actual, (float)(1 / 0.7), (uint)Math.Round(0.3 * 4294967296.0), 77, 3, (ulong)firstBlock);
                Assert.Equal(expected, actual);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }
}

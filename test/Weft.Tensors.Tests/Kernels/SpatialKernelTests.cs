using Weft.Tensors.Autograd;
using static Weft.Tensors.Tests.Kernels.FusedNodes;

namespace Weft.Tensors.Tests.Kernels;

/// <summary>Convolutions, pooling and batch normalisation in float32 against their compositions in float64.</summary>
public sealed class SpatialKernelTests
{
    // Images, channels, outputs, groups, height, width, kernel, stride, padding, dilation.
    [Theory]
    [InlineData(1, 1, 1, 1, 1, 1, 1, 1, 0, 1)]
    [InlineData(2, 3, 5, 1, 9, 7, 3, 1, 1, 1)]
    [InlineData(3, 4, 6, 2, 11, 13, 3, 2, 1, 1)]
    [InlineData(2, 8, 8, 8, 10, 10, 3, 1, 2, 2)]
    [InlineData(5, 6, 17, 1, 14, 14, 5, 1, 0, 1)]
    [InlineData(2, 33, 70, 1, 6, 5, 1, 1, 0, 1)] // the image is its own columns
    [InlineData(1, 16, 130, 1, 20, 31, 3, 1, 1, 1)] // several pieces of rows and of positions
    [InlineData(19, 2, 3, 1, 8, 8, 4, 3, 2, 1)] // more images than parts of the batch
    [InlineData(2, 17, 19, 1, 11, 13, 3, 1, 1, 1)] // from here on by Winograd's way, odd sizes, padding of every size
    [InlineData(1, 32, 34, 2, 9, 30, 3, 1, 0, 1)]
    [InlineData(1, 16, 16, 1, 8, 9, 3, 1, 3, 1)]
    [InlineData(1, 40, 70, 1, 60, 37, 3, 1, 2, 1)] // several blocks of rows
    public void Convolution_EqualsItsComposition(int images, int channels, int outputs, int groups, int height, int width, int kernel, int stride, int padding, int dilation)
    {
        Tensor x = Random([images, channels, height, width], 1), w = Random([outputs, channels / groups, kernel, kernel], 2, 0.3), b = Random([outputs], 3);
        Check(t => t[0].Convolution(t[1], t[2], [stride], [padding], [dilation], groups), x, w, b);
        Check(t => t[0].Transpose().Convolution(t[1], null, [stride], [padding], [dilation], groups), Random([images, channels, width, height], 4), w);
        Tensor small = Random([images, outputs, Math.Max(3, height / 3), Math.Max(3, width / 3)], 5);
        Check(t => t[0].ConvolutionTransposed(t[1], t[2], [stride], [Math.Min(padding, 1)], stride > 1 ? [1] : [], [dilation], groups), small, w, Random([channels], 6));
    }

    [Fact]
    public void Convolution_OfOneAndThreeDimensions_EqualsItsComposition()
    {
        Check(static t => t[0].Convolution(t[1], t[2], [2], [1], [3]), Random([2, 5, 40], 1), Random([7, 5, 3], 2), Random([7], 3));
        Check(static t => t[0].ConvolutionCausal(t[1], t[2], dilation: 4), Random([2, 5, 40], 1), Random([7, 5, 3], 2), Random([7], 3));
        Check(static t => t[0].ConvolutionSame(t[1], t[2]), Random([5, 9, 8], 1), Random([7, 5, 4, 3], 2), Random([7], 3));
        Check(static t => t[0].Convolution(t[1], t[2], [1, 2, 1], [1, 0, 1]), Random([2, 2, 4, 5, 6], 1), Random([3, 2, 2, 3, 3], 2), Random([3], 3));
    }

    [Fact]
    public void Pooling_EqualsItsDoublePrecision()
    {
        Check(static t => t[0].MaxPool([2, 2]), Random([3, 4, 9, 12], 1));
        Check(static t => t[0].MaxPool([3, 2], [2], [1, 0], [1, 2], roundUp: true), Random([3, 4, 9, 12], 1));
        Check(static t => t[0].AveragePool([3, 3], [2], [1], roundUp: true, countPadding: false), Random([3, 4, 9, 12], 1));
        Check(static t => t[0].AdaptiveAveragePool(3, 5), Random([3, 4, 9, 12], 1));
        Check(static t => t[0].AdaptiveMaxPool(5), Random([3, 4, 12], 1));
    }

    [Theory]
    [InlineData(2, 1, 1)]
    [InlineData(7, 5, 1)]
    [InlineData(130, 33, 1)]
    [InlineData(3, 4, 2)]
    [InlineData(2, 3, 77)]
    [InlineData(16, 20, 64)]
    public void BatchNorm_EqualsItsComposition(int images, int channels, int positions)
    {
        Shape shape = positions == 1 ? [images, channels] : [images, channels, positions];
        Tensor x = Random(shape, 1, 2), g = Random([channels], 2), b = Random([channels], 3);
        Check(static t => t[0].BatchNorm(t[1], t[2]), x, g, b);
        Check(static t => t[0].BatchNorm(), x);
        // The averages move by the momentum towards the mean and the unbiased variance.
        Tensor mean = Random([channels], 4), variance = Random([channels], 5).Square(), wideMean = mean.To(DType.Float64), wideVariance = variance.To(DType.Float64);
        x.BatchNorm(g, b, mean, variance, 0.3);
        x.To(DType.Float64).BatchNorm(g.To(DType.Float64), b.To(DType.Float64), wideMean, wideVariance, 0.3);
        Close(wideMean.ToArray<double>(), mean.ToArray<float>(), "running mean");
        Close(wideVariance.ToArray<double>(), variance.ToArray<float>(), "running variance");
        Close(x.To(DType.Float64).BatchNormFixed(wideMean, wideVariance, g.To(DType.Float64), b.To(DType.Float64)).ToArray<double>(), x.BatchNormFixed(mean, variance, g, b).ToArray<float>(), "fixed statistics");
    }

    [Fact]
    public void SpatialNodes_HaveSecondDerivatives()
    {
        Tensor x = Random([2, 2, 6, 6], 1), w = Random([3, 2, 3, 3], 2), v = Random([3, 2, 2, 2], 3), g = Random([2], 4), b = Random([2], 5);
        static Tensor Penalty(Tensor x, Tensor w, Tensor v, Tensor g, Tensor b)
        {
            Tensor y = x.BatchNorm(g, b).Convolution(w, null, padding: [1]).Tanh().MaxPool([2, 2]).ConvolutionTransposed(v, null, [2]).AveragePool([2, 2]);
            return Gradients.Of(y.Square().Sum(), x, createGraph: true).Square().Sum();
        }
        Tensor narrow = x.RequireGrad(), wide = x.Detach().To(DType.Float64).RequireGrad();
        Penalty(narrow, w, v, g, b).Backward();
        Penalty(wide, w.To(DType.Float64), v.To(DType.Float64), g.To(DType.Float64), b.To(DType.Float64)).Backward();
        double scale = wide.Grad!.ToArray<double>().Max(Math.Abs);
        Close(Array.ConvertAll(wide.Grad!.ToArray<double>(), d => d / scale), Array.ConvertAll(narrow.Grad!.ToArray<float>(), d => (float)(d / scale)), "second derivative");
    }
}

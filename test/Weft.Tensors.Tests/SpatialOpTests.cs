using Weft.Tensors.Autograd;

namespace Weft.Tensors.Tests;

/// <summary>Convolutions, pooling and recurrent layers in float64: definitions, gradients, second gradients and errors.</summary>
public sealed class SpatialOpTests
{
    private static Tensor Input(Shape shape, int seed = 1) => new RandomGenerator((ulong)seed).FillGaussian(Tensor.Uninitialized(shape, DType.Float64)).RequireGrad();

    private static void Check(Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        GradientCheck.Run(function, inputs);
        GradientCheck.RunSecond(function, inputs);
    }

    [Fact]
    public void Convolution_OfALine_EqualsTheDefinition()
    {
        // Kernel (1, -1, 2) over (1, 2, 3, 4): 1·1 - 2 + 2·3 = 5, 2 - 3 + 8 = 7; nothing is mirrored.
        Tensor x = Tensor.From([1.0, 2, 3, 4], [1, 1, 4]), w = Tensor.From([1.0, -1, 2], [1, 1, 3]);
        Assert.Equal([5, 7], x.Convolution(w).ToArray<double>());
        // With one zero on either side and stride 2: 0 - 1 + 4 = 3, 2 - 3 + 8 = 7.
        Assert.Equal([3, 7], x.Convolution(w, stride: [2], padding: [1]).ToArray<double>());
        // Causal: two zeros before.
        Assert.Equal([2, 3, 5, 7], x.ConvolutionCausal(w).ToArray<double>());
        // Transposed, stride 2: every input places (1, -1, 2) two further on.
        Assert.Equal([1, -1, 4, -2, 7, -3, 10, -4, 8], x.ConvolutionTransposed(w, stride: [2]).ToArray<double>());
    }

    [Theory]
    [InlineData(1, 1, 1, 1, 1, 0, 1, 1)]
    [InlineData(2, 3, 5, 3, 1, 1, 1, 1)]
    [InlineData(1, 4, 7, 2, 2, 1, 1, 2)]
    [InlineData(2, 2, 9, 3, 3, 2, 2, 1)]
    [InlineData(0, 2, 5, 2, 1, 0, 1, 2)]
    public void Convolution_GradientsAndSecondGradients_AreRight(int images, int channels, int size, int kernel, int stride, int padding, int dilation, int groups)
    {
        Tensor x = Input([images, channels, size]), w = Input([2 * groups, channels / groups, kernel], 2), b = Input([2 * groups], 3);
        Check(t => t[0].Convolution(t[1], t[2], [stride], [padding], [dilation], groups), x, w, b);
        Tensor view = Input([images, size, channels]); // read through a transposed view
        Check(t => t[0].Transpose().Convolution(t[1], null, [stride], [padding], [dilation], groups), view, w);
        Tensor back = Input([channels, 2, kernel], 4);
        if (2 * padding < dilation * (kernel - 1) + 1) Check(t => t[0].ConvolutionTransposed(t[1], null, [stride], [padding], stride > 1 ? [1] : [], [dilation], groups), x, back);
    }

    [Fact]
    public void Convolution_OfMoreDimensions_HasTheRightGradients()
    {
        Check(static t => t[0].Convolution(t[1], t[2], [1, 2], [1, 0]), Input([1, 2, 3, 4]), Input([3, 2, 2, 3], 2), Input([3], 3));
        Check(static t => t[0].ConvolutionSame(t[1]), Input([2, 3, 4]), Input([1, 2, 2, 3], 2));
        Check(static t => t[0].Convolution(t[1]), Input([1, 1, 2, 3, 2]), Input([2, 1, 2, 2, 1], 2));
        Check(static t => t[0].ImageToColumns([2, 2], padding: [1]).ColumnsToImage([3, 2], [2, 2], padding: [1]), Input([1, 2, 3, 2]));
    }

    [Fact]
    public void Pooling_GradientsAndSecondGradients_AreRight()
    {
        Tensor x = Input([2, 3, 5, 6]);
        Check(static t => t[0].MaxPool([2, 3], [2], [1, 0]).Square(), x);
        Check(static t => t[0].Transpose().AveragePool([2, 2], [1], [1], countPadding: false).Square(), x);
        Check(static t => t[0].AdaptiveAveragePool(2, 4).Square(), x);
        Check(static t => t[0].AdaptiveMaxPool(4).Square(), x);
        Check(static t => (t[0].Square() + 0.5).PowerPool(3, [2], [1]), Input([1, 1, 5]));
    }

    [Fact]
    public void MaxPool_WithTiesAndNaN_TakesTheFirstAndTheNaN()
    {
        (Tensor values, Tensor indices) = Tensor.From([2.0, 2, 1, double.NaN, 5, 0], [6]).MaxPoolWithIndices([2]);
        Assert.Equal([2, double.NaN, 5], values.ToArray<double>());
        Assert.Equal([0, 3, 4], indices.ToArray<int>());
    }

    [Theory]
    [InlineData(RecurrentCell.Tanh)]
    [InlineData(RecurrentCell.Gru)]
    [InlineData(RecurrentCell.Lstm)]
    public void Recurrence_GradientsAndSecondGradients_AreRight(RecurrentCell cell)
    {
        const int H = 3;
        int width = cell.GateCount() * H;
        Tensor[] t = [Input([3, 2, 2]), Input([width, 2], 2), Input([width, H], 3), Input([width], 4), Input([width], 5), Input([2, H], 6), Input([2, H], 7)];
        Tensor lengths = Tensor.From(3, 2);
        Tensor Run(Tensor[] a, bool reverse)
        {
            (Tensor output, RecurrentState final) = a[0].Recurrence(cell, new RecurrentWeights(a[1], a[2], a[3], a[4]), new RecurrentState(a[5], cell == RecurrentCell.Lstm ? a[6] : null), lengths, reverse);
            return output.Square().Sum() + final.Hidden.Sum() + (final.Cell?.Square().Sum() ?? Tensor.Scalar(0, DType.Float64));
        }
        GradientCheck.Run(a => Run(a, false), t);
        GradientCheck.Run(a => Run(a, true), t);
        Tensor[] few = [t[0], t[1].Detach(), t[2], .. t[3..].Select(static p => p.Detach())];
        GradientCheck.RunSecond(a => Run(a, false), few);
    }

    [Fact]
    public void Errors_NameTheOperationAndBothShapes()
    {
        Tensor x = Tensor.Zeros([2, 3, 8]), w = Tensor.Zeros([4, 2, 3]);
        string message = Assert.Throws<ArgumentException>(() => x.Convolution(w)).Message;
        Assert.Contains("Convolution: x [2, 3, 8] does not fit weight [4, 2, 3]", message, StringComparison.Ordinal);
        Assert.Contains("larger than size 8", Assert.Throws<ArgumentException>(() => x.Convolution(Tensor.Zeros([4, 3, 9]))).Message, StringComparison.Ordinal);
        Assert.Contains("stride 0", Assert.Throws<ArgumentException>(() => x.Convolution(Tensor.Zeros([4, 3, 3]), stride: [0])).Message, StringComparison.Ordinal);
        Assert.Contains("more than half", Assert.Throws<ArgumentException>(() => x.MaxPool([3], padding: [2])).Message, StringComparison.Ordinal);
        Assert.Contains("larger than size 8", Assert.Throws<ArgumentException>(() => x.AveragePool([9])).Message, StringComparison.Ordinal);
        RecurrentWeights weights = new(Tensor.Zeros([8, 5]), Tensor.Zeros([8, 2]));
        Assert.Contains("[8, 5]", Assert.Throws<ArgumentException>(() => x.Recurrence(RecurrentCell.Lstm, weights)).Message, StringComparison.Ordinal);
        RecurrentWeights fits = new(Tensor.Zeros([8, 8]), Tensor.Zeros([8, 2]));
        Assert.Contains("length 3", Assert.Throws<ArgumentException>(() => x.Recurrence(RecurrentCell.Lstm, fits, lengths: Tensor.From(1, 2, 3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NumberFormats_RoundToNearestEven()
    {
        // bfloat16 has 8 bits of significand: between 1 and 1 + 2^-7, 1 + 2^-8 is the middle and goes to the even 1.
        Assert.Equal([1f, 1.015625f, 1.0078125f], Tensor.From(1.00390625f, 1.01171875f, 1.00390637f).RoundTo(NumberFormat.BFloat16).ToArray<float>());
        Assert.Equal([448f, -448f, 0.001953125f, 0f], Tensor.From(1e9f, -1e9f, 0.0015f, 0.0009765625f).RoundTo(NumberFormat.Float8E4M3).ToArray<float>());
        Assert.True(float.IsNaN(NumberFormats.Decode(NumberFormat.Float8E4M3, NumberFormats.Encode(NumberFormat.Float8E4M3, 1e9f, saturating: false))));
        Assert.Equal(float.PositiveInfinity, NumberFormats.Decode(NumberFormat.Float8E5M2, NumberFormats.Encode(NumberFormat.Float8E5M2, 61440f)));
        Assert.Equal(57344f, NumberFormats.Decode(NumberFormat.Float8E5M2, NumberFormats.Encode(NumberFormat.Float8E5M2, 61439.996f)));
        // Rounded once: 1 + 2^-8 + 2^-40 lies above the middle, which single precision cannot see.
        Assert.Equal(1.0078125f, NumberFormats.Decode(NumberFormat.BFloat16, NumberFormats.Encode(NumberFormat.BFloat16, 1 + Math.Pow(2, -8) + Math.Pow(2, -40))));
        Assert.Equal(1f, NumberFormats.Decode(NumberFormat.BFloat16, NumberFormats.Encode(NumberFormat.BFloat16, (float)(1 + Math.Pow(2, -8) + Math.Pow(2, -40)))));
    }

    // Taller than the runs that are worked off at once, and too narrow for a vector: each tap of a 3 x 3 kernel alone shifts the image.
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Convolution_WithOneTap_ShiftsATallImage(DType type)
    {
        const int Height = 150, Width = 3;
        Tensor x = new RandomGenerator(3).FillGaussian(Tensor.Uninitialized([1, 2, Height, Width], type), 0, 1);
        double[] values = x.To(DType.Float64).ToArray<double>();
        for (int tap = 0; tap < 9; tap++)
        {
            double[] weight = new double[18];
            weight[9 + tap] = 1; // of the second channel
            double[] y = x.Convolution(Tensor.From(weight).Reshape(1, 2, 3, 3).To(type), padding: [1, 1]).To(DType.Float64).ToArray<double>();
            for (int i = 0; i < Height; i++)
            {
                for (int j = 0; j < Width; j++)
                {
                    int row = i + tap / 3 - 1, column = j + tap % 3 - 1;
                    bool inside = row is >= 0 and < Height && column is >= 0 and < Width;
                    Assert.Equal(inside ? values[(Height + row) * Width + column] : 0, y[i * Width + j]);
                }
            }
        }
    }
}

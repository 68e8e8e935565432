using Weft.Tensors.Kernels;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Tests.Kernels;

/// <summary>Every fused node gives the same bits, forward and backward, however many threads work on it.</summary>
public sealed class ThreadCountKernelTests
{
    private static Tensor Random(Shape shape, int seed) => new RandomGenerator((ulong)seed).FillGaussian(Tensor.Uninitialized(shape), 0, 1);

    private static void SameBits(Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        List<float[]>? first = null;
        int before = ForkJoin.ThreadCount;
        try
        {
            foreach (int threads in (int[])[1, 2, 3, 4, 7])
            {
                ForkJoin.ThreadCount = threads;
                Tensor[] x = [.. inputs.Select(static t => t.Detach().RequireGrad())];
                Tensor y = function(x);
                y.Backward(Random(y.Shape, 77));
                List<float[]> bits = [y.Detach().ToArray<float>(), .. x.Select(static t => t.Grad!.ToArray<float>())];
                first ??= bits;
                for (int i = 0; i < bits.Count; i++) Assert.Equal(first[i], bits[i]);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }

    [Fact]
    public void Normalization_OnAnyNumberOfThreads_GivesTheSameBits()
    {
        SameBits(static t => t[0].LayerNorm(t[1], t[2], 1e-5), Random([700, 131], 1), Random([131], 2), Random([131], 3));
        SameBits(static t => t[0].RmsNorm(t[1], 1e-6), Random([700, 131], 1), Random([131], 2));
    }

    [Fact]
    public void CrossEntropy_OnAnyNumberOfThreads_GivesTheSameBits()
    {
        Tensor targets = Tensor.From([.. Enumerable.Range(0, 300).Select(static i => i % 5 == 4 ? -100 : i * 7 % 501)]);
        SameBits(t => t[0].CrossEntropy(targets), Random([300, 501], 1));
    }

    [Fact]
    public void CausalAttention_OnAnyNumberOfThreads_GivesTheSameBits()
    {
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            using ProductPrecision.Restorer products = ProductPrecision.Use(precision);
            SameBits(static t => t[0].CausalAttention(t[1], t[2], 0.25), Random([3, 100, 6, 17], 1), Random([3, 100, 2, 17], 2), Random([3, 100, 2, 17], 3));
        }
    }

    [Fact]
    public void Activations_OnAnyNumberOfThreads_GiveTheSameBits()
    {
        Tensor x = Random([333, 502], 1);
        SameBits(static t => t[0].Gelu(), x);
        SameBits(static t => t[0].GeluTanh(), x);
        SameBits(static t => t[0].Silu(), x);
        SameBits(static t => t[0].SwiGlu(), x);
    }

    [Fact]
    public void Embeddings_OnAnyNumberOfThreads_GiveTheSameBits_AndThoseOfDoublesRounded()
    {
        // Large enough for several threads; rows repeat, and the last dimensions of the positions are the result's.
        Tensor ids = Tensor.From([.. Enumerable.Range(0, 4 * 150).Select(static i => i * i % 37)], [4, 150]);
        Tensor table = Random([37, 131], 1), positions = Random([150, 131], 2);
        SameBits(t => t[0].Embedding(ids) + t[1], table, positions);

        Tensor[] single = [table.Detach().RequireGrad(), positions.Detach().RequireGrad()], exact = [.. single.Select(static t => t.Detach().To(DType.Float64).RequireGrad())];
        foreach (Tensor[] t in (Tensor[][])[single, exact]) (t[0].Embedding(ids) + t[1]).Backward(Random([4, 150, 131], 3).To(t[0].DType));
        Assert.Equal((exact[0].Detach().Embedding(ids) + exact[1].Detach()).ToArray<double>(), (single[0].Detach().Embedding(ids) + single[1].Detach()).ToArray<float>().Select(static x => (double)x), Near);
        for (int i = 0; i < 2; i++) Assert.Equal(exact[i].Grad!.ToArray<double>(), single[i].Grad!.ToArray<float>().Select(static x => (double)x), Near);

        // Sums of at most 17 numbers of about 1.
        static bool Near(double a, double b) => Math.Abs(a - b) <= 1e-5;
    }

    [Fact]
    public void Linear_OnAnyNumberOfThreads_GivesTheSameBits() =>
        SameBits(static t => t[0].Linear(t[1], t[2]) + t[0].LinearActivation(t[1], t[2], Activation.Gelu), Random([5, 70, 65], 1), Random([190, 65], 2), Random([190], 3));

    [Fact]
    public void Convolution_OnAnyNumberOfThreads_GivesTheSameBits()
    {
        Tensor x = Random([9, 6, 23, 20], 1), w = Random([70, 6, 3, 3], 2), b = Random([70], 3);
        SameBits(static t => t[0].Convolution(t[1], t[2], padding: [1]), x, w, b);
        SameBits(static t => t[0].Convolution(t[1], t[2], stride: [2], groups: 2), x, Random([10, 3, 3, 3], 2), Random([10], 3));
        SameBits(static t => t[0].ConvolutionTransposed(t[1], t[2], stride: [2]), x, Random([6, 5, 3, 3], 2), Random([5], 3));
        SameBits(static t => t[0].MaxPool([3, 3], [2]), x);
        SameBits(static t => t[0].AveragePool([3, 3], [2]), x);
        SameBits(static t => t[0].BatchNorm(t[1], t[2]), x, Random([6], 2), Random([6], 3));
        SameBits(static t => t[0].BatchNorm(t[1], t[2]), Random([500, 77], 1), Random([77], 2), Random([77], 3));
    }

    [Fact]
    public void Recurrence_OnAnyNumberOfThreads_GivesTheSameBits()
    {
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
            foreach (int rows in (int[])[5, 70])
            {
                int width = cell.GateCount() * 65;
                SameBits(t => t[0].Recurrence(cell, new RecurrentWeights(t[1], t[2], t[3], t[4])).Output, Random([7, rows, 31], 1), Random([width, 31], 2), Random([width, 65], 3), Random([width], 4), Random([width], 5));
            }
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 1)]
    [InlineData(63, 16)]
    [InlineData(64, 33)]
    [InlineData(200, 129)]
    public void ColumnSum_EqualsTheDefinition(int rows, int columns)
    {
        float[] x = rows == 0 ? [] : Random([rows * columns], 1).ToArray<float>();
        foreach (bool accumulate in (bool[])[false, true])
        {
            float[] y = Random([columns], 2).ToArray<float>();
            double[] expected = Array.ConvertAll(y, static v => (double)v);
            ColumnSumReference.Run<double>(Array.ConvertAll(x, static v => (double)v), rows, columns, expected, accumulate);
            ColumnSumKernels.Run(x, rows, columns, y, accumulate);
            // Sums of up to 200 numbers of size one, each rounded to 2^-24 of a partial sum below 100.
            for (int j = 0; j < columns; j++) Assert.True(Math.Abs(expected[j] - y[j]) < 1e-5 * Math.Max(1, Math.Sqrt(rows)), $"column {j}: {expected[j]} and {y[j]}");
        }
    }

    [Fact]
    public void Embedding_UsedTwiceInOneTable_AddsUpItsGradients()
    {
        Tensor table = Random([50, 7], 1).RequireGrad(), dy = Random([3, 7], 2);
        double[] expected = new double[350];
        foreach (int[] ids in (int[][])[[4, 4, 49], [0, 4, 1]])
            for (int i = 0; i < 3; i++)
                for (int c = 0; c < 7; c++) expected[ids[i] * 7 + c] += dy.ToArray<float>()[i * 7 + c];
        for (int pass = 1; pass <= 2; pass++) // the second time onto what is there
        {
            (table.Embedding(Tensor.From(4, 4, 49)) + table.Embedding(Tensor.From(0, 4, 1))).Backward(dy);
            float[] actual = table.Grad!.ToArray<float>();
            for (int i = 0; i < 350; i++) Assert.Equal(pass * expected[i], actual[i], 5e-6);
        }
    }

    [Fact]
    public void Narrow_OfPartsThatOverlap_AddsUpTheirGradients()
    {
        Tensor x = Random([4, 6], 1).RequireGrad(), leaf = Random([4, 6], 2).RequireGrad();
        for (int pass = 1; pass <= 2; pass++)
        {
            Tensor made = x * leaf; // once into a parameter, once into a tensor of the graph
            (made.Narrow(1, 0, 3) * 2 + made.Narrow(1, 2, 3) + x.Narrow(1, 0, 3, 2)).Sum().Backward();
            float[] dx = x.Grad!.ToArray<float>(), l = leaf.Detach().ToArray<float>();
            float[] weights = [2, 2, 3, 1, 1, 0], direct = [1, 0, 1, 0, 1, 0];
            for (int i = 0; i < 24; i++) Assert.Equal(pass * (weights[i % 6] * l[i] + direct[i % 6]), dx[i], 1e-5f);
        }
    }
}

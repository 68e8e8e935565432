namespace Weft.Tensors.Tests.Kernels;

public sealed class LinearCrossEntropyKernelTests
{
    // 12 rows of 30 logits, each a sum of 7 products of size one: rounding of about 2^-24 times ten.
    private const double Tolerance = 2e-6;

    private static Tensor Random(Shape shape, int seed) => new RandomGenerator((ulong)seed).FillGaussian(Tensor.Uninitialized(shape), 0, 1);

    /// <summary>All logits kept, and chunks of 16, 17 and 40 rows.</summary>
    [Theory]
    [InlineData(1 << 24)]
    [InlineData(1)]
    [InlineData(17 * 33)]
    [InlineData(40 * 33)]
    public void LinearCrossEntropy_WithAnyChunks_EqualsMapAndLoss(int keptLogits)
    {
        (int N, int C, int V) = (100, 7, 33);
        int[] ids = [.. Enumerable.Range(0, N).Select(i => i % 9 == 4 ? -100 : i * 5 % V)];
        Tensor targets = Tensor.From(ids);
        Tensor x = Random([N, C], 1), w = Random([V, C], 2);
        // The definition in double precision, by the composition of elementary operations.
        Tensor xd = x.To(DType.Float64).RequireGrad(), wd = w.To(DType.Float64).RequireGrad();
        Tensor expected = xd.Linear(wd).CrossEntropy(targets);
        expected.Backward();
        foreach (bool release in (bool[])[false, true])
        {
            using MemoryScope scope = MemoryScope.Enter();
            Tensor xs = x.Detach().RequireGrad(), ws = w.Detach().RequireGrad();
            Tensor y = LinearCrossEntropyOps.LinearCrossEntropy(xs, ws, targets, -100, keptLogits);
            for (int pass = 1; pass <= (release ? 1 : 2); pass++) // the second time onto what is there
            {
                y.Backward(releaseActivations: release);
                Assert.Equal(expected.Item(), y.Item(), Tolerance);
                for (int i = 0; i < N * C; i++) Assert.Equal(pass * xd.Grad![i / C, i % C], xs.Grad![i / C, i % C], Tolerance);
                for (int i = 0; i < V * C; i++) Assert.Equal(pass * wd.Grad![i / C, i % C], ws.Grad![i / C, i % C], Tolerance);
            }
        }
    }

    [Fact]
    public void LinearCrossEntropy_TargetThatIsNoClass_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(static () => Random([2, 3], 1).LinearCrossEntropy(Random([5, 3], 2), Tensor.From(0, 5)));

    [Fact]
    public void LinearCrossEntropy_DifferentiatedTwice_EqualsTheCompositionsDerivative()
    {
        Tensor targets = Tensor.From(1, 0, 4), w = Random([5, 3], 2), v = Random([3, 3], 3);
        Tensor Twice(Func<Tensor, Tensor> loss)
        {
            Tensor x = Random([3, 3], 1).RequireGrad();
            Tensor first = Autograd.Gradients.Of(loss(x), [x], createGraph: true)[0]!;
            (first * v).Sum().Backward();
            return x.Grad!;
        }
        Tensor expected = Twice(x => x.Linear(w).LogSoftmax().Gather(1, targets.Reshape(3, 1)).Mean() * -1), actual = Twice(x => x.LinearCrossEntropy(w, targets));
        for (int i = 0; i < 9; i++) Assert.Equal(expected[i / 3, i % 3], actual[i / 3, i % 3], Tolerance);
    }
}

using Weft.Tensors.Autograd;

namespace Weft.Tensors.Tests;

public sealed class AutogradTests
{
    private static Tensor Parameter(Shape shape, int seed = 1)
    {
        Tensor tensor = Tensor.Uninitialized(shape, DType.Float64);
        Span<double> values = tensor.AsSpan<double>();
        for (int i = 0; i < values.Length; i++) values[i] = Math.Sin(seed * 12.9898 + i * 78.233);
        return tensor.RequireGrad();
    }

    [Fact]
    public void Backward_OfSharedInput_SumsBothPaths()
    {
        // d(x·x + x)/dx = 2x + 1
        Tensor x = Tensor.From(3.0).RequireGrad();
        (x * x + x).Sum().Backward();
        Assert.Equal(7, x.Grad!.Item());
    }

    [Fact]
    public void Backward_Twice_Accumulates()
    {
        Tensor x = Tensor.From(3.0).RequireGrad();
        (x * 2.0).Sum().Backward();
        (x * 5.0).Sum().Backward();
        Assert.Equal(7, x.Grad!.Item());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GradientCheck_OfLinearTanhSum_Passes(bool insideScope)
    {
        using MemoryScope? scope = insideScope ? MemoryScope.Enter() : null;
        Tensor x = Parameter([3, 5]), w = Parameter([4, 5], 2), b = Parameter([4], 3);
        GradientCheck.Run(t => t[0].Linear(t[1], t[2]).Tanh() * t[0].Sum(1, true), [x, w, b]);
        GradientCheck.RunSecond(t => t[0].Linear(t[1], t[2]).Tanh() * t[0].Sum(1, true), [x, w, b]);
    }

    [Fact]
    public void GradientCheck_OfViews_Passes()
    {
        Tensor x = Parameter([4, 6]);
        GradientCheck.Run(t => t[0].Transpose().Narrow(0, 1, 3, 2).Reshape(3, 4).Permute(1, 0).Exp() * t[0].Select(0, 2).Narrow(0, 0, 3), [x]);
        GradientCheck.RunSecond(t => (t[0].Transpose().Narrow(0, 1, 3, 2).Square() * t[0].Select(1, 2)).Sqrt(), [x * 0.0 + 1.5 is var y ? y.Detach().RequireGrad() : x]);
    }

    [Fact]
    public void HessianVectorProduct_OfCubic_IsSixXV()
    {
        Tensor x = Tensor.From(1.0, 2.0).RequireGrad();
        Tensor hv = Gradients.HessianVectorProduct((x * x * x).Sum(), x, Tensor.From(1.0, 10.0));
        Assert.Equal([6.0, 120.0], hv.ToArray<double>());
    }

    [Fact]
    public void Use_AfterScope_Throws()
    {
        Tensor stale, kept;
        using (MemoryScope.Enter())
        {
            stale = Tensor.Ones([3]);
            kept = Tensor.Ones([3]).Keep();
        }
        Assert.Throws<InvalidOperationException>(() => stale.ToArray<float>());
        Assert.Equal(3, kept.Sum().Item());
    }
}

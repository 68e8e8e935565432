using Weft.Tensors.Autograd;

namespace Weft.Tensors.Tests;

/// <summary>What autograd promises beyond a plain backward pass.</summary>
public sealed class AutogradFeatureTests
{
    private static Tensor Parameter(params double[] values) => Tensor.From(values).RequireGrad();

    // ---- Recording ------------------------------------------------------------------------------------------------------

    [Fact]
    public void GradMode_Off_RecordsNothing_AndOnInsideRecordsAgain()
    {
        Tensor x = Parameter(2);
        Assert.True(GradMode.IsEnabled);
        using (GradMode.Off())
        {
            Assert.False(GradMode.IsEnabled);
            Assert.False((x * x).Tracks);
            using (GradMode.On()) Assert.True((x * x).Tracks);
            Assert.False(GradMode.IsEnabled);
        }
        Assert.True((x * x).Tracks);
    }

    [Fact]
    public void GradMode_Off_IsOfThisThreadOnly()
    {
        using GradMode.Restorer off = GradMode.Off();
        bool elsewhere = false;
        Thread thread = new(() => elsewhere = GradMode.IsEnabled);
        thread.Start();
        thread.Join();
        Assert.True(elsewhere);
    }

    [Fact]
    public void Detach_SharesMemory_AndStopsGradients()
    {
        // d(x · const)/dx = const where const = x's value 3
        Tensor x = Parameter(3);
        (x * x.Detach()).Sum().Backward();
        Assert.Equal(3, x.Grad!.Item());
        Assert.False(x.Detach().Tracks);
        x.Detach().Fill(8);
        Assert.Equal(8, x.Item());
    }

    [Fact]
    public void Write_IntoARecordedTensor_IsRefused()
    {
        Tensor x = Parameter(1);
        Assert.Throws<InvalidOperationException>(() => x.Fill(2));
        Assert.Throws<InvalidOperationException>(() => (x * 2.0).Fill(2));
        using (GradMode.Off()) x.Fill(2);
        Assert.Equal(2, x.Item());
    }

    [Fact]
    public void Backward_OfWhatDoesNotTrack_SaysWhy()
    {
        Assert.Contains("no parameter", Assert.Throws<InvalidOperationException>(() => Tensor.Ones([]).Backward()).Message);
        Assert.Contains("[2]", Assert.Throws<InvalidOperationException>(() => (Parameter(1, 2) * 2.0).Backward()).Message);
        Assert.Contains("[3]", Assert.Throws<ArgumentException>(() => (Parameter(1, 2) * 2.0).Backward(Tensor.Ones([3], DType.Float64))).Message);
    }

    // ---- Where gradients go ---------------------------------------------------------------------------------------------

    [Fact]
    public void Backward_AccumulatesUntilCleared_AndKeepsTheMemory()
    {
        Tensor x = Parameter(3);
        (x * 2.0).Sum().Backward();
        (x * 5.0).Sum().Backward();
        Assert.Equal(7, x.Grad!.Item());
        Tensor memory = x.Grad;
        x.ClearGrad();
        Assert.Null(x.Grad);
        (x * 4.0).Sum().Backward(); // overwrites, in the same memory
        Assert.Equal(4, x.Grad!.Item());
        Assert.Same(memory, x.Grad);
    }

    [Fact]
    public void GradientsOf_LeavesGradAlone_AndGivesNullWhereNothingDepends()
    {
        Tensor x = Parameter(3), unused = Parameter(1), middle = x * x;
        Tensor?[] gradients = Gradients.Of((middle * 2.0).Sum(), [x, unused, middle]);
        Assert.Equal(12, gradients[0]!.Item()); // d(2x²)/dx = 4x
        Assert.Null(gradients[1]);
        Assert.Equal(2, gradients[2]!.Item());
        Assert.Null(x.Grad);
        Assert.Equal(0, Gradients.Of((x * 2.0).Sum(), unused).Item());
        Assert.Throws<ArgumentException>(() => Gradients.Of((x * 2.0).Sum(), Tensor.Ones([1], DType.Float64)));
    }

    [Fact]
    public void Backward_ToPartsOfDifferentDepth_ReachesAllOfThem()
    {
        // y = (a b + a) b: dy/da = b (b + 1), dy/db = 2ab + a
        Tensor a = Parameter(2), b = Parameter(5);
        ((a * b + a) * b).Sum().Backward();
        Assert.Equal(30, a.Grad!.Item());
        Assert.Equal(22, b.Grad!.Item());
    }

    // ---- Hooks ----------------------------------------------------------------------------------------------------------

    [Fact]
    public void Hook_OnAnIntermediateResult_SeesTheWholeGradientAndMayReplaceIt()
    {
        Tensor x = Parameter(3), y = x * 2.0;
        List<double> seen = [];
        y.AddHook(g =>
        {
            seen.Add(g.Item());
            return g * 10.0;
        });
        (y * y + y).Sum().Backward(); // dL/dy = 2y + 1 = 13, over both uses
        Assert.Equal([13], seen);
        Assert.Equal(13 * 10 * 2, x.Grad!.Item());
    }

    [Fact]
    public void Hooks_OnAParameter_RunInOrder_OnEachPassAlone()
    {
        Tensor x = Parameter(1);
        List<double> seen = [];
        x.AddHook(g =>
        {
            seen.Add(g.Item());
            return null; // keeps the gradient
        });
        x.AddHook(static g => g + 1.0);
        (x * 2.0 + x * 3.0).Sum().Backward();
        (x * 4.0).Sum().Backward();
        Assert.Equal([5, 4], seen);
        Assert.Equal(5 + 1 + 4 + 1, x.Grad!.Item());
        Assert.Throws<InvalidOperationException>(() => Tensor.Ones([1]).AddHook(static g => g));
    }

    // ---- Anomalies ------------------------------------------------------------------------------------------------------

    [Fact]
    public void DetectAnomalies_NamesTheOperationOfTheFirstNaN()
    {
        Tensor x = Parameter(-1, 2);
        Assert.True(double.IsNaN((x.Exp() + x.Log()).Sum().Item())); // unwatched, it passes
        using GradMode.Restorer watch = GradMode.DetectAnomalies();
        Assert.StartsWith("Log ", Assert.Throws<AnomalyException>(() => (x.Exp() + x.Log()).Sum()).Message);
        Assert.StartsWith("Sqrt ", Assert.Throws<AnomalyException>(() => x.Sqrt().Sum()).Message);
    }

    [Fact]
    public void DetectAnomalies_NamesTheOperationWhoseBackwardMadeIt()
    {
        // sqrt(0) is 0, its derivative infinite.
        using GradMode.Restorer watch = GradMode.DetectAnomalies();
        Tensor x = Parameter(0, 1), y = (x.Sqrt() * 2.0).Sum();
        Assert.Contains("backward of Sqrt", Assert.Throws<AnomalyException>(() => y.Backward()).Message);
    }

    // ---- Gradients of gradients -----------------------------------------------------------------------------------------

    [Fact]
    public void GradientPenalty_IsDifferentiable()
    {
        // L = Σ x³, g = 3x², penalty (|g|² - 1)²: d/dx = 2 (|g|² - 1) · 2 g · 6x
        Tensor x = Parameter(0.5, -1);
        Tensor g = Gradients.Of(x.Pow(3).Sum(), x, createGraph: true), penalty = (g.Square().Sum() - 1.0).Square();
        penalty.Backward();
        double norm = 9 * (Math.Pow(0.5, 4) + 1);
        double[] expected = [2 * (norm - 1) * 2 * 3 * 0.25 * 6 * 0.5, 2 * (norm - 1) * 2 * 3 * 6 * -1];
        for (int i = 0; i < 2; i++) Assert.Equal(expected[i], x.Grad!.ToArray<double>()[i], 1e-10);
    }

    [Fact]
    public void Backward_WithCreateGraph_LeavesGradientsThatCanBeDifferentiated()
    {
        Tensor x = Parameter(2);
        x.Pow(4).Sum().Backward(createGraph: true);
        Tensor first = x.Grad!;
        Assert.Equal(32, first.Item()); // 4x³
        Assert.Equal(48, Gradients.Of(first.Sum(), x).Item()); // 12x²
    }

    [Fact]
    public void ThirdDerivative_OfAPower_IsRight()
    {
        Tensor x = Parameter(2);
        Tensor d1 = Gradients.Of(x.Pow(5).Sum(), x, createGraph: true), d2 = Gradients.Of(d1.Sum(), x, createGraph: true), d3 = Gradients.Of(d2.Sum(), x);
        Assert.Equal(60 * 4, d3.Item(), 1e-10); // 60x²
    }

    [Fact]
    public void JacobianProducts_AreTheJacobianTimesVectors()
    {
        Tensor x = Parameter(0.3, -0.7, 1.1), w = Tensor.LinSpace(-1, 1, 12).Reshape(4, 3), v = Tensor.From(1.0, -2, 0.5), u = Tensor.From(0.1, 0.2, -0.3, 0.4);
        Tensor y = w.MatMul(x).Tanh(), jacobian = Gradients.Jacobian(y, x); // [4, 3]
        Assert.Equal([4, 3], jacobian.Shape.ToArray());
        Near(jacobian.MatMul(v), Gradients.JacobianVectorProduct(y, x, v));
        Near(u.MatMul(jacobian), Gradients.Of(y, x, u));
    }

    [Fact]
    public void Hessian_TimesAVector_IsTheHessianVectorProduct()
    {
        // f = x₀² x₁: H = [[2x₁, 2x₀], [2x₀, 0]]
        Tensor x = Parameter(3, 5), v = Tensor.From(1.0, -2);
        Tensor f = (x.Narrow(0, 0, 1).Square() * x.Narrow(0, 1, 1)).Sum(), hessian = Gradients.Hessian(f, x);
        Assert.Equal([10, 6, 6, 0], hessian.ToArray<double>());
        Near(hessian.MatMul(v), Gradients.HessianVectorProduct(f, x, v));
    }

    [Fact]
    public void SecondDerivatives_OfALinearFunction_AreZero()
    {
        Tensor x = Parameter(1, 2);
        Assert.All(Gradients.Hessian((x * 3.0).Sum(), x).ToArray<double>(), static h => Assert.Equal(0, h));
        Assert.All(Gradients.HessianVectorProduct((x * 3.0).Sum(), x, Tensor.From(1.0, 1)).ToArray<double>(), static h => Assert.Equal(0, h));
    }

    [Fact]
    public void Conversion_ThroughSinglePrecision_PassesGradientsInTheirOwnType()
    {
        Tensor x = Parameter(1, 2);
        (x.To(DType.Float32) * 3.0).Sum().Backward();
        Assert.Equal(DType.Float64, x.Grad!.DType);
        Assert.Equal([3, 3], x.Grad.ToArray<double>());
    }

    [Fact]
    public void GradientCheck_OfAWrongGradient_SaysWhereAndByHowMuch()
    {
        // A detached factor hides half of the derivative of x².
        GradientCheckException error = Assert.Throws<GradientCheckException>(() => GradientCheck.Run(static t => t[0] * t[0].Detach(), [Parameter(1, 2)]));
        Assert.Contains("input 0 [2] at element 0", error.Message);
        Assert.Throws<ArgumentException>(() => GradientCheck.Run(static t => t[0], [Tensor.Ones([1]).RequireGrad()]));
    }

    private static void Near(Tensor expected, Tensor actual)
    {
        double[] e = expected.ToArray<double>(), a = actual.ToArray<double>();
        Assert.Equal(e.Length, a.Length);
        for (int i = 0; i < e.Length; i++) Assert.Equal(e[i], a[i], 1e-12);
    }
}

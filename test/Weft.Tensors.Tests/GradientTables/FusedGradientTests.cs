using Weft.Tensors.Autograd;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>The fused float32 operations: values, gradients and Hessian-vector products equal those of their float64 compositions.</summary>
public sealed class FusedGradientTests
{
    // Some ten roundings of 6e-8 each, of numbers up to about ten, in sums of a few terms.
    private const double Tolerance = 2e-5;

    private static readonly Dictionary<string, (string Shapes, Func<Tensor[], Tensor> Function)> s_fused = new()
    {
        ["Gelu"] = ("3,5", t => t[0].Gelu()),
        ["GeluTanh"] = ("3,5", t => t[0].GeluTanh()),
        ["Silu"] = ("3,5", t => t[0].Silu()),
        ["SwiGlu"] = ("3,6", t => t[0].SwiGlu()),
        ["Linear"] = ("3,5 2,5 2", t => t[0].Linear(t[1], t[2])),
        ["LinearActivation, gelu"] = ("3,5 2,5 2", t => t[0].LinearActivation(t[1], t[2], Activation.Gelu)),
        ["LinearActivation, gelu by tanh"] = ("3,5 2,5", t => t[0].LinearActivation(t[1], null, Activation.GeluTanh)),
        ["LinearActivation, silu"] = ("3,5 2,5 2", t => t[0].LinearActivation(t[1], t[2], Activation.Silu)),
        ["LinearActivation, relu"] = ("3,5 2,5 2", t => t[0].LinearActivation(t[1], t[2], Activation.Relu)),
        ["LinearActivation before a map"] = ("3,5 6,5 6 4,6 4", t => t[0].LinearActivation(t[1], t[2], Activation.Gelu).Linear(t[3], t[4])),
        ["LinearActivation before two maps"] = ("3,5 6,5 6 4,6", t => t[0].LinearActivation(t[1], t[2], Activation.Silu) is var x ? x.Linear(t[3]) * x.Linear(t[3]) : t[0]),
        ["LinearActivation before a map and more"] = ("3,5 6,5 6 4,6", t => t[0].LinearActivation(t[1], t[2], Activation.Gelu) is var x ? x.Linear(t[3]).Sum() + x.Tanh().Sum() : t[0]),
        ["LinearActivation before another"] = ("3,5 6,5 6 4,6 4", t => t[0].LinearActivation(t[1], t[2], Activation.GeluTanh).LinearActivation(t[3], t[4], Activation.Relu)),
        ["PackedCausalAttention"] = ("2,3,4,4", t => t[0].PackedCausalAttention(2, 0.5)),
        ["PackedCausalAttention beside another use"] = ("2,3,4,4", t => (t[0] * 2.0) is var x ? x.PackedCausalAttention(2, 0.5) + x.Narrow(2, 0, 2) : t[0]),
        ["LayerNorm beside the stream"] = ("3,5 5 5", t => (t[0] * 2.0) is var x ? x + x.LayerNorm(t[1], t[2]) : t[0]),
        ["LayerNorm twice"] = ("3,5 5 5", t => (t[0] * 2.0) is var x ? x + x.LayerNorm(t[1], t[2]) + x.RmsNorm(t[1]) : t[0]),
        ["LayerNorm"] = ("3,5 5 5", t => t[0].LayerNorm(t[1], t[2])),
        ["RmsNorm"] = ("3,5 5", t => t[0].RmsNorm(t[1])),
        ["Convolution"] = ("2,2,5 3,2,3 3", t => t[0].Convolution(t[1], t[2], [2], [1])),
        ["ConvolutionTransposed"] = ("2,2,3 2,3,3 3", t => t[0].ConvolutionTransposed(t[1], t[2], [2])),
        ["CrossEntropy"] = ("3,5", t => t[0].CrossEntropy(GradientCase.Index([3], 5))),
        ["LinearCrossEntropy"] = ("3,5 4,5", t => t[0].LinearCrossEntropy(t[1], GradientCase.Index([3], 4))),
        ["Softmax"] = ("3,5", t => t[0].Softmax()),
        ["LogSoftmax"] = ("3,5", t => t[0].LogSoftmax()),
        ["CausalAttention"] = ("2,3,2,4 2,3,1,4 2,3,1,4", t => t[0].CausalAttention(t[1], t[2], 0.5)),
        ["Several on one parameter"] = ("3,5", t => t[0].Gelu() * t[0].Silu() + t[0].GeluTanh()),
        ["Several on one result"] = ("3,5", t => (t[0] * 2.0) is var x ? x.Gelu() * x.Silu() + x.GeluTanh() : t[0]),
        ["Rotary"] = ("2,3,2,4", t => t[0].Rotary(Tensor.LinSpace(0.1, 0.9, 6, t[0].DType).Reshape(3, 2), Tensor.LinSpace(0.8, 0.2, 6, t[0].DType).Reshape(3, 2))),
    };

    public static TheoryData<string> Names => [.. s_fused.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void FusedOperation_InSinglePrecision_EqualsItsComposition(string name)
    {
        (string shapes, Func<Tensor[], Tensor> function) = s_fused[name];
        GradientCase line = new(name, shapes, function);
        Tensor[] doubles = line.Inputs(line.ShapeSets.Single(), views: false), singles = [.. doubles.Select(static x => x.Detach().To(DType.Float32).RequireGrad())];
        double[][] expected = Derivatives(function, doubles), actual = Derivatives(function, singles);
        for (int i = 0; i < expected.Length; i++)
        {
            double allowed = Tolerance * Math.Max(1, expected[i].Max(Math.Abs));
            Assert.Equal(expected[i].Length, actual[i].Length);
            for (int k = 0; k < expected[i].Length; k++) Assert.InRange(actual[i][k], expected[i][k] - allowed, expected[i][k] + allowed);
        }
    }

    // Queries go in blocks of 64 and keys in blocks of 128, or of 512 for a few queries: several of each, cut off at both ends, with keys before the first query.
    [Theory]
    [InlineData(100, 100, 2)]
    [InlineData(130, 1100, 1)]
    [InlineData(1030, 1030, 2)]
    [InlineData(1, 1500, 1)]
    public void CausalAttention_OverManyBlocks_EqualsItsComposition(int queries, int keys, int keyHeads)
    {
        RandomGenerator generator = new(5);
        Tensor[] doubles = [.. ((Shape[])[[1, queries, 2, 16], [1, keys, keyHeads, 16], [1, keys, keyHeads, 16]]).Select(s => generator.FillGaussian(Tensor.Uninitialized(s, DType.Float64), 0, 2).RequireGrad())];
        Tensor[] singles = [.. doubles.Select(static x => x.Detach().To(DType.Float32).RequireGrad())];
        Tensor weights = generator.FillGaussian(Tensor.Uninitialized(doubles[0].Shape, DType.Float64), 0, 1);
        double[][] expected = Values(doubles, weights), actual = Values(singles, weights.To(DType.Float32));
        for (int i = 0; i < expected.Length; i++)
        {
            double allowed = Tolerance * Math.Max(1, expected[i].Max(Math.Abs));
            for (int k = 0; k < expected[i].Length; k++) Assert.InRange(actual[i][k], expected[i][k] - allowed, expected[i][k] + allowed);
        }

        static double[][] Values(Tensor[] t, Tensor weights)
        {
            Tensor y = t[0].CausalAttention(t[1], t[2], 0.25);
            return [y.To(DType.Float64).ToArray<double>(), .. Gradients.Of((y * weights).Sum(), t).Select(static g => g!.To(DType.Float64).ToArray<double>())];
        }
    }

    // The value; the gradients; the gradients of the sum of squared gradients.
    private static double[][] Derivatives(Func<Tensor[], Tensor> function, Tensor[] inputs)
    {
        Tensor y = function(inputs), loss = (y * y).Sum();
        Tensor?[] plain = Gradients.Of(loss, inputs);
        Tensor total = Gradients.Of(loss, inputs, createGraph: true).Aggregate(Tensor.Zeros([], inputs[0].DType), static (sum, g) => sum + (g! * g!).Sum());
        Tensor?[] second = Gradients.Of(total, inputs);
        return [.. new[] { y }.Concat(plain!).Concat(second!).Select(static t => t!.Detach().To(DType.Float64).ToArray<double>())];
    }
}

using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Ops;

/// <summary>The group <c>gradutil</c>: clipping, and derivatives of derivatives.</summary>
internal static class GradientHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("clip_grad_norm", static (golden, _) =>
        {
            List<Tensor> parameters = Parameters(golden);
            double norm = GradientClipping.ClipNorm(parameters, golden.Attrs.Double("max_norm"), golden.Attrs.Double("norm_type"));
            GoldenAssert.Close(golden.Outputs["total_norm"], norm, golden.ToleranceF64);
            CheckClipped(golden, parameters);
        }, GoldenPrecision.F64);
        runner.Add("clip_grad_value", static (golden, _) =>
        {
            List<Tensor> parameters = Parameters(golden);
            GradientClipping.ClipValue(parameters, golden.Attrs.Double("clip_value"));
            CheckClipped(golden, parameters);
        }, GoldenPrecision.F64);
        runner.Add("second_derivative", static (golden, _) =>
        {
            OpCase c = new(golden, GoldenPrecision.F64);
            Tensor x = c.X.RequireGrad(), y = Function(golden.Attrs.String("function"), x);
            OpCase.Compare(golden.Outputs["value"], y, golden.ToleranceF64);
            OpCase.Compare(golden.Outputs["gradient"], Gradients.Of(y, x), golden.ToleranceF64);
            OpCase.Compare(golden.Outputs["hessian_vector"], Gradients.HessianVectorProduct(y, x, c["v"]), golden.ToleranceF64);
        }, GoldenPrecision.F64);
        runner.Add("jacobian", static (golden, _) =>
        {
            OpCase c = new(golden, GoldenPrecision.F64);
            Assert.Equal("tanh(W x)", golden.Attrs.String("function"));
            Tensor x = c.X.RequireGrad(), y = c["W"].MatMul(x).Tanh();
            OpCase.Compare(golden.Outputs["jacobian"], Gradients.Jacobian(y, x), golden.ToleranceF64);
            OpCase.Compare(golden.Outputs["jvp"], Gradients.JacobianVectorProduct(y, x, c["v"]), golden.ToleranceF64);
            OpCase.Compare(golden.Outputs["vjp"], Gradients.Of(y, x, c["u"]), golden.ToleranceF64);
            OpCase.Compare(golden.Outputs["hessian_of_sum"], Gradients.Hessian(y.Sum(), x), golden.ToleranceF64);
        }, GoldenPrecision.F64);
    }

    // The functions of the reference, by their names there.
    private static Tensor Function(string name, Tensor x) => name switch
    {
        "tanh_cubed_sum" => x.Tanh().Pow(3).Sum(),
        "softmax_entropy" => x.EntropyOfLogits().Sum(),
        "logsumexp_squared" => x.LogSumExp(-1).Square().Sum(),
        "layer_norm_cubed" => x.LayerNorm().Pow(3).Sum(),
        "gelu_product" => (Columns(x, 0, 2).Gelu() * Columns(x, 2, 4).Gelu()).Sum(),
        "matmul_sigmoid" => x.MatMul(x.Transpose()).Sigmoid().Sum(),
        "norm_penalty" => (x.Norm(2, keepDimensions: false, -1) - 1.0).Square().Sum(),
        _ => throw new InvalidDataException($"The function {name} is not known."),
    };

    // x[.., start:end], as far as there are columns.
    private static Tensor Columns(Tensor x, int start, int end) => x.Narrow(-1, start, Math.Min(end, x.Shape[^1]) - start);

    private static List<Tensor> Parameters(GoldenCase golden)
    {
        List<Tensor> parameters = [];
        for (int i = 0; golden.Inputs.TryGetValue($"grad{i}", out GoldenValue? value); i++)
        {
            Tensor gradient = OpCase.ToTensor(value, DType.Float64), parameter = Tensor.Zeros(gradient.Shape, DType.Float64).RequireGrad();
            parameter.Grad = gradient;
            parameters.Add(parameter);
        }
        Assert.NotEmpty(parameters);
        return parameters;
    }

    private static void CheckClipped(GoldenCase golden, List<Tensor> parameters)
    {
        for (int i = 0; i < parameters.Count; i++) OpCase.Compare(golden.Outputs[$"clipped{i}"], parameters[i].Grad!, golden.ToleranceF64);
    }
}

using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class ActivationHandlers
{
    // PyTorch's backward of hardsigmoid multiplies by 1/6, and that of celu by 1/alpha, rounded to single precision even in
    // float64 (1.0f / 6.0f in Activation.cpp; alpha.toFloat() in derivatives.yaml): its gradients are off by up to 6e-8.
    private const double RoundedConstant = 1e-7;

    internal static void Add(GoldenRunner runner)
    {
        runner.Op("relu", c => c.X.Relu());
        runner.Op("relu6", c => c.X.Relu6());
        runner.Op("silu", c => c.X.Silu());
        runner.Op("mish", c => c.X.Mish());
        runner.Op("softsign", c => c.X.Softsign());
        runner.Op("tanhshrink", c => c.X.TanhShrink());
        runner.Op("logsigmoid", c => c.X.LogSigmoid());
        runner.Op("hardswish", c => c.X.HardSwish());
        runner.Op("hardsigmoid", c => c.X.HardSigmoid(), RoundedConstant);
        runner.Op("selu", c => c.X.Selu());
        runner.Op("quick_gelu", c => c.X.QuickGelu());
        runner.Op("gelu_new", c => c.X.GeluTanh());
        runner.Op("gelu_fast", c => c.X.GeluTanh());
        runner.Op("squared_relu", c => c.X.SquaredRelu());
        runner.Op("elu", c => c.X.Elu(c.Attrs.Double("alpha")));
        runner.Op("celu", c => c.X.Celu(c.Attrs.Double("alpha")), RoundedConstant);
        runner.Op("gelu", c => c.Attrs.String("approximate") == "tanh" ? c.X.GeluTanh() : c.X.Gelu());
        runner.Op("leaky_relu", c => c.X.LeakyRelu(c.Attrs.Double("negative_slope")));
        runner.Op("rrelu_eval", c => c.X.LeakyRelu((c.Attrs.Double("lower") + c.Attrs.Double("upper")) / 2));
        runner.Op("softplus", c => c.X.Softplus(c.Attrs.Double("beta"), c.Attrs.Double("threshold")));
        runner.Op("hardtanh", c => c.X.HardTanh(c.Attrs.Double("min_val"), c.Attrs.Double("max_val")));
        runner.Op("hardshrink", c => c.X.HardShrink(c.Attrs.Double("lambd")));
        runner.Op("softshrink", c => c.X.SoftShrink(c.Attrs.Double("lambd")));
        runner.Op("threshold", c => c.X.Threshold(c.Attrs.Double("threshold"), c.Attrs.Double("value")));
        runner.Op("prelu", c => c.X.PRelu(c["weight"]));
        runner.Op("glu", c => c.X.Glu(c.Attrs.Int("dim")));
        runner.Op("swiglu", c => c.X.SwiGlu());
        runner.Op("geglu", c => c.X.GeGlu());
        runner.Op("geglu_tanh", c => c.X.GeGluTanh());
        runner.Op("reglu", c => c.X.ReGlu());
        runner.Op("softmax", c => c.X.Softmax(c.Attrs.Int("dim")));
        runner.Op("log_softmax", c => c.X.LogSoftmax(c.Attrs.Int("dim")));
        runner.Op("softmin", c => c.X.Softmin(c.Attrs.Int("dim")));
        runner.Op("masked_softmax", c => c.X.MaskedSoftmax(c["mask"], c.Attrs.Int("dim")));
        runner.Op("softmax_temperature", c => (c.X / c.Attrs.Double("temperature")).Softmax(c.Attrs.Int("dim")));
        runner.Op("gumbel_softmax_given_noise", c => ((c.X + c["noise"]) / c.Attrs.Double("tau")).Softmax(c.Attrs.Int("dim")));
        runner.Op("dropout_with_mask", c => c.X.Dropout(c["mask"], c.Attrs.Double("p")));
        runner.Op("dropout_eval", c => c.X);
        runner.Op("softcap", c => c.X.Softcap(c.Attrs.Double("cap")));
    }
}

using System.Numerics;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>A nonlinearity that a linear map can end with: see <see cref="Products.LinearActivation"/>.</summary>
public enum Activation
{
    /// <summary><see cref="Activations.Relu"/>.</summary>
    Relu,

    /// <summary><see cref="Activations.Gelu"/>.</summary>
    Gelu,

    /// <summary><see cref="Activations.GeluTanh"/>.</summary>
    GeluTanh,

    /// <summary><see cref="Activations.Silu"/>.</summary>
    Silu,
}

/// <summary>The non-linearities of neural networks, element by element.</summary>
/// <remarks>At a kink the derivative is that of PyTorch, which is 0 for <see cref="Relu"/> at 0. Shapes: x -> alike.</remarks>
public static class Activations
{
    private const double SqrtTwoOverPi = 0.7978845608028654;

    /// <summary>The nonlinearity of that name.</summary>
    public static Tensor Apply(this Tensor x, Activation activation) => activation switch
    {
        Activation.Relu => x.Relu(),
        Activation.Gelu => x.Gelu(),
        Activation.GeluTanh => x.GeluTanh(),
        _ => x.Silu(),
    };

    /// <summary>max(x, 0).</summary>
    public static Tensor Relu(this Tensor x) => x.DType == DType.Float32 ? FusedActivations.Run<ActivationKernels.Relu>(x, nameof(Relu), ReluComposition) : ReluComposition(x);

    private static Tensor ReluComposition(Tensor x) => Elementwise.Unary<ReluFunction>(x, "Relu", static (x, y, dy) => dy.MaskedFill(x.LessOrEqual(0), 0));

    /// <summary>max(x, 0)² (So et al. 2021, arXiv:2109.08668).</summary>
    public static Tensor SquaredRelu(this Tensor x) => x.Relu().Square();

    /// <summary>min(max(x, 0), 6).</summary>
    public static Tensor Relu6(this Tensor x) => x.HardTanh(0, 6);

    /// <summary>x Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016, arXiv:1606.08415).</summary>
    public static Tensor Gelu(this Tensor x) => x.DType == DType.Float32 ? FusedActivations.Run<ActivationKernels.Gelu>(x, nameof(Gelu), GeluComposition) : GeluComposition(x);

    private static Tensor GeluComposition(Tensor x) => Elementwise.Unary<GeluFunction>(x, "Gelu", static (x, y, dy) => dy * (x.NormalDistribution() + x * NormalDensity(x)));

    /// <summary>x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2: the approximation of <see cref="Gelu"/> that GPT-2 uses (the same paper, section 2).</summary>
    public static Tensor GeluTanh(this Tensor x) =>
        x.DType == DType.Float32 ? FusedActivations.Run<ActivationKernels.GeluTanh>(x, nameof(GeluTanh), GeluTanhComposition) : GeluTanhComposition(x);

    private static Tensor GeluTanhComposition(Tensor x) => x * ((((x * x * 0.044715 + 1.0) * x) * SqrtTwoOverPi).Tanh() * 0.5 + 0.5);

    /// <summary>x σ(1.702 x): the coarse approximation of <see cref="Gelu"/> of the first CLIP models.</summary>
    public static Tensor QuickGelu(this Tensor x) => x * (x * 1.702).Sigmoid();

    /// <summary>x σ(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118).</summary>
    public static Tensor Silu(this Tensor x) => x.DType == DType.Float32 ? FusedActivations.Run<ActivationKernels.Silu>(x, nameof(Silu), SiluComposition) : SiluComposition(x);

    private static Tensor SiluComposition(Tensor x) => Elementwise.Unary<SiluFunction>(x, "Silu", static (x, y, dy) =>
    {
        Tensor s = x.Sigmoid();
        return dy * (s * ((1.0 - s) * x + 1.0));
    });

    /// <summary>The normal distribution function Φ(x) = (1 + erf(x / √2)) / 2.</summary>
    public static Tensor NormalDistribution(this Tensor x) =>
        Elementwise.Unary<NormalDistributionFunction>(x, "NormalDistribution", static (x, y, dy) => dy * NormalDensity(x));

    /// <summary>x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681).</summary>
    public static Tensor Mish(this Tensor x) => x * x.Softplus().Tanh();

    /// <summary>ln(1 + e^(βx)) / β; x itself where βx > threshold.</summary>
    public static Tensor Softplus(this Tensor x, double beta = 1, double threshold = 20)
    {
        Tensor scaled = x * beta, linear = scaled.Greater(threshold);
        return linear.Where(x, -((-scaled).LogSigmoid()) / beta);
    }

    /// <summary>ln σ(x) = -ln(1 + e^-x), without overflow.</summary>
    public static Tensor LogSigmoid(this Tensor x) => Elementwise.Unary<LogSigmoidFunction>(x, "LogSigmoid", static (x, y, dy) => dy * (-x).Sigmoid());

    /// <summary>x / (1 + |x|).</summary>
    public static Tensor Softsign(this Tensor x) => x / (x.Absolute() + 1.0);

    /// <summary>x - tanh x.</summary>
    public static Tensor TanhShrink(this Tensor x) => x - x.Tanh();

    /// <summary>x relu6(x + 3) / 6 (Howard et al. 2019, arXiv:1905.02244).</summary>
    public static Tensor HardSwish(this Tensor x) => x * x.HardSigmoid();

    /// <summary>relu6(x + 3) / 6.</summary>
    public static Tensor HardSigmoid(this Tensor x) => (x + 3.0).HardTanh(0, 6) / 6.0;

    /// <summary>x limited to [minimum, maximum]; the derivative is 0 at and beyond the bounds.</summary>
    public static Tensor HardTanh(this Tensor x, double minimum = -1, double maximum = 1) =>
        x.MaskedFill(x.LessOrEqual(minimum), minimum).MaskedFill(x.GreaterOrEqual(maximum), maximum);

    /// <summary>x where |x| > lambda, else 0.</summary>
    public static Tensor HardShrink(this Tensor x, double lambda = 0.5) => x.MaskedFill(x.Absolute().LessOrEqual(lambda), 0);

    /// <summary>x moved towards 0 by lambda, and 0 where |x| ≤ lambda.</summary>
    public static Tensor SoftShrink(this Tensor x, double lambda = 0.5) =>
        (x - x.Detach().Sign() * lambda).MaskedFill(x.Absolute().LessOrEqual(lambda), 0);

    /// <summary>x where x > threshold, else a value.</summary>
    public static Tensor Threshold(this Tensor x, double threshold, double value) => x.MaskedFill(x.LessOrEqual(threshold), value);

    /// <summary>x where x > 0, else slope · x.</summary>
    public static Tensor LeakyRelu(this Tensor x, double slope = 0.01) => x.Greater(0).Where(x, x * slope);

    /// <summary>x where x > 0, else weight · x with a learned weight for all, or one per channel (He et al. 2015, arXiv:1502.01852).</summary>
    /// <remarks>Shapes: x [B, C, ..] or [C], weight [1] or [C] -> the shape of x.</remarks>
    public static Tensor PRelu(this Tensor x, Tensor weight)
    {
        int channels = x.Rank > 1 ? x.Shape[1] : 1;
        if (weight.Rank != 1 || (weight.Count != 1 && weight.Count != channels)) throw new ArgumentException($"PRelu: weight {weight.Shape} for {x.Shape}: give one, or one per channel.");
        Tensor perChannel = weight.Count == 1 ? weight : weight.Reshape(PerChannel([weight.Count, .. Ones(x.Rank - 2)]));
        return x.Greater(0).Where(x, x * perChannel);
    }

    /// <summary>x where x > 0, else α (e^x - 1) (Clevert et al. 2015, arXiv:1511.07289).</summary>
    public static Tensor Elu(this Tensor x, double alpha = 1) => x.Greater(0).Where(x, Negative(x).ExpMinusOne() * alpha);

    /// <summary>x where x > 0, else α (e^(x/α) - 1) (Barron 2017, arXiv:1704.07483).</summary>
    public static Tensor Celu(this Tensor x, double alpha = 1) => x.Greater(0).Where(x, (Negative(x) / alpha).ExpMinusOne() * alpha);

    /// <summary>1.0507 · elu(x, 1.6733): the constants keep mean 0 and variance 1 (Klambauer et al. 2017, arXiv:1706.02515).</summary>
    public static Tensor Selu(this Tensor x) => x.Elu(1.6732632423543772848170429916717) * 1.0507009873554804934193349852946;

    /// <summary>cap · tanh(x / cap): keeps logits inside (-cap, cap) (Gemma 2).</summary>
    public static Tensor Softcap(this Tensor x, double cap) => (x / cap).Tanh() * cap;

    // ---- Gates ----------------------------------------------------------------------------------------------------------

    /// <summary>a · σ(b) with the halves a and b of a dimension (Dauphin et al. 2016, arXiv:1612.08083).</summary>
    public static Tensor Glu(this Tensor x, int dimension = -1) => Halves(x, dimension, nameof(Glu)) is var (a, b) ? a * b.Sigmoid() : x;

    /// <summary>silu(gate) · up (Shazeer 2020, arXiv:2002.05202, eq. 6). Shapes: gate and up alike.</summary>
    public static Tensor SwiGlu(this Tensor gate, Tensor up) => Elementwise.Fitting(gate, up, nameof(SwiGlu)).Silu() * up;

    /// <summary>silu(a) · b with the halves a and b of the last dimension. Shapes: x [.., 2F] -> [.., F].</summary>
    public static Tensor SwiGlu(this Tensor x) => x.DType == DType.Float32 && x.Rank > 0 && x.Shape[^1] % 2 == 0 ? FusedActivations.SwiGlu(x, SwiGluComposition) : SwiGluComposition(x);

    private static Tensor SwiGluComposition(Tensor x) => Halves(x, -1, nameof(SwiGlu)) is var (a, b) ? SiluComposition(a) * b : x;

    /// <summary>gelu(gate) · up (the same paper). Shapes: gate and up alike.</summary>
    public static Tensor GeGlu(this Tensor gate, Tensor up) => Elementwise.Fitting(gate, up, nameof(GeGlu)).Gelu() * up;

    /// <summary>gelu(a) · b with the halves a and b of the last dimension. Shapes: x [.., 2F] -> [.., F].</summary>
    public static Tensor GeGlu(this Tensor x) => Halves(x, -1, nameof(GeGlu)) is var (a, b) ? a.GeGlu(b) : x;

    /// <summary>geluTanh(gate) · up, as in Gemma. Shapes: gate and up alike.</summary>
    public static Tensor GeGluTanh(this Tensor gate, Tensor up) => Elementwise.Fitting(gate, up, nameof(GeGluTanh)).GeluTanh() * up;

    /// <summary>geluTanh(a) · b with the halves a and b of the last dimension. Shapes: x [.., 2F] -> [.., F].</summary>
    public static Tensor GeGluTanh(this Tensor x) => Halves(x, -1, nameof(GeGluTanh)) is var (a, b) ? a.GeGluTanh(b) : x;

    /// <summary>relu(gate) · up (the same paper). Shapes: gate and up alike.</summary>
    public static Tensor ReGlu(this Tensor gate, Tensor up) => Elementwise.Fitting(gate, up, nameof(ReGlu)).Relu() * up;

    /// <summary>relu(a) · b with the halves a and b of the last dimension. Shapes: x [.., 2F] -> [.., F].</summary>
    public static Tensor ReGlu(this Tensor x) => Halves(x, -1, nameof(ReGlu)) is var (a, b) ? a.ReGlu(b) : x;

    // ---- Dropout --------------------------------------------------------------------------------------------------------

    /// <summary>x / (1 - probability) where the mask holds, else 0 (Srivastava et al. 2014).</summary>
    /// <param name="x">The values.</param>
    /// <param name="kept">Bool, true where a value is kept; drawn by the caller, true with 1 - probability.</param>
    /// <param name="probability">The probability of being dropped.</param>
    public static Tensor Dropout(this Tensor x, Tensor kept, double probability)
    {
        if (!(probability is >= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(probability), $"Dropout: probability {probability} must be in [0, 1).");
        return kept.Where(x / (1 - probability), Tensor.Zeros([], x.DType));
    }

    private static (Tensor A, Tensor B) Halves(Tensor x, int dimension, string operation)
    {
        int d = x.Shape.Dimension(dimension, operation), half = x.Shape[d] / 2;
        if (half * 2 != x.Shape[d]) throw new ArgumentException($"{operation}: dimension {d} of {x.Shape} is odd, so it has no halves.");
        return (x.Narrow(d, 0, half), x.Narrow(d, half, half));
    }

    // Positive entries are not used; as 0 they cannot overflow and send NaN back.
    private static Tensor Negative(Tensor x) => x.MaskedFill(x.Greater(0), 0);

    private static Tensor NormalDensity(Tensor x) => (x * x * -0.5).Exp() * 0.3989422804014327; // 1 / √(2π)

    private static Shape PerChannel(ReadOnlySpan<int> sizes) => new(sizes);

    private static int[] Ones(int count)
    {
        int[] ones = new int[Math.Max(0, count)];
        Array.Fill(ones, 1);
        return ones;
    }

    private readonly struct ReluFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Max(x, T.Zero);
    }

    private readonly struct GeluFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => x * NormalDistributionFunction.Of(x);
    }

    private readonly struct NormalDistributionFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(0.5 * SpecialFunctions.Erfc(-double.CreateTruncating(x) * 0.7071067811865476));
    }

    private readonly struct SiluFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T>
        {
            T e = T.Exp(-T.Abs(x));
            return x * (x >= T.Zero ? T.One : e) / (T.One + e);
        }
    }

    private readonly struct LogSigmoidFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> =>
            T.Min(x, T.Zero) - T.CreateTruncating(SpecialFunctions.LogOnePlus(Math.Exp(-Math.Abs(double.CreateTruncating(x)))));
    }
}

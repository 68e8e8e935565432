using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>A nonlinearity between the maps of a feed-forward network.</summary>
public enum ActivationKind
{
    /// <summary>x Φ(x), with the exact normal distribution (Hendrycks and Gimpel 2016, arXiv:1606.08415).</summary>
    Gelu,

    /// <summary>GELU in its tanh form, with sqrt(2 / π) exact.</summary>
    GeluTanh,

    /// <summary>The tanh form with the constant rounded to 0.79788456, as Bloom was trained.</summary>
    GeluTanhRounded,

    /// <summary>x σ(1.702 x).</summary>
    QuickGelu,

    /// <summary>x σ(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118).</summary>
    Silu,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>max(x, 0)² (So et al. 2021, arXiv:2109.08668).</summary>
    SquaredRelu,

    /// <summary>min(max(x, 0), 6).</summary>
    Relu6,

    /// <summary>x where it is positive, otherwise x / 100.</summary>
    LeakyRelu,

    /// <summary>tanh x.</summary>
    Tanh,

    /// <summary>1 / (1 + e^-x).</summary>
    Sigmoid,

    /// <summary>x tanh(softplus x) (Misra 2019, arXiv:1908.08681).</summary>
    Mish,

    /// <summary>GELU between -10 and 10.</summary>
    ClippedGelu,

    /// <summary>½ (1 + erf((x - µ) / (σ sqrt 2))), µ and σ rounded as its authors have them (Ma et al. 2022, arXiv:2209.10655, section 3.3).</summary>
    Laplace,

    /// <summary>x itself.</summary>
    Identity,
}

/// <summary>What the nonlinearities compute and what <c>config.json</c> calls them.</summary>
public static class ActivationKinds
{
    // 0.79788456 is sqrt(2 / π) to eight digits, as Megatron's fused kernel has it.
    private const double RoundedRootTwoOverPi = 0.79788456;

    // The first name of each is the one that is written. gelu_fast and gelu_accurate differ from gelu_new in rounding alone.
    private static readonly (string Name, ActivationKind Kind)[] s_names =
    [
        ("gelu", ActivationKind.Gelu), ("gelu_python", ActivationKind.Gelu),
        ("gelu_pytorch_tanh", ActivationKind.GeluTanh), ("gelu_new", ActivationKind.GeluTanh), ("gelu_fast", ActivationKind.GeluTanh), ("gelu_accurate", ActivationKind.GeluTanh),
        ("gelu_python_tanh", ActivationKind.GeluTanh),
        ("quick_gelu", ActivationKind.QuickGelu), ("silu", ActivationKind.Silu), ("swish", ActivationKind.Silu), ("relu", ActivationKind.Relu), ("relu2", ActivationKind.SquaredRelu),
        ("relu6", ActivationKind.Relu6), ("leaky_relu", ActivationKind.LeakyRelu), ("tanh", ActivationKind.Tanh), ("sigmoid", ActivationKind.Sigmoid), ("mish", ActivationKind.Mish),
        ("linear", ActivationKind.Identity), ("gelu_10", ActivationKind.ClippedGelu), ("laplace", ActivationKind.Laplace), ("gelu_rounded", ActivationKind.GeluTanhRounded),
    ];

    /// <summary>The nonlinearity that transformers calls so; null if none is known.</summary>
    public static ActivationKind? Find(string name) => Array.Find(s_names, n => n.Name == name) is { Name: not null } found ? found.Kind : null;

    /// <summary>What transformers calls the nonlinearity.</summary>
    public static string Name(this ActivationKind kind) => Array.Find(s_names, n => n.Kind == kind).Name;

    /// <summary>Applies a map and then the nonlinearity, in one pass where there is one. Shapes: x [.., In] -> [.., Out].</summary>
    public static Tensor After(this ActivationKind kind, Linear map, Tensor x) => kind switch
    {
        ActivationKind.Gelu => x.LinearActivation(map.Weight, map.Bias, Activation.Gelu),
        ActivationKind.GeluTanh => x.LinearActivation(map.Weight, map.Bias, Activation.GeluTanh),
        ActivationKind.Silu => x.LinearActivation(map.Weight, map.Bias, Activation.Silu),
        ActivationKind.Relu => x.LinearActivation(map.Weight, map.Bias, Activation.Relu),
        _ => kind.Apply(map.Forward(x)),
    };

    /// <summary>Applies the nonlinearity to each element. The shape stays.</summary>
    public static Tensor Apply(this ActivationKind kind, Tensor x) => kind switch
    {
        ActivationKind.Gelu => x.Gelu(),
        ActivationKind.GeluTanh => x.GeluTanh(),
        ActivationKind.GeluTanhRounded => x * 0.5 * (((x + x * x * x * 0.044715) * RoundedRootTwoOverPi).Tanh() + 1.0),
        ActivationKind.QuickGelu => x.QuickGelu(),
        ActivationKind.Silu => x.Silu(),
        ActivationKind.Relu => x.Relu(),
        ActivationKind.SquaredRelu => x.SquaredRelu(),
        ActivationKind.Relu6 => x.Relu6(),
        ActivationKind.LeakyRelu => x.LeakyRelu(),
        ActivationKind.Tanh => x.Tanh(),
        ActivationKind.Sigmoid => x.Sigmoid(),
        ActivationKind.Mish => x.Mish(),
        ActivationKind.ClippedGelu => x.Gelu().Clamp(-10, 10),
        ActivationKind.Laplace => (((x - 0.707107) / (0.282095 * Math.Sqrt(2))).Erf() + 1.0) * 0.5,
        _ => x,
    };
}

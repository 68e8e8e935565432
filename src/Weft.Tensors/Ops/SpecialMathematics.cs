using System.Numerics;

namespace Weft.Tensors;

/// <summary>Special functions, element by element.</summary>
public static class SpecialMathematics
{
    private const double TwoOverSqrtPi = 1.1283791670955126, HalfSqrtPi = 0.886226925452758;

    /// <summary>The error function 2/√π ∫₀ˣ e^(-t²) dt.</summary>
    public static Tensor Erf(this Tensor x) => Elementwise.Unary<ErfFunction>(x, "Erf", static (x, y, dy) => dy * (Gauss(x) * TwoOverSqrtPi));

    /// <summary>1 - erf x, without the loss of digits at large x.</summary>
    public static Tensor Erfc(this Tensor x) => Elementwise.Unary<ErfcFunction>(x, "Erfc", static (x, y, dy) => dy * (Gauss(x) * -TwoOverSqrtPi));

    /// <summary>The x with erf x = y; infinite at ±1 and NaN beyond.</summary>
    public static Tensor ErfInverse(this Tensor y) => Elementwise.Unary<ErfInverseFunction>(y, "ErfInverse", static (y, x, d) => d * ((x * x).Exp() * HalfSqrtPi));

    /// <summary>ln |Γ(x)|.</summary>
    public static Tensor LogGamma(this Tensor x) => Elementwise.Unary<LogGammaFunction>(x, "LogGamma", static (x, y, dy) => dy * x.Polygamma(0));

    /// <summary>ψ(x) = (ln Γ(x))'.</summary>
    public static Tensor Digamma(this Tensor x) => x.Polygamma(0);

    /// <summary>The derivative of some order of ψ; order 0 is ψ itself.</summary>
    public static Tensor Polygamma(this Tensor x, int order)
    {
        if (order < 0) throw new ArgumentOutOfRangeException(nameof(order), $"Polygamma: order {order} is negative.");
        return Elementwise.WithScalar<PolygammaFunction>(x, order, "Polygamma", static (x, n, y, dy) => dy * x.Polygamma((int)n + 1));
    }

    /// <summary>ln(x / (1 - x)); with eps, x is first limited to [eps, 1 - eps] and has no gradient outside.</summary>
    public static Tensor Logit(this Tensor x, double? eps = null)
    {
        if (eps is { } e) x = x.Clamp(e, 1 - e);
        return (x / (1.0 - x)).Log();
    }

    /// <summary>x ln y, and 0 where x is 0 (but NaN where y is). Shapes: x and y broadcast.</summary>
    public static Tensor XLogY(this Tensor x, Tensor y) => Elementwise.Binary<XLogYFunction>(x, y, "XLogY",
        static (x, y, z, dz) => dz * y.Log().MaskedFill(x.Equal(0).LogicalAnd(y.LessOrEqual(0)), 0), static (x, y, z, dz) => dz * x / y);

    /// <summary>ln(e^a + e^b) without overflow. Shapes: a and b broadcast.</summary>
    public static Tensor LogAddExp(this Tensor a, Tensor b) => Elementwise.Binary<LogAddExpFunction>(a, b, "LogAddExp",
        static (a, b, y, dy) => dy * (a - b).Sigmoid(), static (a, b, y, dy) => dy * (b - a).Sigmoid());

    private static Tensor Gauss(Tensor x) => (x * -x).Exp();

    private readonly struct ErfFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.Erf(double.CreateTruncating(x)));
    }

    private readonly struct ErfcFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.Erfc(double.CreateTruncating(x)));
    }

    private readonly struct ErfInverseFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.ErfInverse(double.CreateTruncating(x)));
    }

    private readonly struct LogGammaFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.LogGamma(double.CreateTruncating(x)));
    }

    private readonly struct PolygammaFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> =>
            T.CreateTruncating(SpecialFunctions.Polygamma(int.CreateTruncating(b), double.CreateTruncating(a)));
    }

    private readonly struct XLogYFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a == T.Zero && !T.IsNaN(b) ? T.Zero : a * T.Log(b);
    }

    private readonly struct LogAddExpFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T>
        {
            if (T.IsInfinity(a) && a == b) return a;
            double distance = Math.Abs(double.CreateTruncating(a - b));
            return T.Max(a, b) + T.CreateTruncating(SpecialFunctions.LogOnePlus(Math.Exp(-distance)));
        }
    }
}

using System.Numerics;

namespace Weft.Tensors;

/// <summary>Elementary functions, element by element.</summary>
public static class Mathematics
{
    /// <summary>e^x.</summary>
    public static Tensor Exp(this Tensor x) => Elementwise.Unary<ExpFunction>(x, "Exp", static (x, y, dy) => dy * y);

    /// <summary>The natural logarithm.</summary>
    public static Tensor Log(this Tensor x) => Elementwise.Unary<LogFunction>(x, "Log", static (x, y, dy) => dy / x);

    /// <summary>The square root; its derivative at 0 is infinite.</summary>
    public static Tensor Sqrt(this Tensor x) => Elementwise.Unary<SqrtFunction>(x, "Sqrt", static (x, y, dy) => dy / (y * 2.0));

    /// <summary>1 / sqrt(x).</summary>
    public static Tensor Rsqrt(this Tensor x) => Elementwise.Unary<RsqrtFunction>(x, "Rsqrt", static (x, y, dy) => dy * (y / x * -0.5));

    /// <summary>x².</summary>
    public static Tensor Square(this Tensor x) => Elementwise.Unary<SquareFunction>(x, "Square", static (x, y, dy) => dy * (x * 2.0));

    /// <summary>The hyperbolic tangent.</summary>
    public static Tensor Tanh(this Tensor x) => Elementwise.Unary<TanhFunction>(x, "Tanh", static (x, y, dy) => dy * (1.0 - y * y));

    /// <summary>1 / (1 + e^-x).</summary>
    public static Tensor Sigmoid(this Tensor x) => Elementwise.Unary<SigmoidFunction>(x, "Sigmoid", static (x, y, dy) => dy * (y * (1.0 - y)));

    /// <summary>The sine of an angle in radians.</summary>
    public static Tensor Sin(this Tensor x) => Elementwise.Unary<SinFunction>(x, "Sin", static (x, y, dy) => dy * x.Cos());

    /// <summary>The cosine of an angle in radians.</summary>
    public static Tensor Cos(this Tensor x) => Elementwise.Unary<CosFunction>(x, "Cos", static (x, y, dy) => -(dy * x.Sin()));

    /// <summary>|x|; the derivative at 0 is 0.</summary>
    public static Tensor Absolute(this Tensor x) => Elementwise.Unary<AbsoluteFunction>(x, "Absolute", static (x, y, dy) => dy * x.Sign());

    /// <summary>1, 0 or -1, by the sign of x; NaN stays NaN. The derivative is 0.</summary>
    public static Tensor Sign(this Tensor x) => Elementwise.Unary<SignFunction>(x, "Sign", null);

    /// <summary>e^x - 1, exact near 0.</summary>
    public static Tensor ExpMinusOne(this Tensor x) => Elementwise.Unary<ExpMinusOneFunction>(x, "ExpMinusOne", static (x, y, dy) => dy * (y + 1.0));

    /// <summary>ln(1 + x), exact near 0.</summary>
    public static Tensor LogOnePlus(this Tensor x) => Elementwise.Unary<LogOnePlusFunction>(x, "LogOnePlus", static (x, y, dy) => dy / (x + 1.0));

    /// <summary>The error function 2/√π ∫₀ˣ e^(-t²) dt.</summary>
    public static Tensor Erf(this Tensor x) => Elementwise.Unary<ErfFunction>(x, "Erf", static (x, y, dy) => dy * ((x * -x).Exp() * TwoOverSqrtPi));

    private const double TwoOverSqrtPi = 1.1283791670955126;

    private readonly struct AbsoluteFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Abs(x);
    }

    private readonly struct SignFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => x > T.Zero ? T.One : x < T.Zero ? -T.One : T.IsNaN(x) ? x : T.Zero;
    }

    private readonly struct ExpMinusOneFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.ExpMinusOne(double.CreateTruncating(x)));
    }

    private readonly struct LogOnePlusFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.LogOnePlus(double.CreateTruncating(x)));
    }

    private readonly struct ErfFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.CreateTruncating(SpecialFunctions.Erf(double.CreateTruncating(x)));
    }

    private readonly struct ExpFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Exp(x);
    }

    private readonly struct LogFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Log(x);
    }

    private readonly struct SqrtFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Sqrt(x);
    }

    private readonly struct RsqrtFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.One / T.Sqrt(x);
    }

    private readonly struct SquareFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => x * x;
    }

    private readonly struct TanhFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Tanh(x);
    }

    private readonly struct SigmoidFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T>
        {
            // e^-|x| cannot overflow.
            T e = T.Exp(-T.Abs(x));
            return x >= T.Zero ? T.One / (T.One + e) : e / (T.One + e);
        }
    }

    private readonly struct SinFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Sin(x);
    }

    private readonly struct CosFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Cos(x);
    }
}

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

    /// <summary>1 / (1 + e^-x).</summary>
    public static Tensor Sigmoid(this Tensor x) => Elementwise.Unary<SigmoidFunction>(x, "Sigmoid", static (x, y, dy) => dy * (y * (1.0 - y)));

    /// <summary>2^x.</summary>
    public static Tensor Exp2(this Tensor x) => Elementwise.Unary<Exp2Function>(x, "Exp2", static (x, y, dy) => dy * (y * LogTwo));

    /// <summary>The logarithm to base 2.</summary>
    public static Tensor Log2(this Tensor x) => Elementwise.Unary<Log2Function>(x, "Log2", static (x, y, dy) => dy / (x * LogTwo));

    /// <summary>The logarithm to base 10.</summary>
    public static Tensor Log10(this Tensor x) => Elementwise.Unary<Log10Function>(x, "Log10", static (x, y, dy) => dy / (x * LogTen));

    /// <summary>1 / x.</summary>
    public static Tensor Reciprocal(this Tensor x) => 1.0 / x;

    /// <summary>-x.</summary>
    public static Tensor Negate(this Tensor x) => -x;

    /// <summary>|x|; the derivative at 0 is 0.</summary>
    public static Tensor Absolute(this Tensor x) => Elementwise.Unary<AbsoluteFunction>(x, "Absolute", static (x, y, dy) => dy * x.Sign());

    /// <summary>1, 0 or -1, by the sign of x; NaN stays NaN. The derivative is 0.</summary>
    public static Tensor Sign(this Tensor x) => Elementwise.Unary<SignFunction>(x, "Sign", null);

    /// <summary>e^x - 1, exact near 0.</summary>
    public static Tensor ExpMinusOne(this Tensor x) => Elementwise.Unary<ExpMinusOneFunction>(x, "ExpMinusOne", static (x, y, dy) => dy * (y + 1.0));

    /// <summary>ln(1 + x), exact near 0.</summary>
    public static Tensor LogOnePlus(this Tensor x) => Elementwise.Unary<LogOnePlusFunction>(x, "LogOnePlus", static (x, y, dy) => dy / (x + 1.0));

    private const double LogTwo = 0.6931471805599453, LogTen = 2.302585092994046;

    private readonly struct Exp2Function : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Exp2(x);
    }

    private readonly struct Log2Function : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Log2(x);
    }

    private readonly struct Log10Function : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Log10(x);
    }

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

    private readonly struct SigmoidFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T>
        {
            // e^-|x| cannot overflow.
            T e = T.Exp(-T.Abs(x));
            return x >= T.Zero ? T.One / (T.One + e) : e / (T.One + e);
        }
    }
}

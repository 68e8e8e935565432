using System.Numerics;

namespace Weft.Tensors;

/// <summary>Circular and hyperbolic functions and their inverses, element by element.</summary>
public static class Trigonometry
{
    /// <summary>The sine of an angle in radians.</summary>
    public static Tensor Sin(this Tensor x) => Elementwise.Unary<SinFunction>(x, "Sin", static (x, y, dy) => dy * x.Cos());

    /// <summary>The cosine of an angle in radians.</summary>
    public static Tensor Cos(this Tensor x) => Elementwise.Unary<CosFunction>(x, "Cos", static (x, y, dy) => -(dy * x.Sin()));

    /// <summary>The tangent of an angle in radians.</summary>
    public static Tensor Tan(this Tensor x) => Elementwise.Unary<TanFunction>(x, "Tan", static (x, y, dy) => dy * (y * y + 1.0));

    /// <summary>The angle in [-π/2, π/2] with a sine; NaN outside [-1, 1].</summary>
    public static Tensor Asin(this Tensor x) => Elementwise.Unary<AsinFunction>(x, "Asin", static (x, y, dy) => dy * (1.0 - x * x).Rsqrt());

    /// <summary>The angle in [0, π] with a cosine; NaN outside [-1, 1].</summary>
    public static Tensor Acos(this Tensor x) => Elementwise.Unary<AcosFunction>(x, "Acos", static (x, y, dy) => -(dy * (1.0 - x * x).Rsqrt()));

    /// <summary>The angle in (-π/2, π/2) with a tangent.</summary>
    public static Tensor Atan(this Tensor x) => Elementwise.Unary<AtanFunction>(x, "Atan", static (x, y, dy) => dy / (x * x + 1.0));

    /// <summary>The hyperbolic sine.</summary>
    public static Tensor Sinh(this Tensor x) => Elementwise.Unary<SinhFunction>(x, "Sinh", static (x, y, dy) => dy * x.Cosh());

    /// <summary>The hyperbolic cosine.</summary>
    public static Tensor Cosh(this Tensor x) => Elementwise.Unary<CoshFunction>(x, "Cosh", static (x, y, dy) => dy * x.Sinh());

    /// <summary>The hyperbolic tangent.</summary>
    public static Tensor Tanh(this Tensor x) => Elementwise.Unary<TanhFunction>(x, "Tanh", static (x, y, dy) => dy * (1.0 - y * y));

    /// <summary>The inverse of the hyperbolic sine.</summary>
    public static Tensor Asinh(this Tensor x) => Elementwise.Unary<AsinhFunction>(x, "Asinh", static (x, y, dy) => dy * (x * x + 1.0).Rsqrt());

    /// <summary>The inverse of the hyperbolic cosine; NaN below 1.</summary>
    public static Tensor Acosh(this Tensor x) => Elementwise.Unary<AcoshFunction>(x, "Acosh", static (x, y, dy) => dy * (x * x - 1.0).Rsqrt());

    /// <summary>The inverse of the hyperbolic tangent; NaN outside [-1, 1].</summary>
    public static Tensor Atanh(this Tensor x) => Elementwise.Unary<AtanhFunction>(x, "Atanh", static (x, y, dy) => dy / (1.0 - x * x));

    /// <summary>The angle of the point (x, y) in (-π, π]. Shapes: y and x broadcast.</summary>
    public static Tensor Atan2(this Tensor y, Tensor x) => Elementwise.Binary<Atan2Function>(y, x, "Atan2",
        static (y, x, angle, d) => d * x / (x * x + y * y), static (y, x, angle, d) => -(d * y / (x * x + y * y)));

    /// <summary>sqrt(a² + b²) without overflow. Shapes: a and b broadcast.</summary>
    public static Tensor Hypotenuse(this Tensor a, Tensor b) => Elementwise.Binary<HypotenuseFunction>(a, b, "Hypotenuse",
        static (a, b, y, dy) => dy * (a / y), static (a, b, y, dy) => dy * (b / y));

    private readonly struct SinFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Sin(x);
    }

    private readonly struct CosFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Cos(x);
    }

    private readonly struct TanFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Tan(x);
    }

    private readonly struct AsinFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Asin(x);
    }

    private readonly struct AcosFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Acos(x);
    }

    private readonly struct AtanFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Atan(x);
    }

    private readonly struct SinhFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Sinh(x);
    }

    private readonly struct CoshFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Cosh(x);
    }

    private readonly struct TanhFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Tanh(x);
    }

    private readonly struct AsinhFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Asinh(x);
    }

    private readonly struct AcoshFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Acosh(x);
    }

    private readonly struct AtanhFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Atanh(x);
    }

    private readonly struct Atan2Function : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.Atan2(a, b);
    }

    private readonly struct HypotenuseFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.Hypot(a, b);
    }
}

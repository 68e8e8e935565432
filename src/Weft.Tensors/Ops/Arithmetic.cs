using System.Numerics;

namespace Weft.Tensors;

/// <summary>Sums, products, powers and comparisons of tensors, with broadcasting.</summary>
/// <remarks>Shapes: a and b broadcast to y. Both operands have one element type.</remarks>
public static class Arithmetic
{
    extension(Tensor)
    {
        /// <summary>a + b.</summary>
        public static Tensor operator +(Tensor a, Tensor b) =>
            Elementwise.Binary<Add>(a, b, "Add", static (a, b, y, dy) => dy, static (a, b, y, dy) => dy);

        /// <summary>a - b.</summary>
        public static Tensor operator -(Tensor a, Tensor b) =>
            Elementwise.Binary<Subtract>(a, b, "Subtract", static (a, b, y, dy) => dy, static (a, b, y, dy) => -dy);

        /// <summary>a · b, element by element.</summary>
        public static Tensor operator *(Tensor a, Tensor b) =>
            Elementwise.Binary<Multiply>(a, b, "Multiply", static (a, b, y, dy) => dy * b, static (a, b, y, dy) => dy * a);

        /// <summary>a / b, element by element.</summary>
        public static Tensor operator /(Tensor a, Tensor b) =>
            Elementwise.Binary<Divide>(a, b, "Divide", static (a, b, y, dy) => dy / b, static (a, b, y, dy) => -(dy * a) / (b * b));

        /// <summary>x + constant.</summary>
        public static Tensor operator +(Tensor x, double constant) => Elementwise.WithScalar<Add>(x, constant, "Add", static (x, c, y, dy) => dy);

        /// <summary>constant + x.</summary>
        public static Tensor operator +(double constant, Tensor x) => x + constant;

        /// <summary>x - constant.</summary>
        public static Tensor operator -(Tensor x, double constant) => Elementwise.WithScalar<Subtract>(x, constant, "Subtract", static (x, c, y, dy) => dy);

        /// <summary>constant - x.</summary>
        public static Tensor operator -(double constant, Tensor x) => Elementwise.WithScalar<ReverseSubtract>(x, constant, "Subtract", static (x, c, y, dy) => -dy);

        /// <summary>x · constant.</summary>
        public static Tensor operator *(Tensor x, double constant) => Elementwise.WithScalar<Multiply>(x, constant, "Multiply", static (x, c, y, dy) => dy * c);

        /// <summary>constant · x.</summary>
        public static Tensor operator *(double constant, Tensor x) => x * constant;

        /// <summary>x / constant.</summary>
        public static Tensor operator /(Tensor x, double constant) => Elementwise.WithScalar<Divide>(x, constant, "Divide", static (x, c, y, dy) => dy / c);

        /// <summary>constant / x.</summary>
        public static Tensor operator /(double constant, Tensor x) => Elementwise.WithScalar<ReverseDivide>(x, constant, "Divide", static (x, c, y, dy) => dy * (-c / (x * x)));

        /// <summary>-x.</summary>
        public static Tensor operator -(Tensor x) => x * -1.0;
    }

    /// <summary>x to a constant power. The derivative is c x^(c-1).</summary>
    public static Tensor Pow(this Tensor x, double exponent) =>
        Elementwise.WithScalar<Power>(x, exponent, "Pow", static (x, c, y, dy) => c == 0 ? dy * 0.0 : dy * (x.Pow(c - 1) * c));

    /// <summary>a to the power b, element by element; by IEEE 754 NaN for a negative a and a fractional b.</summary>
    public static Tensor Pow(this Tensor a, Tensor b) => Elementwise.Binary<Power>(a, b, "Pow",
        static (a, b, y, dy) => dy * (b * a.Pow(b - 1.0)).MaskedFill(b.Equal(0), 0),
        static (a, b, y, dy) => dy * (y * a.Log()).MaskedFill(a.Equal(0).LogicalAnd(b.GreaterOrEqual(0)), 0));

    /// <summary>A constant to the power x.</summary>
    public static Tensor PowerOf(this Tensor x, double constant) =>
        Elementwise.WithScalar<ReversePower>(x, constant, "Pow", static (x, c, y, dy) => dy * (y * Math.Log(c)));

    /// <summary>a + weight · (b - a): from a at weight 0 to b at weight 1. Shapes: a and b broadcast.</summary>
    public static Tensor Lerp(this Tensor a, Tensor b, double weight) => Elementwise.Fitting(a, b, nameof(Lerp)) + (b - a) * weight;

    private readonly struct ReversePower : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.Pow(b, a);
    }

    private readonly struct Add : IBinaryFunction
    {
        public static bool IsVectorized => true;

        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a + b;

        public static Vector<T> Of<T>(Vector<T> a, Vector<T> b) => a + b;
    }

    private readonly struct Subtract : IBinaryFunction
    {
        public static bool IsVectorized => true;

        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a - b;

        public static Vector<T> Of<T>(Vector<T> a, Vector<T> b) => a - b;
    }

    private readonly struct ReverseSubtract : IBinaryFunction
    {
        public static bool IsVectorized => true;

        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => b - a;

        public static Vector<T> Of<T>(Vector<T> a, Vector<T> b) => b - a;
    }

    private readonly struct Multiply : IBinaryFunction
    {
        public static bool IsVectorized => true;

        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a * b;

        public static Vector<T> Of<T>(Vector<T> a, Vector<T> b) => a * b;
    }

    private readonly struct Divide : IBinaryFunction
    {
        public static bool IsVectorized => true;

        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a / b;

        public static Vector<T> Of<T>(Vector<T> a, Vector<T> b) => a / b;
    }

    private readonly struct ReverseDivide : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => b / a;
    }

    private readonly struct Power : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.Pow(a, b);
    }
}

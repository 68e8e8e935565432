using System.Numerics;

namespace Weft.Tensors;

/// <summary>Whole numbers and remainders, element by element. The derivative of a step is 0.</summary>
public static class Rounding
{
    /// <summary>The largest whole number that is not above x.</summary>
    public static Tensor Floor(this Tensor x) => Elementwise.Unary<FloorFunction>(x, "Floor", null);

    /// <summary>The smallest whole number that is not below x.</summary>
    public static Tensor Ceiling(this Tensor x) => Elementwise.Unary<CeilingFunction>(x, "Ceiling", null);

    /// <summary>The nearest whole number; of two, the even one.</summary>
    public static Tensor Round(this Tensor x) => Elementwise.Unary<RoundFunction>(x, "Round", null);

    /// <summary>x without its fraction.</summary>
    public static Tensor Truncate(this Tensor x) => Elementwise.Unary<TruncateFunction>(x, "Truncate", null);

    /// <summary>The fraction of x, with its sign; the derivative is 1.</summary>
    public static Tensor Fraction(this Tensor x) => x - x.Truncate();

    /// <summary>The quotient rounded down. Shapes: a and b broadcast.</summary>
    public static Tensor FloorDivide(this Tensor a, Tensor b) => (Elementwise.Fitting(a, b, nameof(FloorDivide)).Detach() / b.Detach()).Floor();

    /// <summary>The quotient rounded towards 0. Shapes: a and b broadcast.</summary>
    public static Tensor TruncateDivide(this Tensor a, Tensor b) => (Elementwise.Fitting(a, b, nameof(TruncateDivide)).Detach() / b.Detach()).Truncate();

    /// <summary>a - b · truncate(a / b): the remainder with the sign of a. Shapes: a and b broadcast.</summary>
    public static Tensor FMod(this Tensor a, Tensor b) => Elementwise.Binary<FModFunction>(a, b, "FMod",
        static (a, b, y, dy) => dy, static (a, b, y, dy) => -(dy * a.TruncateDivide(b)));

    /// <summary>a - b · floor(a / b): the remainder with the sign of b. Shapes: a and b broadcast.</summary>
    public static Tensor Remainder(this Tensor a, Tensor b) => Elementwise.Binary<RemainderFunction>(a, b, "Remainder",
        static (a, b, y, dy) => dy, static (a, b, y, dy) => -(dy * a.FloorDivide(b)));

    private readonly struct FloorFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Floor(x);
    }

    private readonly struct CeilingFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Ceiling(x);
    }

    private readonly struct RoundFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Round(x, MidpointRounding.ToEven);
    }

    private readonly struct TruncateFunction : IUnaryFunction
    {
        public static T Of<T>(T x) where T : IFloatingPointIeee754<T> => T.Truncate(x);
    }

    private readonly struct FModFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a % b;
    }

    private readonly struct RemainderFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T>
        {
            T r = a % b;
            return r != T.Zero && T.IsNegative(r) != T.IsNegative(b) ? r + b : r;
        }
    }
}

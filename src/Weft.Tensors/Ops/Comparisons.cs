using System.Numerics;

namespace Weft.Tensors;

/// <summary>Masks: where a condition holds. No gradient flows through a mask.</summary>
/// <remarks>Shapes: a and b broadcast to the mask. Comparisons with NaN are false, but for <see cref="NotEqual(Tensor, Tensor)"/>.</remarks>
public static class Comparisons
{
    /// <summary>Where a = b.</summary>
    public static Tensor Equal(this Tensor a, Tensor b) => Elementwise.Compare<IsEqual>(a, b, nameof(Equal));

    /// <summary>Where x = value.</summary>
    public static Tensor Equal(this Tensor x, double value) => x.Equal(Constant(x, value));

    /// <summary>Where a ≠ b.</summary>
    public static Tensor NotEqual(this Tensor a, Tensor b) => Elementwise.Compare<IsNotEqual>(a, b, nameof(NotEqual));

    /// <summary>Where x ≠ value.</summary>
    public static Tensor NotEqual(this Tensor x, double value) => x.NotEqual(Constant(x, value));

    /// <summary>Where a &lt; b.</summary>
    public static Tensor Less(this Tensor a, Tensor b) => Elementwise.Compare<IsLess>(a, b, nameof(Less));

    /// <summary>Where x &lt; value.</summary>
    public static Tensor Less(this Tensor x, double value) => x.Less(Constant(x, value));

    /// <summary>Where a ≤ b.</summary>
    public static Tensor LessOrEqual(this Tensor a, Tensor b) => Elementwise.Compare<IsLessOrEqual>(a, b, nameof(LessOrEqual));

    /// <summary>Where x ≤ value.</summary>
    public static Tensor LessOrEqual(this Tensor x, double value) => x.LessOrEqual(Constant(x, value));

    /// <summary>Where a > b.</summary>
    public static Tensor Greater(this Tensor a, Tensor b) => Elementwise.Compare<IsLess>(b, a, nameof(Greater));

    /// <summary>Where x > value.</summary>
    public static Tensor Greater(this Tensor x, double value) => x.Greater(Constant(x, value));

    /// <summary>Where a ≥ b.</summary>
    public static Tensor GreaterOrEqual(this Tensor a, Tensor b) => Elementwise.Compare<IsLessOrEqual>(b, a, nameof(GreaterOrEqual));

    /// <summary>Where x ≥ value.</summary>
    public static Tensor GreaterOrEqual(this Tensor x, double value) => x.GreaterOrEqual(Constant(x, value));

    /// <summary>Where x is NaN.</summary>
    public static Tensor IsNaN(this Tensor x) => Elementwise.Compare<IsNotEqual>(x, x, nameof(IsNaN));

    /// <summary>Where x is positive or negative infinity.</summary>
    public static Tensor IsInfinity(this Tensor x) => x.Absolute().Equal(double.PositiveInfinity);

    /// <summary>Where x is neither infinite nor NaN.</summary>
    public static Tensor IsFinite(this Tensor x) => x.Absolute().Less(double.PositiveInfinity);

    // ---- Logic ----------------------------------------------------------------------------------------------------------

    /// <summary>Where both masks hold.</summary>
    public static Tensor LogicalAnd(this Tensor a, Tensor b) => Logic(a, b, nameof(LogicalAnd), static (a, b) => a & b);

    /// <summary>Where at least one mask holds.</summary>
    public static Tensor LogicalOr(this Tensor a, Tensor b) => Logic(a, b, nameof(LogicalOr), static (a, b) => a | b);

    /// <summary>Where exactly one mask holds.</summary>
    public static Tensor LogicalXor(this Tensor a, Tensor b) => Logic(a, b, nameof(LogicalXor), static (a, b) => a ^ b);

    /// <summary>Where the mask does not hold.</summary>
    public static Tensor LogicalNot(this Tensor x) => Logic(x, x, nameof(LogicalNot), static (a, _) => !a);

    private static Tensor Logic(Tensor a, Tensor b, string operation, Func<bool, bool, bool> function)
    {
        RequireMask(a, operation);
        RequireMask(b, operation);
        Shape shape = Shape.Broadcast(a.Shape, b.Shape, operation);
        Tensor y = Tensor.Uninitialized(shape, DType.Bool);
        ReadOnlySpan<bool> xa = a.Expand(shape).Contiguous().AsSpan<bool>(), xb = b.Expand(shape).Contiguous().AsSpan<bool>();
        Span<bool> ys = y.AsSpan<bool>();
        for (int i = 0; i < ys.Length; i++) ys[i] = function(xa[i], xb[i]);
        return y;
    }

    internal static void RequireMask(Tensor x, string operation)
    {
        if (x.DType != DType.Bool) throw new ArgumentException($"{operation}: needs a mask (Bool), not {x.DType} {x.Shape}.");
    }

    private static Tensor Constant(Tensor x, double value) => Tensor.Full([], value, x.DType);

    private readonly struct IsEqual : IComparison
    {
        public static bool Of<T>(T a, T b) where T : INumber<T> => a == b;
    }

    private readonly struct IsNotEqual : IComparison
    {
        public static bool Of<T>(T a, T b) where T : INumber<T> => a != b;
    }

    private readonly struct IsLess : IComparison
    {
        public static bool Of<T>(T a, T b) where T : INumber<T> => a < b;
    }

    private readonly struct IsLessOrEqual : IComparison
    {
        public static bool Of<T>(T a, T b) where T : INumber<T> => a <= b;
    }
}

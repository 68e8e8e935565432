using System.Numerics;
using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Choices between values, by a mask or by size, and changes of element type.</summary>
public static class Selections
{
    /// <summary>condition ? a : b, element by element.</summary>
    /// <remarks>Shapes: condition (Bool), a and b broadcast to the result. The gradient goes to the side that was taken.</remarks>
    public static Tensor Where(this Tensor condition, Tensor a, Tensor b)
    {
        Comparisons.RequireMask(condition, nameof(Where));
        Elementwise.RequireSameType(a, b, nameof(Where));
        Shape shape = Shape.Broadcast(condition.Shape, Shape.Broadcast(a.Shape, b.Shape, nameof(Where)), nameof(Where));
        Tensor y = Tensor.Uninitialized(shape, a.DType);
        if (y.Count > 0)
        {
            ReadOnlySpan<bool> mask = condition.Expand(shape).Contiguous().AsSpan<bool>();
            switch (a.DType)
            {
                case DType.Float32: WhereKernel<float>(mask, a, b, y); break;
                case DType.Float64: WhereKernel<double>(mask, a, b, y); break;
                case DType.Int32: WhereKernel<int>(mask, a, b, y); break;
                default: WhereKernel<bool>(mask, a, b, y); break;
            }
        }
        if (a.DType.IsFloating() && GradMode.Records(a, b)) WhereNode.Rent().Connect(y, a, b, condition);
        return y;
    }

    /// <summary>x with a value put where the mask holds; no gradient flows there. Shapes: x and mask broadcast to the result.</summary>
    public static Tensor MaskedFill(this Tensor x, Tensor mask, double value) => mask.Where(Tensor.Full([], value, x.DType), x);

    /// <summary>The larger of two, element by element; NaN if either is. Ties split the gradient half and half.</summary>
    public static Tensor Maximum(this Tensor a, Tensor b) => Elementwise.Binary<MaximumFunction>(a, b, nameof(Maximum),
        static (a, b, y, dy) => dy * LargerShare(a, b), static (a, b, y, dy) => dy * LargerShare(b, a));

    /// <summary>The larger of x and a constant.</summary>
    public static Tensor Maximum(this Tensor x, double value) => x.Maximum(Tensor.Full([], value, x.DType));

    /// <summary>The smaller of two, element by element; NaN if either is. Ties split the gradient half and half.</summary>
    public static Tensor Minimum(this Tensor a, Tensor b) => Elementwise.Binary<MinimumFunction>(a, b, nameof(Minimum),
        static (a, b, y, dy) => dy * LargerShare(b, a), static (a, b, y, dy) => dy * LargerShare(a, b));

    /// <summary>The smaller of x and a constant.</summary>
    public static Tensor Minimum(this Tensor x, double value) => x.Minimum(Tensor.Full([], value, x.DType));

    /// <summary>The larger of two, or the one that is a number. Ties give the gradient to the first.</summary>
    public static Tensor MaximumNumber(this Tensor a, Tensor b) => Elementwise.Binary<MaximumNumberFunction>(a, b, nameof(MaximumNumber),
        static (a, b, y, dy) => dy.MaskedFill(FirstWins(a, b, larger: true).LogicalNot(), 0), static (a, b, y, dy) => dy.MaskedFill(FirstWins(a, b, larger: true), 0));

    /// <summary>The smaller of two, or the one that is a number. Ties give the gradient to the first.</summary>
    public static Tensor MinimumNumber(this Tensor a, Tensor b) => Elementwise.Binary<MinimumNumberFunction>(a, b, nameof(MinimumNumber),
        static (a, b, y, dy) => dy.MaskedFill(FirstWins(a, b, larger: false).LogicalNot(), 0), static (a, b, y, dy) => dy.MaskedFill(FirstWins(a, b, larger: false), 0));

    /// <summary>x limited to [minimum, maximum]; NaN stays NaN. The gradient passes inside and exactly at the bounds.</summary>
    public static Tensor Clamp(this Tensor x, double minimum = double.NegativeInfinity, double maximum = double.PositiveInfinity)
    {
        Elementwise.RequireFloating(x, nameof(Clamp));
        Tensor y = x;
        if (minimum != double.NegativeInfinity) y = y.MaskedFill(x.Less(minimum), minimum);
        if (maximum != double.PositiveInfinity) y = y.MaskedFill(x.Greater(maximum), maximum);
        return y;
    }

    /// <summary>x without NaN and infinities. By default the infinities become the largest finite values of the type.</summary>
    public static Tensor ReplaceNonFinite(this Tensor x, double nan = 0, double? positiveInfinity = null, double? negativeInfinity = null)
    {
        double largest = x.DType == DType.Float32 ? float.MaxValue : double.MaxValue;
        return x.MaskedFill(x.IsNaN(), nan)
            .MaskedFill(x.Equal(double.PositiveInfinity), positiveInfinity ?? largest)
            .MaskedFill(x.Equal(double.NegativeInfinity), negativeInfinity ?? -largest);
    }

    /// <summary>The same values in another element type. Real numbers are cut towards zero for Int32, and Bool is "not zero".</summary>
    public static Tensor To(this Tensor x, DType dtype)
    {
        if (x.DType == dtype) return x;
        Tensor source = x.Detach().Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape, dtype);
        switch (x.DType)
        {
            case DType.Float32: Convert<float>(source, y); break;
            case DType.Float64: Convert<double>(source, y); break;
            case DType.Int32: Convert<int>(source, y); break;
            default:
                ReadOnlySpan<bool> mask = source.AsSpan<bool>();
                Tensor integers = Tensor.Uninitialized(x.Shape, DType.Int32);
                Span<int> values = integers.AsSpan<int>();
                for (int i = 0; i < values.Length; i++) values[i] = mask[i] ? 1 : 0;
                return integers.To(dtype);
        }
        if (dtype.IsFloating() && x.DType.IsFloating() && GradMode.Records(x)) ConvertNode.Rent().Connect(y, x);
        return y;
    }

    private static void Convert<T>(Tensor x, Tensor y) where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> source = x.AsSpan<T>();
        switch (y.DType)
        {
            case DType.Float32: Span<float> f = y.AsSpan<float>(); for (int i = 0; i < source.Length; i++) f[i] = float.CreateTruncating(source[i]); break;
            case DType.Float64: Span<double> d = y.AsSpan<double>(); for (int i = 0; i < source.Length; i++) d[i] = double.CreateTruncating(source[i]); break;
            case DType.Int32: Span<int> n = y.AsSpan<int>(); for (int i = 0; i < source.Length; i++) n[i] = int.CreateTruncating(source[i]); break;
            default: Span<bool> b = y.AsSpan<bool>(); for (int i = 0; i < source.Length; i++) b[i] = source[i] != T.Zero; break;
        }
    }

    private static void WhereKernel<T>(ReadOnlySpan<bool> mask, Tensor a, Tensor b, Tensor y) where T : unmanaged
    {
        Span<T> ys = y.AsSpan<T>();
        ReadOnlySpan<T> xa = a.RawSpan<T>(), xb = b.RawSpan<T>();
        StridedLoop loop = new(y.Shape, y.Strides, Elementwise.BroadcastStrides(a, y.Shape), Elementwise.BroadcastStrides(b, y.Shape));
        do
        {
            int ia = loop.Offset1, ib = loop.Offset2;
            for (int i = loop.Offset0; i < loop.Offset0 + loop.Length; i++, ia += loop.Stride1, ib += loop.Stride2) ys[i] = mask[i] ? xa[ia] : xb[ib];
        }
        while (loop.Next());
    }

    private static Tensor LargerShare(Tensor a, Tensor b) => Elementwise.Binary<LargerShareFunction>(a, b, "Maximum", null, null);

    private static Tensor FirstWins(Tensor a, Tensor b, bool larger) => (larger ? a.GreaterOrEqual(b) : a.LessOrEqual(b)).LogicalOr(b.IsNaN());

    // y = c ? a : b   =>   da = c ? dy : 0,   db = c ? 0 : dy
    private sealed class WhereNode : Node<WhereNode>
    {
        internal override string Operation => "Where";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor a = Input(0), b = Input(1), condition = Input(2), zero = Tensor.Zeros([], dy.DType);
            if (pass.Needs(a)) pass.Add(a, condition.Where(dy, zero).SumTo(a.Shape));
            if (pass.Needs(b)) pass.Add(b, condition.Where(zero, dy).SumTo(b.Shape));
        }
    }

    // y = x in another type   =>   dx = dy in the type of x
    private sealed class ConvertNode : Node<ConvertNode>
    {
        internal override string Operation => "To";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.To(Input(0).DType));
    }

    private readonly struct MaximumFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.Max(a, b);
    }

    private readonly struct MinimumFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.Min(a, b);
    }

    private readonly struct MaximumNumberFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.MaxNumber(a, b);
    }

    private readonly struct MinimumNumberFunction : IBinaryFunction
    {
        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => T.MinNumber(a, b);
    }

    private readonly struct LargerShareFunction : IBinaryFunction
    {
        private static readonly double s_half = 0.5;

        public static T Of<T>(T a, T b) where T : IFloatingPointIeee754<T> => a > b ? T.One : a == b ? T.CreateTruncating(s_half) : T.Zero;
    }
}

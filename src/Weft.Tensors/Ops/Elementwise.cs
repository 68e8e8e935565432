using System.Numerics;
using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>A function of one number, for every floating-point type.</summary>
internal interface IUnaryFunction
{
    /// <summary>The function's value.</summary>
    static abstract T Of<T>(T x) where T : IFloatingPointIeee754<T>;

    /// <summary>A vectorized version for float32; false where there is none.</summary>
    static virtual bool TryRun(ReadOnlySpan<float> x, Span<float> y) => false;
}

/// <summary>A function of two numbers, for every floating-point type.</summary>
internal interface IBinaryFunction
{
    /// <summary>The function's value.</summary>
    static abstract T Of<T>(T a, T b) where T : IFloatingPointIeee754<T>;

    /// <summary>Whether <see cref="Of{T}(Vector{T}, Vector{T})"/> exists.</summary>
    static virtual bool IsVectorized => false;

    /// <summary>The function's value in every lane.</summary>
    static virtual Vector<T> Of<T>(Vector<T> a, Vector<T> b) => default;
}

/// <summary>A condition on two numbers.</summary>
internal interface IComparison
{
    /// <summary>Whether the condition holds.</summary>
    static abstract bool Of<T>(T a, T b) where T : INumber<T>;
}

/// <summary>
/// Applies scalar functions to whole tensors, with broadcasting, and records them. An operation is a function and its
/// derivative; the derivative is written with tensor operations, so it can itself be differentiated.
/// </summary>
internal static class Elementwise
{
    /// <summary>The derivative of a unary function: (x, y, dy) -> dx.</summary>
    internal delegate Tensor UnaryDerivative(Tensor x, Tensor y, Tensor dy);

    /// <summary>The derivative of a function of a tensor and a constant: (x, constant, y, dy) -> dx.</summary>
    internal delegate Tensor ScalarDerivative(Tensor x, double constant, Tensor y, Tensor dy);

    /// <summary>One derivative of a binary function, before it is summed to its operand's shape: (a, b, y, dy) -> da or db.</summary>
    internal delegate Tensor BinaryDerivative(Tensor a, Tensor b, Tensor y, Tensor dy);

    // ---- One operand ----------------------------------------------------------------------------------------------------

    /// <summary>y = f(x). A null derivative means that it is zero everywhere.</summary>
    internal static Tensor Unary<TFunction>(Tensor x, string operation, UnaryDerivative? derivative) where TFunction : IUnaryFunction
    {
        RequireFloating(x, operation);
        Tensor source = x.IsContiguous ? x : x.Detach().Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape, x.DType);
        if (x.DType == DType.Float32) UnaryKernel<float, TFunction>(source.AsSpan<float>(), y.AsSpan<float>());
        else UnaryKernel<double, TFunction>(source.AsSpan<double>(), y.AsSpan<double>());
        if (derivative is null || !GradMode.Records(x)) return y;
        UnaryNode node = UnaryNode.Rent();
        (node.Name, node.Derivative) = (operation, derivative);
        node.Connect(y, x);
        return y;
    }

    /// <summary>y = f(x, constant).</summary>
    internal static Tensor WithScalar<TFunction>(Tensor x, double constant, string operation, ScalarDerivative? derivative) where TFunction : IBinaryFunction
    {
        RequireFloating(x, operation);
        Tensor source = x.IsContiguous ? x : x.Detach().Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape, x.DType);
        if (x.DType == DType.Float32) ScalarKernel<float, TFunction>(source.AsSpan<float>(), (float)constant, y.AsSpan<float>());
        else ScalarKernel<double, TFunction>(source.AsSpan<double>(), constant, y.AsSpan<double>());
        if (derivative is null || !GradMode.Records(x)) return y;
        ScalarNode node = ScalarNode.Rent();
        (node.Name, node.Constant, node.Derivative) = (operation, constant, derivative);
        node.Connect(y, x);
        return y;
    }

    // ---- Two operands ---------------------------------------------------------------------------------------------------

    /// <summary>y = f(a, b) with broadcasting. A null derivative means that it is zero everywhere.</summary>
    internal static Tensor Binary<TFunction>(Tensor a, Tensor b, string operation, BinaryDerivative? da, BinaryDerivative? db) where TFunction : IBinaryFunction
    {
        RequireFloating(a, operation);
        RequireSameType(a, b, operation);
        Shape shape = Shape.Broadcast(a.Shape, b.Shape, operation);
        Tensor y = Tensor.Uninitialized(shape, a.DType);
        if (y.Count > 0)
        {
            if (a.DType == DType.Float32) BinaryKernel<float, TFunction>(a, b, y);
            else BinaryKernel<double, TFunction>(a, b, y);
        }
        if ((da is null && db is null) || !GradMode.Records(a, b)) return y;
        BinaryNode node = BinaryNode.Rent();
        (node.Name, node.DerivativeA, node.DerivativeB) = (operation, da, db);
        node.Connect(y, a, b);
        return y;
    }

    /// <summary>A mask of where a condition holds, with broadcasting. Numbers of any one type.</summary>
    internal static Tensor Compare<TComparison>(Tensor a, Tensor b, string operation) where TComparison : IComparison
    {
        RequireSameType(a, b, operation);
        Tensor y = Tensor.Uninitialized(Shape.Broadcast(a.Shape, b.Shape, operation), DType.Bool);
        if (y.Count == 0) return y;
        switch (a.DType)
        {
            case DType.Float32: CompareKernel<float, TComparison>(a, b, y); break;
            case DType.Float64: CompareKernel<double, TComparison>(a, b, y); break;
            case DType.Int32: CompareKernel<int, TComparison>(a, b, y); break;
            default: throw new ArgumentException($"{operation}: Bool values have no order; use the logical operations.");
        }
        return y;
    }

    internal static void RequireFloating(Tensor x, string operation)
    {
        if (!x.DType.IsFloating()) throw new ArgumentException($"{operation}: needs real numbers, not {x.DType} {x.Shape}; call To(DType.Float32).");
    }

    /// <summary>The first operand, after a check that the two have one type (if asked) and shapes that broadcast: for operations made of others, so that a message names them.</summary>
    internal static Tensor Fitting(Tensor a, Tensor b, string operation, bool sameType = true)
    {
        RequireFloating(a, operation);
        if (sameType) RequireSameType(a, b, operation);
        Shape.Broadcast(a.Shape, b.Shape, operation);
        return a;
    }

    internal static void RequireSameType(Tensor a, Tensor b, string operation)
    {
        if (a.DType != b.DType) throw new ArgumentException($"{operation}: element types {a.DType} {a.Shape} and {b.DType} {b.Shape} differ; convert one with To(..).");
    }

    // ---- Kernels --------------------------------------------------------------------------------------------------------

    private static void UnaryKernel<T, TFunction>(ReadOnlySpan<T> x, Span<T> y) where T : unmanaged, IFloatingPointIeee754<T> where TFunction : IUnaryFunction
    {
        if (typeof(T) == typeof(float) && TFunction.TryRun(
            System.Runtime.InteropServices.MemoryMarshal.Cast<T, float>(x), System.Runtime.InteropServices.MemoryMarshal.Cast<T, float>(y))) return;
        for (int i = 0; i < x.Length; i++) y[i] = TFunction.Of(x[i]);
    }

    private static void ScalarKernel<T, TFunction>(ReadOnlySpan<T> x, T constant, Span<T> y) where T : unmanaged, IFloatingPointIeee754<T> where TFunction : IBinaryFunction
    {
        int i = 0;
        if (TFunction.IsVectorized)
        {
            Vector<T> c = new(constant);
            for (; i <= x.Length - Vector<T>.Count; i += Vector<T>.Count) TFunction.Of(new Vector<T>(x[i..]), c).CopyTo(y[i..]);
        }
        for (; i < x.Length; i++) y[i] = TFunction.Of(x[i], constant);
    }

    private static void BinaryKernel<T, TFunction>(Tensor a, Tensor b, Tensor y) where T : unmanaged, IFloatingPointIeee754<T> where TFunction : IBinaryFunction
    {
        if (TFunction.IsVectorized && y.Count > ParallelGrain && a.Shape == y.Shape && a.IsContiguous && b.IsContiguous && b.Count >= SmallestPeriod && Ends(y.Shape, b.Shape))
        {
            FlatBinary<T, TFunction>(a.AsSpan<T>(), b.AsSpan<T>(), y.AsSpan<T>());
            return;
        }
        Span<T> ya = y.AsSpan<T>();
        ReadOnlySpan<T> xa = a.RawSpan<T>(), xb = b.RawSpan<T>();
        StridedLoop loop = new(y.Shape, y.Strides, BroadcastStrides(a, y.Shape), BroadcastStrides(b, y.Shape));
        do
        {
            Span<T> o = ya.Slice(loop.Offset0, loop.Length);
            int sa = loop.Stride1, sb = loop.Stride2, ia = loop.Offset1, ib = loop.Offset2, i = 0;
            if (TFunction.IsVectorized && sa is 0 or 1 && sb is 0 or 1 && (sa | sb) == 1)
            {
                int lanes = Vector<T>.Count;
                Vector<T> va = new(xa[ia]), vb = new(xb[ib]);
                for (; i <= o.Length - lanes; i += lanes)
                {
                    if (sa == 1) va = new Vector<T>(xa[(ia + i)..]);
                    if (sb == 1) vb = new Vector<T>(xb[(ib + i)..]);
                    TFunction.Of(va, vb).CopyTo(o[i..]);
                }
                ia += i * sa;
                ib += i * sb;
            }
            for (; i < o.Length; i++, ia += sa, ib += sb) o[i] = TFunction.Of(xa[ia], xb[ib]);
        }
        while (loop.Next());
    }

    // Elements that pay for a fork: these functions take next to no time, so it is memory that is shared out.
    private const int ParallelGrain = 1 << 15;

    // What is repeated is at least so long, or its ends would take the time.
    private const int SmallestPeriod = 256;

    // Whether a shape's last dimensions are another's: then the other's elements are repeated as they lie.
    private static bool Ends(Shape shape, Shape end)
    {
        for (int d = 1; d <= end.Rank; d++) if (shape[^d] != end[^d]) return false;
        return true;
    }

    private static unsafe void FlatBinary<T, TFunction>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y) where T : unmanaged, IFloatingPointIeee754<T> where TFunction : IBinaryFunction
    {
        fixed (T* pa = a, pb = b, py = y)
        {
            FlatJob<T, TFunction> job = new(pa, pb, b.Length, py);
            Threading.ForkJoin.Run(y.Length, ParallelGrain, ref job);
        }
    }

    // y[i] = f(a[i], b[i % period])
    private readonly unsafe struct FlatJob<T, TFunction>(T* a, T* b, int period, T* y) : Threading.IRangeJob where T : unmanaged, IFloatingPointIeee754<T> where TFunction : IBinaryFunction
    {
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveOptimization)]
        public void Run(int start, int end)
        {
            for (int i = start; i < end;)
            {
                int part = Math.Min(end - i, period - i % period), stop = i + part;
                T* from = b + i % period;
                for (; i <= stop - Vector<T>.Count; i += Vector<T>.Count, from += Vector<T>.Count) Vector.Store(TFunction.Of(Vector.Load(a + i), Vector.Load(from)), y + i);
                for (; i < stop; i++, from++) y[i] = TFunction.Of(a[i], *from);
            }
        }
    }

    private static void CompareKernel<T, TComparison>(Tensor a, Tensor b, Tensor y) where T : unmanaged, INumber<T> where TComparison : IComparison
    {
        Span<bool> ya = y.AsSpan<bool>();
        ReadOnlySpan<T> xa = a.RawSpan<T>(), xb = b.RawSpan<T>();
        StridedLoop loop = new(y.Shape, y.Strides, BroadcastStrides(a, y.Shape), BroadcastStrides(b, y.Shape));
        do
        {
            int ia = loop.Offset1, ib = loop.Offset2;
            for (int i = loop.Offset0; i < loop.Offset0 + loop.Length; i++, ia += loop.Stride1, ib += loop.Stride2) ya[i] = TComparison.Of(xa[ia], xb[ib]);
        }
        while (loop.Next());
    }

    /// <summary>The strides with which a tensor is walked as if it had a larger shape: 0 where it is stretched.</summary>
    internal static Shape BroadcastStrides(Tensor x, Shape shape)
    {
        if (x.Shape == shape) return x.Strides;
        Span<int> strides = stackalloc int[shape.Rank];
        for (int i = 1; i <= x.Rank; i++) strides[^i] = x.Shape[x.Rank - i] == 1 ? 0 : x.Strides[x.Rank - i];
        return Shape.FromStrides(strides);
    }

    // ---- Nodes ----------------------------------------------------------------------------------------------------------

    private sealed class UnaryNode : Node<UnaryNode>
    {
        internal string Name = "";
        internal UnaryDerivative Derivative = null!;

        internal override string Operation => Name;

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Derivative(Input(0), Output, dy));
    }

    private sealed class ScalarNode : Node<ScalarNode>
    {
        internal string Name = "";
        internal double Constant;
        internal ScalarDerivative Derivative = null!;

        internal override string Operation => Name;

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Derivative(Input(0), Constant, Output, dy));
    }

    // y = f(a, b)   =>   da = df/da dy summed to the shape of a, and the same for b
    private sealed class BinaryNode : Node<BinaryNode>
    {
        internal string Name = "";
        internal BinaryDerivative? DerivativeA, DerivativeB;

        internal override string Operation => Name;

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor a = Input(0), b = Input(1);
            if (DerivativeA is not null && pass.Needs(a)) pass.Add(a, DerivativeA(a, b, Output, dy).SumTo(a.Shape));
            if (DerivativeB is not null && pass.Needs(b)) pass.Add(b, DerivativeB(a, b, Output, dy).SumTo(b.Shape));
        }
    }
}

/// <summary>Writes that change a tensor which is not part of a graph.</summary>
public static class InPlace
{
    /// <summary>target += scale · x, for tensors of one shape and type that are not part of a graph.</summary>
    public static void Add(Tensor target, Tensor x, double scale = 1)
    {
        if (target.Shape != x.Shape || target.DType != x.DType) throw new ArgumentException($"InPlace.Add: {x.DType} {x.Shape} onto {target.DType} {target.Shape}.");
        x = x.IsContiguous ? x : x.Detach().Contiguous();
        if (target.DType == DType.Float32) Run(target.AsSpan<float>(), x.AsSpan<float>(), (float)scale);
        else Run(target.AsSpan<double>(), x.AsSpan<double>(), scale);
    }

    /// <summary>x *= factor, for a tensor that is not part of a graph.</summary>
    public static void Scale(Tensor x, double factor)
    {
        if (x.DType == DType.Float32) System.Numerics.Tensors.TensorPrimitives.Multiply(x.AsSpan<float>(), (float)factor, x.AsSpan<float>());
        else System.Numerics.Tensors.TensorPrimitives.Multiply(x.AsSpan<double>(), factor, x.AsSpan<double>());
    }

    private static void Run<T>(Span<T> target, ReadOnlySpan<T> x, T scale) where T : unmanaged, INumber<T>
    {
        int i = 0;
        Vector<T> s = new(scale);
        for (; i <= target.Length - Vector<T>.Count; i += Vector<T>.Count)
            (new Vector<T>(target[i..]) + new Vector<T>(x[i..]) * s).CopyTo(target[i..]);
        for (; i < target.Length; i++) target[i] += x[i] * scale;
    }
}

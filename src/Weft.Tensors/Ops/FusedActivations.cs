using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of the activations that models run on: one pass forward, one pass backward, vectorized.</summary>
internal static class FusedActivations
{
    /// <summary>y = f(x) by a kernel; second derivatives come from the composition.</summary>
    internal static Tensor Run<TFunction>(Tensor x, string operation, Func<Tensor, Tensor> composition) where TFunction : IVectorFunction
    {
        x = x.Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape);
        ActivationKernels.Forward<TFunction>(x.AsSpan<float>(), y.AsSpan<float>());
        if (!GradMode.Records(x)) return y;
        ActivationNode<TFunction> node = ActivationNode<TFunction>.Rent();
        (node.Name, node.Plain) = (operation, composition);
        node.Connect(y, x);
        return y;
    }

    /// <summary>y = f(x Wᵀ + b): the product's pieces are finished while they are in the cache.</summary>
    internal static unsafe Tensor Linear(Tensor x, Tensor weight, Tensor? bias, Activation activation, bool records)
    {
        Tensor y = Tensor.Uninitialized(x.Shape.With(x.Rank - 1, weight.Shape[0]));
        Tensor? slope = records ? Tensor.Uninitialized(y.Shape) : null;
        Tensor rows = Products.Rows(x), result = Products.Rows(y);
        fixed (float* ps = slope is null ? [] : slope.AsSpan<float>())
        {
            delegate*<float*, float*, int, void> finish = activation switch
            {
                Activation.Relu => Finish<ActivationKernels.Relu>(slope),
                Activation.Gelu => Finish<ActivationKernels.Gelu>(slope),
                Activation.GeluTanh => Finish<ActivationKernels.GeluTanh>(slope),
                _ => Finish<ActivationKernels.Silu>(slope),
            };
            Products.Multiply(rows, weight.Detach().Transpose(), result, accumulate: false, bias, new ProductEnd(finish, ps));
        }
        MemoryScope.ReleaseEarly(rows);
        MemoryScope.ReleaseEarly(result);
        if (slope is null) return y;
        LinearActivationNode node = LinearActivationNode.Rent();
        (node.Slope, node.Activation, node.Precision) = (slope, activation, ProductPrecision.Current);
        node.Connect(y, x, weight, bias);
        return y;
    }

    // Derivatives are read in the backward pass. So many of them would not be in a cache any more.
    private static unsafe delegate*<float*, float*, int, void> Finish<TFunction>(Tensor? slope) where TFunction : ISlopedFunction =>
        slope is { Count: >= 1 << 20 } ? &ActivationKernels.FinishPastCaches<TFunction> : &ActivationKernels.Finish<TFunction>;

    /// <summary>f'(a) where x = f(a) is what a map ended with and nothing else in the pass uses x: whoever computes its gradient multiplies it. Else null.</summary>
    internal static Tensor? TakeSlope(Tensor x, BackwardPass pass) => x.Producer is LinearActivationNode node && pass.IsOnlyUse(x) ? node.TakeSlope() : null;

    /// <summary>silu(a) · b for the halves a and b of the last dimension.</summary>
    internal static Tensor SwiGlu(Tensor x, Func<Tensor, Tensor> composition)
    {
        x = x.Contiguous();
        int width = x.Shape[^1] / 2;
        Tensor y = Tensor.Uninitialized(x.Shape.With(x.Rank - 1, width));
        GateKernels.Forward(x.AsSpan<float>(), y.AsSpan<float>(), width);
        if (!GradMode.Records(x)) return y;
        SwiGluNode node = SwiGluNode.Rent();
        node.Plain = composition;
        node.Connect(y, x);
        return y;
    }

    // y = f(x)   =>   dx = f'(x) dy
    private sealed class ActivationNode<TFunction> : Node<ActivationNode<TFunction>> where TFunction : IVectorFunction
    {
        internal string Name = "";
        internal Func<Tensor, Tensor> Plain = null!;

        internal override string Operation => Name;

        internal override Tensor Composition() => Plain(Input(0));

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0), dx = pass.Target(x, out bool accumulate);
            ActivationKernels.Backward<TFunction>(x.AsSpan<float>(), dy.Contiguous().AsSpan<float>(), dx.AsSpan<float>(), accumulate);
        }
    }

    // y = silu(a) b   =>   da = silu'(a) b dy,   db = silu(a) dy
    private sealed class SwiGluNode : Node<SwiGluNode>
    {
        internal Func<Tensor, Tensor> Plain = null!;

        internal override string Operation => "SwiGlu";

        internal override Tensor Composition() => Plain(Input(0));

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0), dx = pass.Target(x, out bool accumulate);
            GateKernels.Backward(x.AsSpan<float>(), dy.Contiguous().AsSpan<float>(), dx.AsSpan<float>(), accumulate, dy.Shape[^1]);
        }
    }

    // y = f(a), a = x Wᵀ + b   =>   da = f'(a) dy, and with it the map's own
    private sealed class LinearActivationNode : Node<LinearActivationNode>
    {
        private bool _slopeTaken;
        internal Tensor Slope = null!;
        internal Activation Activation;
        internal Precision Precision;

        internal override string Operation => "LinearActivation";

        internal override Tensor Composition()
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            Tensor a = Input(0).MatMul(Input(1).Transpose());
            return (Input(2) is { } bias ? a + bias : a).Apply(Activation);
        }

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            Tensor da = _slopeTaken ? dy.Contiguous() : dy * Slope;
            Products.LinearBackward(Input(0), Input(1), Input(2), da, pass);
            if (!_slopeTaken) MemoryScope.ReleaseEarly(da);
            _slopeTaken = false;
        }

        internal Tensor TakeSlope()
        {
            _slopeTaken = true;
            return Slope;
        }

        protected override void Clear() => (Slope, _slopeTaken) = (null!, false);
    }
}

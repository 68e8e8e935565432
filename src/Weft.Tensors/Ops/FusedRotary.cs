using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of rotary positions: one pass, no halves cut out and joined.</summary>
internal static unsafe class FusedRotary
{
    internal static Tensor Run(Tensor x, Tensor cos, Tensor sin, bool inverse)
    {
        if (x.Strides[3] != 1) x = x.Contiguous();
        (cos, sin) = (cos.Contiguous(), sin.Contiguous());
        Tensor y = Tensor.Uninitialized(x.Shape);
        int half = x.Shape[3] / 2, tableBatch = cos.Rank == 3 ? cos.Shape[1] * half : 0;
        fixed (float* px = x.RawSpan<float>(), pc = cos.RawSpan<float>(), ps = sin.RawSpan<float>(), py = y.RawSpan<float>())
            RotaryKernels.Run(px, x.Strides[0], x.Strides[1], x.Strides[2], pc, ps, tableBatch, half, py, x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], inverse);
        if (!GradMode.Records(x)) return y;
        RotaryNode node = RotaryNode.Rent();
        node.Inverse = inverse;
        node.Connect(y, x, cos, sin);
        return y;
    }

    // y = R x, a rotation   =>   dx = Rᵀ dy, the rotation back
    private sealed class RotaryNode : Node<RotaryNode>
    {
        internal bool Inverse;

        internal override string Operation => "Rotary";

        internal override Tensor Composition() => CausalAttentionOps.RotaryComposition(Input(0), Input(1), Inverse ? -Input(2) : Input(2));

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Run(dy, Input(1), Input(2), !Inverse));
    }
}

using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of convolutions: one node each, without columns for the whole batch.</summary>
internal static class FusedConvolution
{
    internal static Tensor Run(Tensor x, Tensor weight, Tensor? bias, Shape shape, int groups, in WindowGeometry geometry)
    {
        (x, weight) = (x.Contiguous(), weight.Contiguous());
        Tensor y = Tensor.Uninitialized(shape);
        ConvolutionKernels.Sizes sizes = new(x.Shape[0], x.Shape[1], shape[1], groups, geometry);
        ConvolutionKernels.Forward(sizes, x.AsSpan<float>(), weight.AsSpan<float>(), bias is null ? [] : bias.Contiguous().AsSpan<float>(), y.AsSpan<float>(), accumulate: false);
        if (GradMode.Records(x, weight, bias)) Connect(y, x, weight, bias, sizes, transposed: false);
        return y;
    }

    internal static Tensor RunTransposed(Tensor x, Tensor weight, Tensor? bias, Shape shape, int groups, in WindowGeometry geometry)
    {
        (x, weight) = (x.Contiguous(), weight.Contiguous());
        Tensor y = Tensor.Uninitialized(shape);
        ConvolutionKernels.Sizes sizes = new(x.Shape[0], shape[1], x.Shape[1], groups, geometry);
        ConvolutionKernels.ImageGradient(sizes, x.AsSpan<float>(), weight.AsSpan<float>(), bias is null ? [] : bias.Contiguous().AsSpan<float>(), y.AsSpan<float>(), accumulate: false);
        if (GradMode.Records(x, weight, bias)) Connect(y, x, weight, bias, sizes, transposed: true);
        return y;
    }

    private static void Connect(Tensor y, Tensor x, Tensor weight, Tensor? bias, in ConvolutionKernels.Sizes sizes, bool transposed)
    {
        ConvolutionNode node = ConvolutionNode.Rent();
        (node.Sizes, node.Transposed) = (sizes, transposed);
        node.Connect(y, x, weight, bias);
    }

    // y = W * x + b   =>   dx = Wᵀ * dy,   dW = sum over images and positions of dy times what the window saw,   db = sum of dy.
    // The transposed convolution exchanges the parts of x and y: it is the convolution's dx.
    private sealed class ConvolutionNode : Node<ConvolutionNode>
    {
        internal ConvolutionKernels.Sizes Sizes;
        internal bool Transposed;

        internal override string Operation => Transposed ? "ConvolutionTransposed" : "Convolution";

        internal override Tensor Composition() => Transposed
            ? Convolutions.TransposedComposition(Input(0), Input(1), Input(2), Output.Shape, Sizes.Groups, Sizes.Geometry)
            : Convolutions.Composition(Input(0), Input(1), Input(2), Output.Shape, Sizes.Groups, Sizes.Geometry);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0), weight = Input(1);
            dy = dy.Contiguous();
            ReadOnlySpan<float> xs = x.AsSpan<float>(), dys = dy.AsSpan<float>();
            if (pass.Needs(weight))
            {
                Tensor dw = pass.Target(weight, out bool accumulate);
                int parts = ConvolutionKernels.WeightParts(Sizes);
                Tensor partial = parts == 1 ? dw : Tensor.Uninitialized([parts, weight.Count]);
                ConvolutionKernels.WeightGradient(Sizes, Transposed ? dys : xs, Transposed ? xs : dys, partial.AsSpan<float>(), parts, accumulate && parts == 1);
                if (parts > 1)
                {
                    ColumnSumKernels.Run(partial.AsSpan<float>(), parts, weight.Count, dw.AsSpan<float>(), accumulate);
                    MemoryScope.ReleaseEarly(partial);
                }
            }
            if (Input(2) is { } bias && pass.Needs(bias))
            {
                Tensor db = pass.Target(bias, out bool accumulate);
                ConvolutionKernels.ChannelSums(dys, db.AsSpan<float>(), dy.Shape[0], dy.Count / Math.Max(1, dy.Shape[0] * dy.Shape[1]), accumulate);
            }
            if (!pass.Needs(x)) return;
            Tensor dx = pass.Target(x, out bool adds);
            if (Transposed) ConvolutionKernels.Forward(Sizes, dys, weight.AsSpan<float>(), [], dx.AsSpan<float>(), adds);
            else ConvolutionKernels.ImageGradient(Sizes, dys, weight.AsSpan<float>(), [], dx.AsSpan<float>(), adds);
        }
    }
}

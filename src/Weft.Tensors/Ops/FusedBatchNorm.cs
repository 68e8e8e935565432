using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of batch normalisation.</summary>
internal static class FusedBatchNorm
{
    /// <summary>Normalises by the batch. Also gives the batch's mean and biased variance, [C] each.</summary>
    internal static (Tensor Y, Tensor Mean, Tensor Variance) Run(Tensor x, Tensor? weight, Tensor? bias, double epsilon)
    {
        (x, weight, bias) = (x.Contiguous(), weight?.Contiguous(), bias?.Contiguous());
        int C = x.Shape[1];
        Tensor y = Tensor.Uninitialized(x.Shape), mean = Tensor.Uninitialized([C]), variance = Tensor.Uninitialized([C]);
        Forward(x, weight, bias, y, mean, variance, epsilon, training: true);
        if (!GradMode.Records(x, weight, bias)) return (y, mean, variance);
        BatchNormNode node = BatchNormNode.Rent();
        (node.Mean, node.Variance, node.Epsilon) = (mean, variance, epsilon);
        node.Connect(y, x, weight, bias);
        return (y, mean, variance);
    }

    /// <summary>Normalises by given statistics. Nothing is recorded.</summary>
    internal static Tensor Fixed(Tensor x, Tensor mean, Tensor variance, Tensor? weight, Tensor? bias, double epsilon)
    {
        Tensor y = Tensor.Uninitialized(x.Shape);
        Forward(x.Contiguous(), weight?.Contiguous(), bias?.Contiguous(), y, mean.Contiguous(), variance.Contiguous(), epsilon, training: false);
        return y;
    }

    private static void Forward(Tensor x, Tensor? weight, Tensor? bias, Tensor y, Tensor mean, Tensor variance, double epsilon, bool training)
    {
        if (x.Count == 0) return;
        BatchNormKernels.Forward(x.AsSpan<float>(), weight is null ? [] : weight.AsSpan<float>(), bias is null ? [] : bias.AsSpan<float>(), y.AsSpan<float>(), mean.AsSpan<float>(), variance.AsSpan<float>(),
            x.Shape[0], x.Count / (x.Shape[0] * x.Shape[1]), (float)epsilon, training);
    }

    // x̂ = (x - mean) rstd over M values   =>   db = Σ dy,   dg = Σ dy x̂,   dx = g rstd (dy - db / M - x̂ dg / M)
    private sealed class BatchNormNode : Node<BatchNormNode>
    {
        internal Tensor Mean = null!, Variance = null!;
        internal double Epsilon;

        internal override string Operation => "BatchNorm";

        internal override Tensor Composition() => Normalizations.BatchNormComposition(Input(0), Input(1), Input(2), Epsilon);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0), sums = Tensor.Uninitialized([2, Mean.Count]);
            Tensor? weight = Input(1), bias = Input(2);
            bool accumulate = false;
            Tensor? dx = pass.Needs(x) ? pass.Target(x, out accumulate) : null;
            Span<float> dg = sums.AsSpan<float>()[..Mean.Count], db = sums.AsSpan<float>()[Mean.Count..];
            BatchNormKernels.Backward(x.AsSpan<float>(), weight is null ? [] : weight.AsSpan<float>(), dy.Contiguous().AsSpan<float>(), Mean.AsSpan<float>(), Variance.AsSpan<float>(), dx is null ? [] : dx.AsSpan<float>(), accumulate,
                dg, db, x.Shape[0], x.Count / (x.Shape[0] * x.Shape[1]), (float)Epsilon);
            if (pass.Needs(weight)) pass.Add(weight!, sums.Select(0, 0));
            if (pass.Needs(bias)) pass.Add(bias!, sums.Select(0, 1));
        }

        protected override void Clear() => Mean = Variance = null!;
    }
}

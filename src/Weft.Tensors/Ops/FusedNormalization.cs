using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of layer and RMS normalisation over the last dimension.</summary>
internal static class FusedNormalization
{
    internal static Tensor Run(Tensor x, Tensor weight, Tensor? bias, double epsilon, bool centered)
    {
        x = x.Contiguous();
        int columns = x.Shape[^1], rows = columns == 0 ? 0 : x.Count / columns;
        Tensor y = Tensor.Uninitialized(x.Shape), mean = Tensor.Uninitialized([rows]), rstd = Tensor.Uninitialized([rows]);
        if (rows > 0)
            NormalizationKernels.Forward(x.AsSpan<float>(), weight.AsSpan<float>(), bias is null ? [] : bias.AsSpan<float>(), y.AsSpan<float>(), mean.AsSpan<float>(), rstd.AsSpan<float>(), columns, (float)epsilon, centered);
        if (!GradMode.Records(x, weight, bias)) return y;
        NormalizationNode node = NormalizationNode.Rent();
        (node.Mean, node.Rstd, node.Epsilon, node.Centered) = (mean, rstd, epsilon, centered);
        node.Connect(y, x, weight, bias);
        return y;
    }

    // x̂ = (x - mean) rstd, h = g dy   =>   dx = rstd (h - mean(h) - x̂ mean(h x̂)),   dg = sum dy x̂,   db = sum dy
    private sealed class NormalizationNode : Node<NormalizationNode>
    {
        internal Tensor Mean = null!, Rstd = null!;
        internal double Epsilon;
        internal bool Centered;

        internal override string Operation => Centered ? "LayerNorm" : "RmsNorm";

        internal override Tensor Composition() =>
            Centered ? Normalizations.LayerNormComposition(Input(0), Input(1), Input(2), Epsilon) : Normalizations.RmsNormComposition(Input(0), Input(1), Epsilon);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor x = Input(0), weight = Input(1);
            Tensor? bias = Input(2);
            int columns = x.Shape[^1], blocks = (Rstd.Count + NormalizationKernels.RowsPerBlock - 1) / NormalizationKernels.RowsPerBlock;
            Tensor partial = Tensor.Uninitialized([blocks, 2, columns]);
            bool accumulate;
            Tensor? before = null, dx = pass.Needs(x) ? pass.TargetOver(x, out before) : null; // most often the residual stream's gradient comes before
            if (x.Count > 0)
                NormalizationKernels.Backward(x.AsSpan<float>(), weight.AsSpan<float>(), dy.Contiguous().AsSpan<float>(), Mean.AsSpan<float>(), Rstd.AsSpan<float>(), dx is null ? [] : dx.AsSpan<float>(), before is null ? [] : before.AsSpan<float>(), partial.AsSpan<float>(), columns, Centered);
            if (dx is not null) BackwardPass.Done(dx, before);
            if (pass.Needs(weight)) NormalizationKernels.SumBlocks(partial.AsSpan<float>(), 0, columns, pass.Target(weight, out accumulate).AsSpan<float>(), accumulate);
            if (bias is not null && pass.Needs(bias)) NormalizationKernels.SumBlocks(partial.AsSpan<float>(), 1, columns, pass.Target(bias, out accumulate).AsSpan<float>(), accumulate);
            MemoryScope.ReleaseEarly(partial);
        }

        protected override void Clear() => Mean = Rstd = null!;
    }
}

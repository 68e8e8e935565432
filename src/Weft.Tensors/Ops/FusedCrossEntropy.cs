using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of the mean cross entropy of class numbers: what language models are trained with.</summary>
internal static class FusedCrossEntropy
{
    internal static Tensor Run(Tensor logits, Tensor targets, int ignoreIndex)
    {
        logits = logits.Contiguous();
        targets = targets.Contiguous();
        int classes = logits.Shape[^1];
        long counted = 0;
        foreach (int target in targets.AsSpan<int>())
        {
            if (target == ignoreIndex) continue;
            if ((uint)target >= (uint)classes) throw new ArgumentOutOfRangeException(nameof(targets), $"CrossEntropy: target {target} is not a class of logits {logits.Shape}.");
            counted++;
        }
        Tensor logSumExp = Tensor.Uninitialized([targets.Count]), losses = Tensor.Uninitialized([targets.Count]), y = Tensor.Uninitialized([]);
        if (targets.Count > 0) CrossEntropyKernels.Forward(logits.AsSpan<float>(), targets.AsSpan<int>(), ignoreIndex, logSumExp.AsSpan<float>(), losses.AsSpan<float>(), classes);
        double sum = 0;
        foreach (float loss in losses.AsSpan<float>()) sum += loss;
        y.AsSpan<float>()[0] = (float)(sum / counted);
        if (!GradMode.Records(logits)) return y;
        CrossEntropyNode node = CrossEntropyNode.Rent();
        (node.LogSumExp, node.IgnoreIndex, node.Counted) = (logSumExp, ignoreIndex, counted);
        node.Connect(y, logits, targets);
        return y;
    }

    // y = mean of lse(x) - x[target]   =>   dx = (softmax(x) - [target]) dy / count, 0 where ignored
    private sealed class CrossEntropyNode : Node<CrossEntropyNode>
    {
        internal Tensor LogSumExp = null!;
        internal int IgnoreIndex;
        internal long Counted;

        internal override string Operation => "CrossEntropy";

        internal override Tensor Composition() => ClassificationLosses.CrossEntropyComposition(Input(0), Input(1), IgnoreIndex);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor logits = Input(0), dx = pass.Target(logits, out bool accumulate);
            float scale = Counted == 0 ? 0 : (float)(dy.Item() / Counted);
            if (logits.Count > 0)
                CrossEntropyKernels.Backward(logits.AsSpan<float>(), Input(1).AsSpan<int>(), IgnoreIndex, LogSumExp.AsSpan<float>(), scale, dx.AsSpan<float>(), accumulate, logits.Shape[^1]);
        }

        protected override void Clear() => LogSumExp = null!;
    }
}

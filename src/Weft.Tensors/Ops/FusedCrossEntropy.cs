using System.Numerics.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of the mean cross entropy of class numbers: what language models are trained with.</summary>
internal static class FusedCrossEntropy
{
    internal static Tensor Run(Tensor logits, Tensor targets, int ignoreIndex, double labelSmoothing = 0)
    {
        logits = logits.Contiguous();
        targets = targets.Contiguous();
        int classes = logits.Shape[^1];
        long counted = Count(targets, ignoreIndex, classes, logits.Shape);
        Tensor logSumExp = Tensor.Uninitialized([targets.Count]), losses = Tensor.Uninitialized([targets.Count]), y = Tensor.Uninitialized([]);
        if (targets.Count > 0) CrossEntropyKernels.Forward(logits.AsSpan<float>(), targets.AsSpan<int>(), ignoreIndex, logSumExp.AsSpan<float>(), losses.AsSpan<float>(), classes);
        y.AsSpan<float>()[0] = Mean(losses, counted, labelSmoothing == 0 ? 0 : labelSmoothing * LeadOfTargets(logits.AsSpan<float>(), targets.AsSpan<int>(), ignoreIndex, classes));
        if (!GradMode.Records(logits)) return y;
        CrossEntropyNode node = CrossEntropyNode.Rent();
        (node.LogSumExp, node.IgnoreIndex, node.Counted, node.LabelSmoothing) = (logSumExp, ignoreIndex, counted, labelSmoothing);
        node.Connect(y, logits, targets);
        return y;
    }

    // With smoothing s the loss of a row is lse(x) - (1 - s) x[target] - s mean(x): the plain one plus s times x[target] - mean(x).
    private static double LeadOfTargets(ReadOnlySpan<float> logits, ReadOnlySpan<int> targets, int ignoreIndex, int classes)
    {
        double sum = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] == ignoreIndex) continue;
            ReadOnlySpan<float> row = logits.Slice(i * classes, classes);
            double total = 0;
            foreach (float value in row) total += value;
            sum += row[targets[i]] - total / classes;
        }
        return sum;
    }

    // The derivative of that part: s (dy / count) on the target, less s (dy / count) / V on every class.
    private static void SmoothGradient(Span<float> dx, ReadOnlySpan<int> targets, int ignoreIndex, float scale, double labelSmoothing, int classes)
    {
        float onTarget = (float)(scale * labelSmoothing), onAll = (float)(scale * labelSmoothing / classes);
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] == ignoreIndex) continue;
            Span<float> row = dx.Slice(i * classes, classes);
            TensorPrimitives.Subtract(row, onAll, row);
            row[targets[i]] += onTarget;
        }
    }

    /// <summary>How many targets count; throws for one that is no class.</summary>
    internal static long Count(Tensor targets, int ignoreIndex, int classes, Shape shape)
    {
        long counted = 0;
        ReadOnlySpan<int> numbers = targets.AsSpan<int>();
        for (int i = 0; i < numbers.Length; i++)
        {
            if (numbers[i] == ignoreIndex) continue;
            if ((uint)numbers[i] >= (uint)classes) throw new ArgumentOutOfRangeException(nameof(targets), $"CrossEntropy: target {numbers[i]} at {Indexing.Place(i, targets.Shape)} is not a class of logits {shape.With(shape.Rank - 1, classes)}.");
            counted++;
        }
        return counted;
    }

    internal static float Mean(Tensor losses, long counted, double added = 0)
    {
        double sum = added;
        foreach (float loss in losses.AsSpan<float>()) sum += loss;
        return (float)(sum / counted);
    }

    // y = mean of lse(x) - x[target]   =>   dx = (softmax(x) - [target]) dy / count, 0 where ignored
    private sealed class CrossEntropyNode : Node<CrossEntropyNode>
    {
        internal Tensor LogSumExp = null!;
        internal int IgnoreIndex;
        internal double LabelSmoothing;
        internal long Counted;

        internal override string Operation => "CrossEntropy";

        internal override Tensor Composition() => ClassificationLosses.CrossEntropyComposition(Input(0), Input(1), IgnoreIndex, LabelSmoothing);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor logits = Input(0), dx = pass.Target(logits, out bool accumulate);
            float scale = Counted == 0 ? 0 : (float)(dy.Item() / Counted);
            if (logits.Count == 0) return;
            CrossEntropyKernels.Backward(logits.AsSpan<float>(), Input(1).AsSpan<int>(), IgnoreIndex, LogSumExp.AsSpan<float>(), scale, dx.AsSpan<float>(), accumulate, logits.Shape[^1]);
            if (LabelSmoothing != 0) SmoothGradient(dx.AsSpan<float>(), Input(1).AsSpan<int>(), IgnoreIndex, scale, LabelSmoothing, logits.Shape[^1]);
        }

        protected override void Clear() => LogSumExp = null!;
    }
}

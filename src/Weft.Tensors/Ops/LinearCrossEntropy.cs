using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The loss of a vocabulary-sized map, without keeping what is as large as tokens times vocabulary.</summary>
public static class LinearCrossEntropyOps
{
    /// <summary>So many logits (64 MiB) are kept for the backward pass; more are computed again, chunk by chunk.</summary>
    public const int KeptLogits = 1 << 24;

    private const int FewestRows = 16;

    /// <summary>The mean of -ln softmax(x Wᵀ)[target], in nats: the same as <c>x.Linear(weight).CrossEntropy(targets)</c>.</summary>
    /// <remarks>
    /// In float32 one node. The gradient with respect to the logits takes the place of the logits themselves. Where logits would
    /// need more than 64 MiB, rows go in chunks of that size: forward keeps only each row's ln sum e^logit, and backward computes
    /// a chunk's logits again (a third more work on this map). Shapes: x [N, C], weight [V, C], targets [N] -> [].
    /// </remarks>
    /// <param name="x">What the map reads.</param>
    /// <param name="weight">The map.</param>
    /// <param name="targets">Int32 class numbers.</param>
    /// <param name="ignoreIndex">A target that does not count.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor LinearCrossEntropy(this Tensor x, Tensor weight, Tensor targets, int ignoreIndex = -100) =>
        LinearCrossEntropy(x, weight, targets, ignoreIndex, KeptLogits);

    internal static Tensor LinearCrossEntropy(Tensor x, Tensor weight, Tensor targets, int ignoreIndex, int keptLogits)
    {
        if (x.Rank != 2 || weight.Rank != 2 || x.Shape[1] != weight.Shape[1]) throw new ArgumentException($"LinearCrossEntropy: x {x.Shape} does not fit weight {weight.Shape}.");
        if (targets.Rank != 1 || targets.Shape[0] != x.Shape[0]) throw new ArgumentException($"LinearCrossEntropy: targets {targets.Shape} for x {x.Shape}.");
        if (x.DType != DType.Float32 || weight.DType != DType.Float32 || targets.DType != DType.Int32 || x.Count == 0 || weight.Count == 0)
            return x.Linear(weight).CrossEntropy(targets, ignoreIndex: ignoreIndex);

        (x, targets) = (x.Contiguous(), targets.Contiguous());
        int N = x.Shape[0], V = weight.Shape[0], chunk = (long)N * V <= keptLogits ? N : Math.Max(FewestRows, keptLogits / V);
        long counted = FusedCrossEntropy.Count(targets, ignoreIndex, V, x.Shape);
        Tensor logSumExp = Tensor.Uninitialized([N]), losses = Tensor.Uninitialized([N]), y = Tensor.Uninitialized([]);
        Tensor? kept = null;
        for (int first = 0; first < N; first += chunk)
        {
            int rows = Math.Min(chunk, N - first);
            Tensor logits = Logits(x, weight, first, rows);                         // [rows, V]
            CrossEntropyKernels.Forward(logits.AsSpan<float>(), targets.AsSpan<int>().Slice(first, rows), ignoreIndex, logSumExp.AsSpan<float>().Slice(first, rows), losses.AsSpan<float>().Slice(first, rows), V);
            if (rows == N) kept = logits;
            else MemoryScope.ReleaseEarly(logits);
        }
        y.AsSpan<float>()[0] = FusedCrossEntropy.Mean(losses, counted);
        MemoryScope.ReleaseEarly(losses);
        if (!GradMode.Records(x, weight)) return y;
        LinearCrossEntropyNode node = LinearCrossEntropyNode.Rent();
        (node.Logits, node.LogSumExp, node.IgnoreIndex, node.Counted, node.Chunk, node.Precision) = (kept, logSumExp, ignoreIndex, counted, chunk, ProductPrecision.Current);
        node.Connect(y, x, weight, targets);
        return y;
    }

    private static Tensor Logits(Tensor x, Tensor weight, int first, int rows)
    {
        Tensor logits = Tensor.Uninitialized([rows, weight.Shape[0]]), part = x.Detach().Narrow(0, first, rows);
        Products.Multiply(part, weight.Detach().Transpose(), logits, accumulate: false);
        MemoryScope.ReleaseEarly(part);
        return logits;
    }

    // y = mean of lse(z) - z[target], z = x Wᵀ   =>   dz = (softmax(z) - [target]) dy / count,   dx = dz W,   dW = dzᵀ x
    private sealed class LinearCrossEntropyNode : Node<LinearCrossEntropyNode>
    {
        internal Tensor? Logits;
        internal Tensor LogSumExp = null!;
        internal int IgnoreIndex, Chunk;
        internal long Counted;
        internal Precision Precision;

        internal override string Operation => "LinearCrossEntropy";

        internal override Tensor Composition()
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            return ClassificationLosses.CrossEntropyComposition(Input(0).Linear(Input(1)), Input(2), IgnoreIndex, labelSmoothing: 0);
        }

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            Tensor x = Input(0), weight = Input(1), targets = Input(2);
            int N = x.Shape[0], V = weight.Shape[0];
            float scale = Counted == 0 ? 0 : (float)(dy.Item() / Counted);
            bool addW = false, addX = false;
            Tensor? dw = pass.Needs(weight) ? pass.Target(weight, out addW) : null, dx = pass.Needs(x) ? pass.Target(x, out addX) : null;
            for (int first = 0; first < N; first += Chunk)
            {
                int rows = Math.Min(Chunk, N - first);
                Tensor logits = Logits ?? LinearCrossEntropyOps.Logits(x, weight, first, rows);
                // In the place of the logits, unless they may be wanted again.
                Tensor dz = Logits is not null && !pass.ReleasesActivations ? Tensor.Uninitialized(logits.Shape) : logits;
                CrossEntropyKernels.Backward(logits.AsSpan<float>(), targets.AsSpan<int>().Slice(first, rows), IgnoreIndex, LogSumExp.AsSpan<float>().Slice(first, rows), scale, dz.AsSpan<float>(), accumulate: false, V);
                if (dw is not null)
                {
                    Tensor across = dz.Transpose(), part = x.Detach().Narrow(0, first, rows);
                    Products.Multiply(across, part, dw, addW || first > 0, gradient: true);
                    MemoryScope.ReleaseEarly(across);
                    MemoryScope.ReleaseEarly(part);
                }
                if (dx is not null)
                {
                    Tensor part = dx.Detach().Narrow(0, first, rows);
                    Products.Multiply(dz, weight.Detach(), part, addX);
                    MemoryScope.ReleaseEarly(part);
                }
                MemoryScope.ReleaseEarly(dz);
            }
            if (pass.ReleasesActivations) Logits = null;
        }

        protected override void Clear() => (Logits, LogSumExp) = (null, null!);
    }
}

using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>Dropout that draws its own mask.</summary>
public static class RandomDropoutOps
{
    /// <summary>x / (1 - probability) with probability 1 - probability, else 0, independently per element (Srivastava et al. 2014).</summary>
    /// <remarks>
    /// Element i is kept if the generator's i-th number from here on says so; the generator moves on by the number of elements,
    /// rounded up to whole blocks of four. The mask is not stored: the backward pass draws it again.
    /// </remarks>
    /// <param name="x">The values.</param>
    /// <param name="probability">The probability of being dropped, in [0, 1).</param>
    /// <param name="generator">Where the numbers come from.</param>
    public static Tensor Dropout(this Tensor x, double probability, RandomGenerator generator)
    {
        if (!(probability is >= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(probability), $"Dropout: probability {probability} must be in [0, 1).");
        if (probability == 0) return x;
        ulong first = (generator.Position + 3) / 4;
        generator.Position = first * 4 + ((ulong)x.Count + 3) / 4 * 4;
        return Apply(x, probability, generator.Seed, generator.StreamNumber, first);
    }

    /// <summary>Dropout with one draw for all elements that differ in the shared dimensions alone: whole channels, rows or examples are silenced.</summary>
    /// <remarks>Shapes: x -> alike. The generator moves on by the number of draws, rounded up to whole blocks of four.</remarks>
    /// <param name="x">The values.</param>
    /// <param name="probability">The probability of being dropped, in [0, 1).</param>
    /// <param name="generator">Where the numbers come from.</param>
    /// <param name="shared">The dimensions along which the draw is the same.</param>
    public static Tensor SharedDropout(this Tensor x, double probability, RandomGenerator generator, params ReadOnlySpan<int> shared)
    {
        if (probability == 0) return x;
        Span<int> sizes = stackalloc int[x.Rank];
        x.Shape.AsSpan().CopyTo(sizes);
        foreach (int d in shared) sizes[x.Shape.Dimension(d, nameof(SharedDropout))] = 1;
        return x * Tensor.Ones(new Shape(sizes), x.DType).Dropout(probability, generator);
    }

    /// <summary>Silences whole channels, whose neighbours in space or time would give the value away (Tompson et al. 2015, arXiv:1411.4280).</summary>
    /// <remarks>Shapes: x [N, C, ..] -> alike, one draw per example and channel.</remarks>
    public static Tensor SpatialDropout(this Tensor x, double probability, RandomGenerator generator)
    {
        if (x.Rank < 3) throw new ArgumentException($"SpatialDropout: {x.Shape} has no dimensions after [N, C].");
        Span<int> shared = stackalloc int[x.Rank - 2];
        for (int d = 2; d < x.Rank; d++) shared[d - 2] = d;
        return x.SharedDropout(probability, generator, shared);
    }

    /// <summary>Silences a whole branch for single examples: stochastic depth (Huang et al. 2016, arXiv:1603.09382).</summary>
    /// <remarks>Shapes: x [N, ..] -> alike, one draw per example. What is kept is divided by 1 - probability, so that nothing is scaled when it is off.</remarks>
    public static Tensor PathDropout(this Tensor x, double probability, RandomGenerator generator)
    {
        Span<int> shared = stackalloc int[Math.Max(0, x.Rank - 1)];
        for (int d = 1; d < x.Rank; d++) shared[d - 1] = d;
        return x.SharedDropout(probability, generator, shared);
    }

    /// <summary>x + noise, each element's uniform in [-magnitude, magnitude). Gradients pass unchanged.</summary>
    /// <remarks>The generator moves on by two numbers for each element.</remarks>
    public static Tensor AddUniformNoise(this Tensor x, double magnitude, RandomGenerator generator) =>
        magnitude == 0 ? x : x + generator.FillUniform(Tensor.Uninitialized(x.Shape, x.DType), -magnitude, magnitude);

    private static Tensor Apply(Tensor x, double probability, ulong seed, uint stream, ulong firstBlock)
    {
        Tensor source = x.Detach().Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape, x.DType);
        if (x.DType == DType.Float32) DropoutKernels.Run(source.AsSpan<float>(), y.AsSpan<float>(), (float)(1 / (1 - probability)), Threshold(probability), seed, stream, firstBlock);
        else Plain(source.AsSpan<double>(), y.AsSpan<double>(), probability, seed, stream, firstBlock);
        if (!GradMode.Records(x)) return y;
        DropoutNode node = DropoutNode.Rent();
        (node.Probability, node.Seed, node.Stream, node.FirstBlock) = (probability, seed, stream, firstBlock);
        node.Connect(y, x);
        return y;
    }

    private static uint Threshold(double probability) => (uint)Math.Min(uint.MaxValue, Math.Round(probability * 4294967296.0));

    /// <summary>The oracle: one element after the other. Also how float64 is computed.</summary>
    internal static void Plain<T>(ReadOnlySpan<T> x, Span<T> y, double probability, ulong seed, uint stream, ulong firstBlock) where T : System.Numerics.INumber<T>
    {
        T scale = T.CreateChecked(1 / (1 - probability));
        uint threshold = Threshold(probability);
        for (int i = 0; i < x.Length; i += 4)
        {
            Philox.Block block = Philox.At(seed, firstBlock + (ulong)(i / 4), stream);
            for (int j = i; j < Math.Min(i + 4, x.Length); j++) y[j] = block[j - i] >= threshold ? x[j] * scale : T.Zero;
        }
    }

    // y = kept ? x / (1 - p) : 0   =>   dx = kept ? dy / (1 - p) : 0, the same function of dy
    private sealed class DropoutNode : Node<DropoutNode>
    {
        internal double Probability;
        internal ulong Seed, FirstBlock;
        internal uint Stream;

        internal override string Operation => "Dropout";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), Apply(dy, Probability, Seed, Stream, FirstBlock));
    }
}

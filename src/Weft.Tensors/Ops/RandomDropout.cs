using Weft.Tensors.Autograd;

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

    private static Tensor Apply(Tensor x, double probability, ulong seed, uint stream, ulong firstBlock)
    {
        Tensor source = x.Detach().Contiguous();
        Tensor y = Tensor.Uninitialized(x.Shape, x.DType);
        if (x.DType == DType.Float32) Kernel(source.AsSpan<float>(), y.AsSpan<float>(), probability, seed, stream, firstBlock);
        else Kernel(source.AsSpan<double>(), y.AsSpan<double>(), probability, seed, stream, firstBlock);
        if (!GradMode.Records(x)) return y;
        DropoutNode node = DropoutNode.Rent();
        (node.Probability, node.Seed, node.Stream, node.FirstBlock) = (probability, seed, stream, firstBlock);
        node.Connect(y, x);
        return y;
    }

    private static void Kernel<T>(ReadOnlySpan<T> x, Span<T> y, double probability, ulong seed, uint stream, ulong firstBlock) where T : System.Numerics.INumber<T>
    {
        T scale = T.CreateChecked(1 / (1 - probability));
        uint threshold = (uint)Math.Min(uint.MaxValue, Math.Round(probability * 4294967296.0));
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

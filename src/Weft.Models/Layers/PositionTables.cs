using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Fixed tables by which models know where tokens stand.</summary>
public static class PositionTables
{
    /// <summary>Sines and cosines of position / 10000^(2i/C) in turn: sin, cos, sin, cos, .. (Vaswani et al. 2017, arXiv:1706.03762, section 3.5).</summary>
    /// <remarks>Shapes: -> [positions, size].</remarks>
    /// <param name="positions">How many positions.</param>
    /// <param name="size">C, even.</param>
    /// <param name="interleaved">False puts all sines before all cosines (Marian, fairseq).</param>
    /// <param name="dtype">The element type.</param>
    public static Tensor Sinusoidal(int positions, int size, bool interleaved = true, DType dtype = DType.Float32)
    {
        if (size % 2 != 0) throw new ArgumentException($"Sinusoidal: size {size} must be even.");
        double[] table = new double[positions * size];
        for (int t = 0; t < positions; t++)
            for (int i = 0; i < size / 2; i++)
            {
                double angle = t / Math.Pow(10000, 2.0 * i / size);
                (int s, int c) = interleaved ? (2 * i, 2 * i + 1) : (i, size / 2 + i);
                (table[t * size + s], table[t * size + c]) = (Math.Sin(angle), Math.Cos(angle));
            }
        return Tensor.From(table, [positions, size]).To(dtype);
    }

    /// <summary>The slope of each head in ALiBi: scores get -slope · distance (Press et al. 2022, arXiv:2108.12409, section 3).</summary>
    /// <remarks>For H = 2^k the slopes are 2^(-8(i+1)/H). Otherwise those of the power of two below come first, then every
    /// other one of the power of two above, as in the authors' code and Bloom.</remarks>
    public static double[] AlibiSlopes(int headCount)
    {
        int below = 1 << int.Log2(headCount);
        double[] slopes = new double[headCount];
        for (int i = 0; i < headCount; i++) slopes[i] = i < below ? Slope(i, below) : Slope(2 * (i - below), 2 * below);
        return slopes;
    }

    /// <summary>The slopes as MPT orders them: of the next power of two, the odd ones first, then the even ones, as many as there are heads.</summary>
    public static double[] AlibiSlopesMpt(int headCount)
    {
        int above = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)headCount);
        double[] slopes = [.. Enumerable.Range(0, above).Select(i => Slope(i, above))];
        return above == headCount ? slopes : [.. slopes.Where((_, i) => i % 2 == 1).Concat(slopes.Where((_, i) => i % 2 == 0)).Take(headCount)];
    }

    /// <summary>The bucket of a relative position in T5: exact when near, logarithmic when far (Raffel et al. 2020, arXiv:1910.10683, section 2.1).</summary>
    /// <param name="relativePosition">Key position minus query position.</param>
    /// <param name="bidirectional">Whether later keys count too (in the encoder); each side then has half of the buckets.</param>
    /// <param name="bucketCount">How many buckets there are.</param>
    /// <param name="maximumDistance">From here on all fall into the last bucket.</param>
    public static int RelativeBucket(int relativePosition, bool bidirectional = true, int bucketCount = 32, int maximumDistance = 128)
    {
        int bucket = 0, distance = -relativePosition;
        if (bidirectional)
        {
            bucketCount /= 2;
            if (relativePosition > 0) bucket = bucketCount;
            distance = Math.Abs(relativePosition);
        }
        distance = Math.Max(distance, 0);
        int exact = bucketCount / 2;
        if (distance < exact) return bucket + distance;
        // In single precision, as in the reference: the border between two buckets is part of what a checkpoint was trained with.
        float logarithmic = MathF.Log((float)distance / exact) / (float)Math.Log((double)maximumDistance / exact) * (bucketCount - exact);
        return bucket + Math.Min(exact + (int)logarithmic, bucketCount - 1);
    }

    /// <summary>The factors of xPos: ζ_i^((t - T/2) / scaleBase) with ζ_i = (2i + 0.4 C) / 1.4 C (Sun et al. 2022, arXiv:2212.10554, eq. 12).</summary>
    /// <remarks>Queries are multiplied by them after turning, keys divided. Shapes: -> [tokens, size / 2].</remarks>
    public static Tensor XPosFactors(int tokens, int size, double scaleBase = 512, DType dtype = DType.Float32)
    {
        double[] factors = new double[tokens * (size / 2)];
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < size / 2; i++)
                factors[t * (size / 2) + i] = Math.Pow((2 * i + 0.4 * size) / (1.4 * size), (t - tokens / 2) / scaleBase);
        return Tensor.From(factors, [tokens, size / 2]).To(dtype);
    }

    private static double Slope(int i, int heads) => Math.Pow(2, -8.0 * (i + 1) / heads);
}

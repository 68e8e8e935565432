using System.Buffers.Binary;

namespace Weft.Tensors.Quantization;

/// <summary>Writes blocks of 32 to 128 elements; the layouts are those of <see cref="SmallBlocks"/>.</summary>
/// <remarks>After ggml's reference quantizers (MIT licence, the ggml authors), operation by operation.</remarks>
internal static class SmallBlockQuantizer
{
    private const int Size = 32;

    // Q4_0, Q5_0: the element of largest magnitude becomes the lowest integer.
    internal static void Symmetric(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float meanSquare, int bits, Span<byte> block)
    {
        int limit = 1 << bits - 1;
        Span<byte> q = stackalloc byte[Size];
        float d;
        if (importance.IsEmpty)
        {
            d = ScaleSearch.Largest(x, out _) / -limit;
            float inverse = d != 0 ? 1 / d : 0;
            for (int j = 0; j < Size; j++) q[j] = Truncate(x[j] * inverse + (limit + 0.5f), 2 * limit - 1);
        }
        else
        {
            d = ScaleSearch.Symmetric(limit, x, q, Weights(x, importance, meanSquare, stackalloc float[Size]));
        }
        Quantizer.PutHalf(block, 0, d);
        Pack(q, bits, block[2..]);
    }

    // Q4_1, Q5_1: from the smallest to the largest element.
    internal static void WithOffset(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float meanSquare, int bits, Span<byte> block)
    {
        int limit = (1 << bits) - 1;
        Span<byte> q = stackalloc byte[Size];
        float d, m;
        if (importance.IsEmpty)
        {
            float maximum = float.MinValue;
            m = float.MaxValue;
            foreach (float value in x)
            {
                m = value < m ? value : m;
                maximum = value > maximum ? value : maximum;
            }
            d = (maximum - m) / limit;
            float inverse = d != 0 ? 1 / d : 0;
            for (int j = 0; j < Size; j++) q[j] = Truncate((x[j] - m) * inverse + 0.5f, limit);
        }
        else
        {
            (d, float offset) = ScaleSearch.WithOffset(limit, x, Weights(x, importance, meanSquare, stackalloc float[Size]), q, -0.9f, 0.05f, 36);
            m = -offset;
        }
        Quantizer.PutHalf(block, 0, d);
        Quantizer.PutHalf(block, 2, m);
        Pack(q, bits, block[4..]);
    }

    internal static void Q8_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        ScaleSearch.Largest(x, out float magnitude);
        float d = magnitude / 127, inverse = d != 0 ? 1 / d : 0;
        Quantizer.PutHalf(block, 0, d);
        for (int j = 0; j < Size; j++) block[2 + j] = (byte)Round(x[j] * inverse);
    }

    internal static void Q8_1(ReadOnlySpan<float> x, Span<byte> block)
    {
        ScaleSearch.Largest(x, out float magnitude);
        float d = magnitude / 127, inverse = d != 0 ? 1 / d : 0;
        int sum = 0;
        for (int j = 0; j < Size; j++)
        {
            int q = Round(x[j] * inverse);
            block[4 + j] = (byte)q;
            sum += q;
        }
        Quantizer.PutHalf(block, 0, d);
        Quantizer.PutHalf(block, 2, sum * d);
    }

    // The exponent is that of the largest element less 2, the largest exponent of a 4-bit float.
    internal static void MXFP4(ReadOnlySpan<float> x, Span<byte> block)
    {
        ScaleSearch.Largest(x, out float magnitude);
        byte e = magnitude > 0 ? (byte)((int)MathF.Floor(MathF.Log2(magnitude)) - 2 + 127) : (byte)0;
        float d = SmallBlocks.HalfPowerOfTwo(e);
        block[0] = e;
        for (int j = 0; j < Size / 2; j++) block[1 + j] = (byte)(NearestFloat4(x[j], d) | NearestFloat4(x[j + Size / 2], d) << 4);
    }

    internal static void IQ4_NL(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        float scale = ScaleSearch.Uneven(x, UnevenWeights(x, importance, x, stackalloc float[Size])), inverse = scale != 0 ? 1 / scale : 0;
        Quantizer.PutHalf(block, 0, scale);
        for (int j = 0; j < Size / 2; j++) block[2 + j] = (byte)(ScaleSearch.NearestStep(inverse * x[j]) | ScaleSearch.NearestStep(inverse * x[j + Size / 2]) << 4);
    }

    // The scale is the mean magnitude.
    internal static void Q1_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        float sum = 0;
        foreach (float value in x) sum += Math.Abs(value);
        Quantizer.PutHalf(block, 0, sum / x.Length);
        for (int j = 0; j < x.Length; j++) if (x[j] >= 0) block[2 + j / 8] |= (byte)(1 << j % 8);
    }

    internal static void Q2_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        ScaleSearch.Largest(x, out float d);
        float inverse = d > 0 ? 1 / d : 0;
        Quantizer.PutHalf(block, 0, d);
        for (int j = 0; j < x.Length; j++) block[2 + j / 4] |= (byte)(Math.Clamp(Round(x[j] * inverse) + 1, 0, 3) << j % 4 * 2);
    }

    /// <summary>Weights of IQ4: importance · sqrt(2 mean x² + x²), or x² without importance.</summary>
    internal static ReadOnlySpan<float> UnevenWeights(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, ReadOnlySpan<float> whole, Span<float> weights)
    {
        if (importance.IsEmpty)
        {
            for (int j = 0; j < x.Length; j++) weights[j] = x[j] * x[j];
            return weights;
        }
        float sum = 0;
        foreach (float value in whole) sum += value * value;
        return Weights(x, importance, sum * (2f / whole.Length), weights);
    }

    /// <summary>importance · sqrt(σ² + x²).</summary>
    internal static ReadOnlySpan<float> Weights(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float sigma2, Span<float> weights)
    {
        for (int j = 0; j < x.Length; j++) weights[j] = importance[j] * MathF.Sqrt(sigma2 + x[j] * x[j]);
        return weights;
    }

    // Rounds half away from zero.
    internal static int Round(float x) => (int)MathF.Round(x, MidpointRounding.AwayFromZero);

    private static byte Truncate(float x, int limit) => (byte)Math.Clamp((int)x, 0, limit);

    // Fifth bits as a word, then nibbles.
    private static void Pack(ReadOnlySpan<byte> q, int bits, Span<byte> target)
    {
        if (bits == 5)
        {
            uint high = 0;
            for (int j = 0; j < Size; j++) high |= (uint)(q[j] >> 4) << j;
            BinaryPrimitives.WriteUInt32LittleEndian(target, high);
            target = target[4..];
        }
        for (int j = 0; j < Size / 2; j++) target[j] = (byte)(q[j] & 15 | (q[j + Size / 2] & 15) << 4);
    }

    private static int NearestFloat4(float x, float d)
    {
        int best = 0;
        float bestError = Math.Abs(SmallBlocks.DoubledFloat4[0] * d - x);
        for (int i = 1; i < 16; i++)
        {
            float error = Math.Abs(SmallBlocks.DoubledFloat4[i] * d - x);
            if (error < bestError) (best, bestError) = (i, error);
        }
        return best;
    }
}

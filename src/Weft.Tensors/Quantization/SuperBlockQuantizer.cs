using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Weft.Tensors.Quantization;

/// <summary>Writes blocks of 256 elements; the layouts are those of <see cref="SuperBlocks"/>.</summary>
/// <remarks>After ggml's reference quantizers (MIT licence, the ggml authors), operation by operation.</remarks>
internal static class SuperBlockQuantizer
{
    private const int Size = SuperBlocks.Size, Parts = 8, PartSize = 32, ScaleLimit = 63;

    // Q4_K, Q5_K
    internal static void WithOffsets(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, int bits, Span<byte> block)
    {
        int limit = (1 << bits) - 1;
        Span<byte> q = stackalloc byte[Size], scaleCodes = stackalloc byte[Parts], offsetCodes = stackalloc byte[Parts];
        Span<float> weights = stackalloc float[PartSize], scales = stackalloc float[Parts], offsets = stackalloc float[Parts], sums = stackalloc float[Parts];
        float sumSquares = 0;
        foreach (float value in x) sumSquares += value * value;
        for (int part = 0; part < Parts; part++)
        {
            ReadOnlySpan<float> own = x.Slice(part * PartSize, PartSize);
            if (importance.IsEmpty)
            {
                float square = 0;
                foreach (float value in own) square += value * value;
                float typical = MathF.Sqrt(square / PartSize);
                for (int l = 0; l < PartSize; l++) weights[l] = typical + Math.Abs(own[l]);
                (float first, float delta, int steps) = bits == 4 ? (-1f, 0.1f, 20) : (-0.5f, 0.1f, 15);
                (scales[part], offsets[part]) = ScaleSearch.WithOffset(limit, own, weights, q.Slice(part * PartSize, PartSize), first, delta, steps);
            }
            else
            {
                SmallBlockQuantizer.Weights(own, importance.Slice(part * PartSize, PartSize), 2 * sumSquares / Size, weights);
                foreach (float w in weights) sums[part] += w;
                (scales[part], offsets[part]) = ScaleSearch.WithOffset(limit, own, weights, q.Slice(part * PartSize, PartSize), -0.9f, 0.05f, 36);
            }
        }
        float d = Codes(scales, scaleCodes, sums, !importance.IsEmpty), min = Codes(offsets, offsetCodes, sums, !importance.IsEmpty);
        Quantizer.PutHalf(block, 0, d);
        Quantizer.PutHalf(block, 2, min);
        Span<byte> packed = block.Slice(4, 12);
        for (int part = 0; part < Parts; part++) PackScales(packed, part, scaleCodes[part], offsetCodes[part]);

        (d, min) = (Dequantizer.HalfAt(block, 0), Dequantizer.HalfAt(block, 2));
        for (int part = 0; part < Parts; part++)
        {
            float scale = d * scaleCodes[part], offset = min * offsetCodes[part];
            if (scale == 0) continue;
            for (int l = part * PartSize; l < (part + 1) * PartSize; l++) q[l] = (byte)Math.Clamp(ScaleSearch.Nearest((x[l] + offset) / scale), 0, limit);
        }
        Span<byte> high = block.Slice(16, bits == 5 ? 32 : 0), low = block[(bits == 5 ? 48 : 16)..];
        for (int l = 0; l < Size; l++)
        {
            int part = l / PartSize, column = l % PartSize;
            low[part / 2 * PartSize + column] |= (byte)((q[l] & 15) << part % 2 * 4);
            if (bits == 5) high[column] |= (byte)(q[l] >> 4 << part);
        }
    }

    internal static void Q6_K(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<byte> q = stackalloc byte[Size];
        Span<float> scales = stackalloc float[16];
        for (int part = 0; part < 16; part++)
            scales[part] = ScaleSearch.Symmetric(32, x.Slice(part * 16, 16), q.Slice(part * 16, 16), importance.IsEmpty ? [] : importance.Slice(part * 16, 16));
        float largest = ScaleSearch.Largest(scales, out float magnitude);
        if (magnitude < ScaleSearch.Negligible) return; // all zero
        float inverse = -128f / largest;
        Quantizer.PutHalf(block, 208, 1 / inverse);
        Span<sbyte> codes = MemoryMarshal.Cast<byte, sbyte>(block.Slice(192, 16));
        for (int part = 0; part < 16; part++) codes[part] = (sbyte)Math.Min(127, ScaleSearch.Nearest(inverse * scales[part]));
        float d = Dequantizer.HalfAt(block, 208);
        for (int part = 0; part < 16; part++)
        {
            float scale = d * codes[part];
            if (scale == 0) continue;
            for (int l = part * 16; l < part * 16 + 16; l++) q[l] = (byte)(Math.Clamp(ScaleSearch.Nearest(x[l] / scale), -32, 31) + 32);
        }
        for (int l = 0; l < Size; l++)
        {
            int half = l / 128, quarter = l % 128 / 32, column = l % 32;
            block[half * 64 + quarter % 2 * 32 + column] |= (byte)((q[l] & 15) << quarter / 2 * 4);
            block[128 + half * 32 + column] |= (byte)(q[l] >> 4 << quarter * 2);
        }
    }

    // The element of largest magnitude becomes -127.
    internal static void Q8_K(ReadOnlySpan<float> x, Span<byte> block)
    {
        float largest = ScaleSearch.Largest(x, out float magnitude);
        if (magnitude == 0) return;
        float inverse = -127f / largest;
        BinaryPrimitives.WriteSingleLittleEndian(block, 1 / inverse);
        for (int j = 0; j < Size; j++) block[4 + j] = (byte)Math.Min(127, ScaleSearch.Nearest(inverse * x[j]));
        for (int part = 0; part < 16; part++)
        {
            int sum = 0;
            for (int j = 0; j < 16; j++) sum += (sbyte)block[4 + part * 16 + j];
            BinaryPrimitives.WriteInt16LittleEndian(block[(260 + 2 * part)..], (short)sum);
        }
    }

    internal static void IQ4_XS(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<float> scales = stackalloc float[Parts], weights = stackalloc float[PartSize];
        for (int part = 0; part < Parts; part++)
        {
            ReadOnlySpan<float> own = x.Slice(part * PartSize, PartSize);
            scales[part] = ScaleSearch.Uneven(own, SmallBlockQuantizer.UnevenWeights(own, importance.IsEmpty ? [] : importance.Slice(part * PartSize, PartSize), x, weights));
        }
        float d = -ScaleSearch.Largest(scales, out _) / 32, inverse = d != 0 ? 1 / d : 0;
        Quantizer.PutHalf(block, 0, d);
        int high = 0;
        for (int part = 0; part < Parts; part++)
        {
            int code = Math.Clamp(ScaleSearch.Nearest(inverse * scales[part]), -32, 31);
            float scale = d * code, inverseScale = scale != 0 ? 1 / scale : 0;
            code += 32;
            block[4 + part / 2] |= (byte)((code & 15) << part % 2 * 4);
            high |= code >> 4 << 2 * part;
            for (int j = 0; j < 16; j++)
                block[8 + part * 16 + j] = (byte)(ScaleSearch.NearestStep(inverseScale * x[part * PartSize + j]) | ScaleSearch.NearestStep(inverseScale * x[part * PartSize + j + 16]) << 4);
        }
        BinaryPrimitives.WriteUInt16LittleEndian(block[2..], (ushort)high);
    }

    internal static void TQ1_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        float inverse = Ternary(x, block, 52);
        Digits(x[..160], 32, 5, inverse, block);
        Digits(x.Slice(160, 80), 16, 5, inverse, block[32..]);
        Digits(x.Slice(240, 16), 4, 4, inverse, block[48..]);
    }

    internal static void TQ2_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        float inverse = Ternary(x, block, 64);
        for (int i = 0; i < Size; i++) block[i / 128 * 32 + i % 32] |= (byte)((SmallBlockQuantizer.Round(x[i] * inverse) + 1 & 3) << i % 128 / 32 * 2);
    }

    private static float Ternary(ReadOnlySpan<float> x, Span<byte> block, int at)
    {
        ScaleSearch.Largest(x, out float d);
        Quantizer.PutHalf(block, at, d);
        return d != 0 ? 1 / d : 0;
    }

    // The digits of element m, m + count, m + 2 count .. in byte m, the first the most significant, as a fraction of 3^5 rounded up.
    private static void Digits(ReadOnlySpan<float> x, int count, int digits, float inverse, Span<byte> target)
    {
        for (int m = 0; m < count; m++)
        {
            int q = 0;
            for (int n = 0; n < 5; n++) q = q * 3 + (n < digits ? Math.Clamp(SmallBlockQuantizer.Round(x[m + n * count] * inverse), -1, 1) + 1 : 0);
            target[m] = (byte)((q * 256 + 242) / 243);
        }
    }

    // 6-bit codes of the parts' scales or offsets, and their common scale.
    private static float Codes(ReadOnlySpan<float> values, Span<byte> codes, ReadOnlySpan<float> weights, bool search)
    {
        if (search) return ScaleSearch.Positive(ScaleLimit, values, codes, weights);
        float maximum = 0;
        foreach (float value in values) maximum = value > maximum ? value : maximum;
        float inverse = maximum > 0 ? ScaleLimit / maximum : 0;
        for (int i = 0; i < codes.Length; i++) codes[i] = (byte)Math.Clamp(ScaleSearch.Nearest(inverse * values[i]), 0, ScaleLimit);
        return maximum / ScaleLimit;
    }

    private static void PackScales(Span<byte> packed, int part, int scale, int offset)
    {
        if (part < 4)
        {
            packed[part] |= (byte)scale;
            packed[part + 4] |= (byte)offset;
        }
        else
        {
            packed[part + 4] = (byte)(scale & 15 | (offset & 15) << 4);
            packed[part - 4] |= (byte)(scale >> 4 << 6);
            packed[part] |= (byte)(offset >> 4 << 6);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weft.Tensors.Kernels;

/// <summary>Rounds rows to whole numbers between -127 and 127 with a scale for each group.</summary>
/// <remarks>
/// <para>x[i] ≈ d · q[i], ties to even; s[g] = d · (sum of the 32 q of group g). Two ways, which are those of llama.cpp, so that results can be
/// compared (but for s, which llama.cpp rounds to float16): for weights in blocks of 32 a scale for each 32, d = max |x| / 127, with d stored as float16; for weights in blocks of 256 a
/// float32 scale for each 256, which makes the element of largest magnitude -127. The integers take 16 bits each so that products need no
/// widening.</para>
/// <para>Vectors of 128 bits; a group of 32 is eight of them. Counts are multiples of the group.</para>
/// </remarks>
internal static unsafe class ActivationRounding
{
    private const int Group = 32, Super = 256;

    /// <summary>A scale for each 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Small(float* x, int count, short* q, float* d, float* s)
    {
        for (int g = 0; g < count / Group; g++)
        {
            float magnitude = Magnitude(x + g * Group, Group), scale = magnitude / 127;
            int sum = Round(x + g * Group, magnitude > 0 ? 127 / magnitude : 0, q + g * Group);
            d[g] = (float)(Half)scale;
            s[g] = d[g] * sum;
        }
    }

    /// <summary>A scale for each 256, repeated for each 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Large(float* x, int count, short* q, float* d, float* s)
    {
        for (int b = 0; b < count; b += Super)
        {
            float magnitude = Magnitude(x + b, Super), inverse = magnitude > 0 ? -127 / Signed(x + b, magnitude) : 0, scale = magnitude > 0 ? 1 / inverse : 0;
            for (int g = b / Group; g < (b + Super) / Group; g++)
            {
                int sum = Round(x + g * Group, inverse, q + g * Group);
                d[g] = scale;
                s[g] = scale * sum;
            }
        }
    }

    /// <summary><see cref="Small"/> as a plain loop.</summary>
    internal static void SmallReference(ReadOnlySpan<float> x, Span<short> q, Span<float> d, Span<float> s)
    {
        for (int g = 0; g < x.Length / Group; g++)
        {
            float magnitude = 0;
            foreach (float value in x.Slice(g * Group, Group)) magnitude = Math.Max(magnitude, Math.Abs(value));
            float scale = magnitude / 127, inverse = magnitude > 0 ? 127 / magnitude : 0;
            int sum = 0;
            for (int i = g * Group; i < (g + 1) * Group; i++) sum += q[i] = (short)MathF.Round(x[i] * inverse);
            d[g] = (float)(Half)scale;
            s[g] = d[g] * sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Magnitude(float* x, int count)
    {
        Vector128<float> largest = Vector128<float>.Zero;
        for (int i = 0; i < count; i += 4) largest = Vector128.Max(largest, Vector128.Abs(Vector128.Load(x + i)));
        return Math.Max(Math.Max(largest[0], largest[1]), Math.Max(largest[2], largest[3]));
    }

    // The first element of a magnitude, with its sign.
    private static float Signed(float* x, float magnitude)
    {
        int i = 0;
        while (i < Super - 1 && Math.Abs(x[i]) != magnitude) i++;
        return x[i];
    }

    // Adding 1.5 · 2^23 rounds to a whole number, which then stands in the low bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Round(float* x, float inverse, short* q)
    {
        Vector128<float> factor = Vector128.Create(inverse), round = Vector128.Create(12582912f);
        Vector128<int> bias = Vector128.Create(0x4B400000), sum = Vector128<int>.Zero;
        for (int i = 0; i < Group; i += 8)
        {
            Vector128<int> a = (Vector128.Load(x + i) * factor + round).AsInt32() - bias, b = (Vector128.Load(x + i + 4) * factor + round).AsInt32() - bias;
            sum += a + b;
            Vector128.Store(Vector128.Narrow(a, b), q + i);
        }
        return Vector128.Sum(sum);
    }
}

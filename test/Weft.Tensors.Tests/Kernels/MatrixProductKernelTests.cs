using System.Runtime.InteropServices;
using Weft.Tensors.Kernels;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Tests.Kernels;

public sealed class MatrixProductKernelTests
{
    // k products of numbers below 1, each rounded to 2^-24: the error grows at most like k, in practice like sqrt(k).
    private static float Tolerance(int k) => 2e-7f * (4 + k);

    private static float[] Random(int count, int seed)
    {
        RandomGenerator generator = new((ulong)seed);
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan()) value = generator.NextSingle() * 2 - 1;
        return values;
    }

    public static TheoryData<int, int, int> Sizes
    {
        get
        {
            TheoryData<int, int, int> sizes = [];
            foreach (int m in (int[])[1, 2, 3, 5, 6, 11, 12, 13, 25])
                foreach (int n in (int[])[1, 4, 15, 16, 17, 32, 33, 65])
                    sizes.Add(m, n, 1 + (m * 7 + n * 3) % 40);
            sizes.Add(7, 40, 0);
            sizes.Add(30, 70, 511);
            sizes.Add(30, 70, 512);
            sizes.Add(30, 70, 513);
            sizes.Add(13, 50, 1100);
            sizes.Add(1, 130, 700);
            sizes.Add(300, 200, 64);
            foreach (int m in (int[])[47, 48, 52, 60, 100]) sizes.Add(m, 70, 200); // rows of a transposed A are packed 48 at a time
            sizes.Add(25, 37, 1024); // rows of A share cache sets
            sizes.Add(60, 290, 1024); // and are copied once for several blocks of columns
            sizes.Add(26, 560, 530); // blocks of B as large as a piece's own memory
            sizes.Add(230, 300, 1301); // in bfloat16: packed once for several pieces, three blocks of k, an odd one
            sizes.Add(400, 260, 97); // each of two threads packs all of B for itself
            sizes.Add(390, 330, 500); // and here a block of columns after the other, for its band of rows
            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Run_WithAnyStrides_EqualsTheDefinition(int m, int n, int k) => EqualsTheDefinition(m, n, k, Precision.Float32);

    // Factors are rounded, products of two are exact in float32, and sums are as in float32: so against the sum of the rounded
    // factors in double the tolerance is the same.
    [Theory]
    [MemberData(nameof(Sizes))]
    public void Run_InBf16_EqualsTheDefinitionOnRoundedFactors(int m, int n, int k) => EqualsTheDefinition(m, n, k, Precision.Bf16);

    private static void EqualsTheDefinition(int m, int n, int k, Precision precision)
    {
        double Factor(float v) => precision == Precision.Bf16 ? Bfloat16Rounding.Round(v) : v;
        float[] bias = Random(n, 3);
        foreach (bool transposeA in (bool[])[false, true])
        {
            foreach (bool transposeB in (bool[])[false, true])
            {
                float[] a = Random(m * k + 5, 1), b = Random(k * n + 5, 2);
                (int ar, int ac) = transposeA ? (1, m) : (k, 1);
                (int br, int bc) = transposeB ? (1, k) : (n, 1);
                int cr = n + 3; // gaps between the rows of C must stay as they are
                foreach ((bool accumulate, bool biased) in ((bool, bool)[])[(false, false), (true, false), (false, true)])
                {
                    float[] expected = Random(m * cr, 4), actual = [.. expected];
                    double[] wide = Array.ConvertAll(expected, static v => (double)v);
                    MatrixProductReference.Run(m, n, k, Array.ConvertAll(a, Factor), ar, ac, Array.ConvertAll(b, Factor), br, bc, wide, cr, accumulate, biased ? Array.ConvertAll(bias, static v => (double)v) : []);
                    MatrixProduct.Run(m, n, k, a, ar, ac, b, br, bc, actual, cr, accumulate, biased ? bias : [], precision);
                    for (int i = 0; i < wide.Length; i++)
                    {
                        if (i % cr >= n) Assert.Equal(expected[i], actual[i]);
                        else Assert.True(Math.Abs(wide[i] - actual[i]) <= Tolerance(k), $"[{m}, {k}] x [{k}, {n}] {transposeA} {transposeB} at {i}: {wide[i]} and {actual[i]}");
                    }
                }
            }
        }
    }

    // So long that rows go in bands.
    [Fact]
    public void Run_InBf16OfVeryLongRows_GivesTheBitsOfEachRow()
    {
        (int m, int n, int k) = (390, 3, 90_000);
        float[] a = new float[m * k], b = Random(k * n, 2), c = new float[m * n], one = new float[n];
        for (int i = 0; i < a.Length; i++) a[i] = (i * 7 + i / k) % 251 / 251f - 0.5f;
        MatrixProduct.Run(m, n, k, a, k, 1, b, n, 1, c, n, accumulate: false, precision: Precision.Bf16);
        foreach (int row in (int[])[0, 383, 384, 389])
        {
            MatrixProduct.Run(1, n, k, a.AsSpan(row * k, k), k, 1, b, n, 1, one, n, accumulate: false, precision: Precision.Bf16);
            Assert.Equal(one, c[(row * n)..((row + 1) * n)]);
        }
    }

    // The generated loops where they run, and the plain ones, against the definition.
    [Fact]
    public unsafe void Pack_OfAnyLanesAndDepth_PairsRoundedNeighboursAndWritesNothingElse()
    {
        const int Stride = 75, Guard = 40;
        const uint Untouched = 0xABCDEF01;
        float[] x = Random(Stride * Stride, 5);
        foreach ((int lane, int next) in ((int, int)[])[(Stride, 1), (1, Stride), (2, 3)])
        {
            foreach ((int lanes, int width) in ((int, int)[])[(12, 12), (8, 8), (4, 4), (2, 2), (1, 1), (16, 16), (32, 32), (3, 16), (17, 32), (31, 32)])
            {
                foreach (int depth in (int[])[1, 2, 3, 31, 32, 33, 66, 70])
                {
                    if (lane == 2 && depth > 20) continue;
                    uint[] panel = new uint[(depth + 1) / 2 * width + Guard];
                    panel.AsSpan().Fill(Untouched);
                    fixed (float* px = x)
                    fixed (uint* pp = panel) Bfloat16Packing.Pack(px, lane, next, lanes, depth, pp, width);
                    for (int s = 0; s < (depth + 1) / 2; s++)
                    {
                        for (int i = 0; i < width; i++)
                        {
                            uint expected = i >= lanes ? 0 : Bfloat16Rounding.Pair(x[i * lane + 2 * s * next], 2 * s + 1 < depth ? x[i * lane + (2 * s + 1) * next] : 0);
                            Assert.Equal(expected, panel[s * width + i]);
                        }
                    }
                    Assert.All(panel[^Guard..], static u => Assert.Equal(Untouched, u));
                }
            }
        }
    }

    [Fact]
    public void Round_OfEveryUpperHalf_IsTheNearestBfloat16()
    {
        foreach (uint lower in (uint[])[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
        {
            float[] values = new float[1 << 16];
            for (uint upper = 0; upper < values.Length; upper++) values[upper] = BitConverter.UInt32BitsToSingle(upper << 16 | lower);
            float[] rounded = [.. values];
            unsafe
            {
                fixed (float* p = rounded) Bfloat16Rounding.Round(p, rounded.Length);
            }
            for (uint upper = 0; upper < values.Length; upper++)
            {
                // The two neighbours are the value with its lower half cut off and the next one; at the same distance the even one wins.
                uint nearest = lower > 0x8000 || (lower == 0x8000 && upper % 2 == 1) ? upper + 1 : upper;
                float expected = float.IsNaN(values[upper]) ? float.NaN : BitConverter.UInt32BitsToSingle(nearest << 16);
                Assert.Equal(expected, rounded[upper]);
                Assert.Equal(expected, Bfloat16Rounding.Round(values[upper]));
            }
        }
    }

    [Theory]
    [InlineData(230, 190, 600, false, Precision.Float32)]
    [InlineData(230, 190, 600, false, Precision.Bf16)]
    [InlineData(100, 700, 1024, false, Precision.Float32)]
    [InlineData(800, 150, 200, false, Precision.Float32)]
    [InlineData(800, 400, 600, false, Precision.Float32)]
    [InlineData(800, 400, 600, false, Precision.Bf16)]
    [InlineData(200, 700, 800, true, Precision.Float32)]
    [InlineData(200, 700, 800, true, Precision.Bf16)]
    public void Run_OnAnyNumberOfThreads_GivesTheSameBits(int m, int n, int k, bool transposeA, Precision precision)
    {
        float[] a = Random(m * k, 1), b = Random(k * n, 2);
        float[]? first = null;
        int before = ForkJoin.ThreadCount;
        try
        {
            foreach (int threads in (int[])[1, 2, 3, 4, 7])
            {
                ForkJoin.ThreadCount = threads;
                float[] c = new float[m * n];
                MatrixProduct.Run(m, n, k, a, transposeA ? 1 : k, transposeA ? m : 1, b, 1, k, c, n, accumulate: false, precision: precision);
                first ??= c;
                Assert.Equal(first, c);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bf16)]
    public unsafe void Run_OfTwoProducts_GivesTheBitsOfEachAlone(Precision precision)
    {
        (int M, int N, int K)[] shapes = [(1, 5, 7), (1, 90, 700), (130, 64, 300), (600, 300, 40), (64, 600, 130)];
        foreach ((int m, int n, int k) in shapes)
        {
            foreach ((int m2, int n2, int k2) in shapes)
            {
                float[] a = Random(m * k, 1), b = Random(k * n, 2), c = Random(m * n, 3), a2 = Random(m2 * k2, 4), b2 = Random(k2 * n2, 5), c2 = new float[m2 * n2], expected = [.. c], expected2 = [.. c2];
                MatrixProduct.Run(m, n, k, a, 1, m, b, n, 1, expected, n, accumulate: true, precision: precision);
                MatrixProduct.Run(m2, n2, k2, a2, k2, 1, b2, 1, k2, expected2, n2, accumulate: false, precision: precision);
                fixed (float* pa = a, pb = b, pc = c, pa2 = a2, pb2 = b2, pc2 = c2)
                {
                    Product first = new() { M = m, N = n, K = k, A = pa, Ar = 1, Ac = m, B = pb, Br = n, Bc = 1, C = pc, Cr = n, Accumulate = true };
                    Product second = new() { M = m2, N = n2, K = k2, A = pa2, Ar = k2, Ac = 1, B = pb2, Br = 1, Bc = k2, C = pc2, Cr = n2 };
                    MatrixProduct.Run(first, second, precision);
                }
                Assert.Equal(expected, c);
                Assert.Equal(expected2, c2);
            }
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bf16)]
    public unsafe void Run_PastTheCaches_GivesTheSameBits(Precision precision)
    {
        foreach ((int m, int n, int k) in ((int, int, int)[])[(130, 96, 256), (60, 80, 100), (30, 48, 600)])
        {
            float[] a = Random(m * k, 1), b = Random(k * n, 2);
            float* c = (float*)NativeMemory.AlignedAlloc((nuint)(2 * m * n * sizeof(float)), 64);
            fixed (float* pa = a, pb = b)
            {
                Product product = new() { M = m, N = n, K = k, A = pa, Ar = 1, Ac = m, B = pb, Br = n, Bc = 1, C = c, Cr = n };
                MatrixProduct.Run(product, default, precision);
                MatrixProduct.Run(product with { C = c + m * n, PastCaches = true }, default, precision);
            }
            float[] expected = new Span<float>(c, m * n).ToArray(), actual = new Span<float>(c + m * n, m * n).ToArray();
            NativeMemory.AlignedFree(c);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Run_OfSomeRows_GivesTheBitsOfAllRows()
    {
        (int m, int n, int k) = (150, 70, 600);
        float[] a = Random(m * k, 1), b = Random(k * n, 2), all = new float[m * n];
        MatrixProduct.Run(m, n, k, a, k, 1, b, n, 1, all, n, accumulate: false);
        foreach ((int first, int rows) in ((int, int)[])[(0, 1), (17, 2), (100, 50), (149, 1)])
        {
            float[] part = new float[rows * n];
            MatrixProduct.Run(rows, n, k, a.AsSpan(first * k), k, 1, b, n, 1, part, n, accumulate: false);
            Assert.Equal(all[(first * n)..((first + rows) * n)], part);
        }
    }
}

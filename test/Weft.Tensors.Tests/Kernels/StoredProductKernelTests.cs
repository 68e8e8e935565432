using Weft.Tensors.Autograd;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Tests.Kernels;

/// <summary>Products with stored matrices, on whatever tier this process has, against dequantized weights in double precision.</summary>
public sealed class StoredProductKernelTests : IDisposable
{
    // Sums of up to 768 rounded products in float32, relative to the sum of magnitudes.
    private const double Tolerance = 2e-6;

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"weft-{Guid.NewGuid():N}.gguf");

    public static IEnumerable<TheoryDataRow<GgufType>> Types() => Quantizer.Writable.Where(static t => t is not (GgufType.Q8_1 or GgufType.Q8_K)).Select(static t => new TheoryDataRow<GgufType>(t));

    public void Dispose() => File.Delete(_path);

    public static IEnumerable<TheoryDataRow<GgufType, int>> TypesAndTokens() => Types().SelectMany(static type => (IEnumerable<TheoryDataRow<GgufType, int>>)[new(type.Data, 6), new(type.Data, 61)]);

    [Theory]
    [MemberData(nameof(TypesAndTokens))]
    public void LinearStored_OfRoundedActivations_IsTheProductOfWhatTheyStandFor(GgufType type, int tokens)
    {
        const int Rows = 37, Columns = 768;
        float[] weights = Draw(Rows * Columns, 3), x = Rounded(Draw(tokens * Columns, 4), type);
        float[] bias = Draw(Rows, 5);
        using GgufFile file = Write(type, weights, Rows, Columns);
        StoredMatrix matrix = new(new StoredRows(file, file.Entries["w"]));
        Tensor dequantized = Tensor.Zeros([Rows, Columns]);
        matrix.ReadInto(dequantized);
        float[] w = dequantized.ToArray<float>(), y = Tensor.From(x, [tokens, Columns]).LinearStored(matrix, Tensor.From(bias)).ToArray<float>();
        for (int t = 0; t < tokens; t++)
            for (int r = 0; r < Rows; r++)
            {
                double expected = bias[r], magnitude = Math.Abs(bias[r]);
                for (int c = 0; c < Columns; c++)
                {
                    expected += (double)w[r * Columns + c] * x[t * Columns + c];
                    magnitude += Math.Abs((double)w[r * Columns + c] * x[t * Columns + c]);
                }
                Assert.True(Math.Abs(y[t * Rows + r] - expected) <= Tolerance * magnitude, $"{type} token {t} row {r}: {y[t * Rows + r]:g9} instead of {expected:g9}");
            }
        // A token's results do not depend on the others, nor on the number of threads.
        int threads = ForkJoin.ThreadCount;
        try
        {
            ForkJoin.ThreadCount = 1;
            int fewer = tokens == 6 ? 1 : 50; // alike: few are summed in another order than many
            float[] alone = Tensor.From(x[(2 * Columns)..((2 + fewer) * Columns)], [fewer, Columns]).LinearStored(matrix, Tensor.From(bias)).ToArray<float>();
            Assert.Equal(y[(2 * Rows)..((2 + fewer) * Rows)], alone);
        }
        finally
        {
            ForkJoin.ThreadCount = threads;
        }
    }

    [Fact]
    public unsafe void ActivationRounding_InGroupsOf32_IsThePlainLoop()
    {
        const int Count = 160;
        float[] x = Draw(Count, 8);
        x.AsSpan(32, 32).Clear(); // a group of zeros
        short[] q = new short[Count], expected = new short[Count];
        float[] d = new float[Count / 32], s = new float[Count / 32], expectedD = new float[Count / 32], expectedS = new float[Count / 32];
        fixed (float* px = x, pd = d, ps = s) fixed (short* pq = q) Weft.Tensors.Kernels.ActivationRounding.Small(px, Count, pq, pd, ps);
        Weft.Tensors.Kernels.ActivationRounding.SmallReference(x, expected, expectedD, expectedS);
        Assert.Equal(expected, q);
        Assert.Equal(expectedD, d);
        Assert.Equal(expectedS, s);
    }

    [Fact]
    public void KeepStored_UntilTheElementsAreTouched_UsesTheStoredRows()
    {
        using GgufFile file = Write(GgufType.Q4_0, Draw(8 * 64, 6), 8, 64);
        StoredMatrix matrix = new(new StoredRows(file, file.Entries["w"]));
        Tensor weight = Tensor.Deferred([8, 64]).RequireGrad(), x = Tensor.From(Draw(64, 7), [1, 64]);
        weight.KeepStored(matrix, roundedProducts: true);
        float[] rounded, exact;
        using (GradMode.Off()) rounded = x.Linear(weight).ToArray<float>();
        Assert.Same(matrix, weight.Stored);
        Tensor recorded = x.Linear(weight); // a gradient needs the elements, so the exact product is computed
        Assert.Null(weight.Stored);
        exact = recorded.Detach().ToArray<float>();
        using (GradMode.Off()) Assert.Equal(exact, x.Linear(weight).ToArray<float>());
        // Rounding to eight bits moves each of 64 terms by at most 1/254 of the largest activation.
        for (int i = 0; i < 8; i++) Assert.Equal(exact[i], rounded[i], 0.15f);
        Assert.NotEqual(exact, rounded);
    }

    [Fact]
    public void StoredRows_InLlamaOrder_ArePutBack()
    {
        // One head of four rows; row r of the matrix is row 2 (r mod 2) + r / 2 of the file.
        float[] values = [.. Enumerable.Range(0, 4 * 32).Select(static i => (float)(i / 32))];
        using GgufFile file = Write(GgufType.F32, values, 4, 32);
        StoredMatrix matrix = new(new StoredRows(file, file.Entries["w"], PermutedHeadSize: 4));
        float[] row = new float[32], first = new float[4];
        for (int r = 0; r < 4; r++)
        {
            matrix.ReadRow(r, row);
            first[r] = row[0];
        }
        Assert.Equal([0f, 2f, 1f, 3f], first);
    }

    private GgufFile Write(GgufType type, float[] values, int rows, int columns)
    {
        GgufWriter writer = new();
        writer.Add("w", type, [rows, columns], stream =>
        {
            byte[] bytes = new byte[type.ByteLength(columns)];
            for (int r = 0; r < rows; r++)
            {
                Quantizer.Run(type, values.AsSpan(r * columns, columns), bytes);
                stream.Write(bytes);
            }
        });
        writer.Save(_path);
        return GgufFile.Open(_path);
    }

    // What activations stand for once they are rounded; rounding them again changes nothing.
    private static float[] Rounded(float[] x, GgufType type)
    {
        GgufType activation = type.BlockValues() == 256 && type is not (GgufType.TQ1_0 or GgufType.TQ2_0) ? GgufType.Q8_K : GgufType.Q8_0;
        byte[] bytes = new byte[activation.ByteLength(x.Length)];
        Quantizer.Run(activation, x, bytes);
        Dequantizer.Run(activation, bytes, x);
        return x;
    }

    private static float[] Draw(int count, ulong seed)
    {
        RandomGenerator generator = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(generator.NextDouble() * 4 - 2))];
    }
}

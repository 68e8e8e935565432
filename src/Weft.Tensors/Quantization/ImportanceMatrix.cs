namespace Weft.Tensors.Quantization;

/// <summary>For each column of a matrix the mean square of what it is multiplied by: where errors of rounding matter.</summary>
/// <remarks>
/// The error of a product with a rounded row is the sum over columns of (rounding error · activation); for uncorrelated activations its mean
/// square is the sum of squared rounding errors weighted by these means. The idea is llama.cpp's "imatrix".
/// </remarks>
public sealed class ImportanceMatrix
{
    [ThreadStatic] private static ImportanceMatrix? t_current;

    private readonly Dictionary<Tensor, (double[] Sums, long Count)> _squares = new(ReferenceEqualityComparer.Instance);

    private ImportanceMatrix(IEnumerable<Tensor> weights)
    {
        foreach (Tensor weight in weights)
            if (weight.Rank == 2) _squares.TryAdd(weight, (new double[weight.Shape[1]], 0));
    }

    internal static ImportanceMatrix? Current => t_current;

    /// <summary>Runs a computation and observes what each weight is multiplied by in a linear map.</summary>
    /// <param name="weights">The matrices to watch, [Out, In].</param>
    /// <param name="run">Runs the model over texts, on this thread.</param>
    public static ImportanceMatrix Collect(IEnumerable<Tensor> weights, Action run)
    {
        ImportanceMatrix? outer = t_current;
        ImportanceMatrix matrix = new(weights);
        t_current = matrix;
        try
        {
            run();
        }
        finally
        {
            t_current = outer;
        }
        return matrix;
    }

    /// <summary>The mean squares of a matrix's columns, [In]; null for a matrix that met nothing.</summary>
    public float[]? Of(Tensor weight) => _squares.TryGetValue(weight, out (double[] Sums, long Count) entry) && entry.Count > 0
        ? Array.ConvertAll(entry.Sums, sum => (float)(sum / entry.Count))
        : null;

    internal void Observe(Tensor weight, Tensor x)
    {
        if (x.DType != DType.Float32 || !_squares.TryGetValue(weight, out (double[] Sums, long Count) entry)) return;
        ReadOnlySpan<float> values = x.Contiguous().AsSpan<float>();
        double[] sums = entry.Sums;
        for (int row = 0; row < values.Length; row += sums.Length)
            for (int i = 0; i < sums.Length; i++) sums[i] += (double)values[row + i] * values[row + i];
        _squares[weight] = (sums, entry.Count + values.Length / sums.Length);
    }
}

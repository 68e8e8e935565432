using Weft.Tensors;
using Weft.Tensors.Threading;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Weft.Training.Optimizers;

/// <summary>Keeps a single bad batch from throwing the weights far away.</summary>
public static class GradientClipping
{
    // What torch.nn.utils.clip_grad_norm_ adds to the norm before dividing.
    private const double Epsilon = 1e-6;

    private const int Chunk = 4096;

    [ThreadStatic] private static double[]? t_sums;

    /// <summary>The 2-norm of all gradients together, as if they were one vector.</summary>
    public static double GlobalNorm(IReadOnlyList<Tensor> parameters)
    {
        double sum = 0;
        for (int i = 0; i < parameters.Count; i++) if (parameters[i].Grad is { } gradient) sum += SumOfSquares(gradient);
        return Math.Sqrt(sum);
    }

    /// <summary>The factor that brings a norm down to a limit: min(1, limit / (norm + 1e-6)) (Pascanu et al. 2013, algorithm 1).</summary>
    public static double Factor(double norm, double limit) => limit <= 0 ? 1 : Math.Min(1, limit / (norm + Epsilon));

    // Chunks of a fixed size, summed in order in double precision: the same bits however many threads there are.
    private static double SumOfSquares(Tensor gradient)
    {
        if (gradient.DType == DType.Float64) return TensorPrimitives.SumOfSquares<double>(gradient.AsSpan<double>());
        int chunks = (gradient.Count + Chunk - 1) / Chunk;
        if (t_sums is null || t_sums.Length < chunks) t_sums = new double[chunks];
        SumJob job = new(gradient, t_sums);
        ForkJoin.Run(chunks, 4, ref job);
        double sum = 0;
        for (int i = 0; i < chunks; i++) sum += t_sums[i];
        return sum;
    }

    private readonly struct SumJob(Tensor gradient, double[] sums) : IRangeJob
    {
        public void Run(int start, int end)
        {
            ReadOnlySpan<float> values = gradient.AsSpan<float>();
            for (int i = start; i < end; i++) sums[i] = TensorPrimitives.SumOfSquares(values.Slice(i * Chunk, Math.Min(Chunk, values.Length - i * Chunk)));
        }
    }
}

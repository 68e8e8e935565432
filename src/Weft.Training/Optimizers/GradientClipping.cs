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

    /// <summary>The p-norm of all gradients together; p may be infinity.</summary>
    /// <exception cref="ArgumentException">p is not positive.</exception>
    public static double GlobalNorm(IReadOnlyList<Tensor> parameters, double p)
    {
        if (!(p > 0)) throw new ArgumentException($"GradientClipping: the norm's p is {p}, but must be above 0.");
        if (p == 2) return GlobalNorm(parameters);
        double sum = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].Grad is not { } gradient) continue;
            double norm = gradient.Detach().Norm(p).Item();
            sum = double.IsPositiveInfinity(p) ? Math.Max(sum, norm) : sum + Math.Pow(norm, p);
        }
        return double.IsPositiveInfinity(p) ? sum : Math.Pow(sum, 1 / p);
    }

    /// <summary>Scales all gradients down together until their p-norm is at most a limit.</summary>
    /// <returns>The norm before.</returns>
    public static double ClipNorm(IReadOnlyList<Tensor> parameters, double limit, double p = 2)
    {
        double norm = GlobalNorm(parameters, p), factor = Factor(norm, limit);
        if (factor < 1) for (int i = 0; i < parameters.Count; i++) if (parameters[i].Grad is { } gradient) InPlace.Scale(gradient, factor);
        return norm;
    }

    /// <summary>Limits every entry of every gradient to [-limit, limit].</summary>
    /// <exception cref="ArgumentException">The limit is not positive.</exception>
    public static void ClipValue(IReadOnlyList<Tensor> parameters, double limit)
    {
        if (!(limit > 0)) throw new ArgumentException($"GradientClipping: the largest value is {limit}, but must be above 0.");
        for (int i = 0; i < parameters.Count; i++) if (parameters[i].Grad is { } gradient) gradient.CopyFrom(gradient.Detach().Clamp(-limit, limit));
    }

    /// <summary>Limits each unit's gradient to a share of the size of its weights (Brock et al. 2021, arXiv:2102.06171, eq. 3).</summary>
    /// <remarks>
    /// g becomes λ max(|w|, ε) / |g| · g where |g| / max(|w|, ε) > λ. A unit is a row (the first dimension) of a weight with two
    /// or more dimensions, and the whole of a smaller one.
    /// </remarks>
    /// <param name="parameters">The weights, with their gradients.</param>
    /// <param name="share">λ; the paper takes 0.01 for large batches.</param>
    /// <param name="eps">ε: keeps weights of zero from standing still.</param>
    public static void ClipAdaptive(IReadOnlyList<Tensor> parameters, double share = 0.01, double eps = 1e-3)
    {
        if (!(share > 0) || !(eps > 0)) throw new ArgumentException($"GradientClipping: share {share} and eps {eps} must both be above 0.");
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].Grad is not { } gradient || gradient.Count == 0) continue;
            int units = gradient.Rank >= 2 ? gradient.Shape[0] : 1;
            Tensor g = gradient.Detach().Reshape(units, -1), w = parameters[i].Detach().Reshape(units, -1); // [units, rest]
            Tensor limits = w.Norm(2, keepDimensions: true, 1).Maximum(eps) * share, sizes = g.Norm(2, keepDimensions: true, 1); // [units, 1]
            Tensor clipped = sizes.Greater(limits).Where(g * (limits / sizes.Maximum(1e-12)), g); // no division by 0 where nothing is clipped
            gradient.CopyFrom(clipped.Reshape(gradient.Shape));
        }
    }

    /// <summary>The 2-norm of one tensor, summed in double precision.</summary>
    internal static double Norm(Tensor x) => Math.Sqrt(SumOfSquares(x.IsContiguous ? x : x.Detach().Contiguous()));

    // Chunks of a fixed size, summed in order in double precision: the same bits however many threads there are.
    internal static double SumOfSquares(Tensor gradient)
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

using Weft.Tensors;
using Weft.Tensors.Threading;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Weft.Training.Optimizers;

/// <summary>Keeps a single bad batch from throwing the weights far away.</summary>
public static class GradientClipping
{
    // What torch.nn.utils.clip_grad_norm_ adds to the norm before dividing.
    private const double Epsilon = 1e-6;

    private const int Chunk = 4096, ChunksAtOnce = 8;

    [ThreadStatic] private static double[]? t_sums;
    [ThreadStatic] private static List<(Tensor Gradient, int FirstChunk)>? t_gradients;

    /// <summary>The 2-norm of all gradients together, as if they were one vector.</summary>
    public static double GlobalNorm(IReadOnlyList<Tensor> parameters)
    {
        double sum = 0;
        Sums sums = new();
        for (int i = 0; i < parameters.Count; i++)
        {
            if (parameters[i].Grad is not { } gradient) continue;
            if (gradient.DType == DType.Float32) sums.Add(gradient);
            else sum += SumOfSquares(gradient);
        }
        return Math.Sqrt(sum + sums.Run());
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

    internal static double SumOfSquares(Tensor gradient)
    {
        if (gradient.DType == DType.Float64) return TensorPrimitives.SumOfSquares<double>(gradient.AsSpan<double>());
        Sums sums = new();
        sums.Add(gradient);
        return sums.Run();
    }

    // The squares of several tensors, in one loop of all threads. Chunks of a fixed size, summed in order in double precision: the same bits
    // however many threads there are.
    private ref struct Sums
    {
        private readonly List<(Tensor Gradient, int FirstChunk)> _gradients = t_gradients ??= [];
        private int _chunks;

        public Sums() => _gradients.Clear();

        internal void Add(Tensor gradient)
        {
            _gradients.Add((gradient, _chunks));
            _chunks += (gradient.Count + Chunk - 1) / Chunk;
        }

        internal readonly double Run()
        {
            if (t_sums is null || t_sums.Length < _chunks) t_sums = new double[_chunks];
            SumJob job = new(_gradients, t_sums);
            ForkJoin.Run(_chunks, ChunksAtOnce, ref job);
            double sum = 0;
            for (int i = 0; i < _chunks; i++) sum += t_sums[i];
            _gradients.Clear();
            return sum;
        }
    }

    private readonly struct SumJob(List<(Tensor Gradient, int FirstChunk)> gradients, double[] sums) : IRangeJob
    {
        public void Run(int start, int end)
        {
            int at = 0;
            for (int i = start; i < end; i++)
            {
                while (at + 1 < gradients.Count && gradients[at + 1].FirstChunk <= i) at++;
                ReadOnlySpan<float> values = gradients[at].Gradient.AsSpan<float>();
                int first = (i - gradients[at].FirstChunk) * Chunk;
                sums[i] = TensorPrimitives.SumOfSquares(values.Slice(first, Math.Min(Chunk, values.Length - first)));
            }
        }
    }
}

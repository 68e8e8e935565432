using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Rescaling activations to a common size.</summary>
public static class Normalizations
{
    /// <summary>Shifts and scales to mean 0 and variance 1, then by a learned gain and offset.</summary>
    /// <remarks>y = (x - mean) / sqrt(variance + eps) · g + b with the biased variance (Ba et al. 2016, arXiv:1607.06450, eq. 4).
    /// Shapes: x [.., C], weight and bias [C] or null -> y [.., C]. A weight or bias of more dimensions normalises over as many
    /// trailing ones. The variance is computed from differences to the mean, so a large common offset does no harm.</remarks>
    /// <exception cref="ArgumentException">The weight or bias is not of the trailing shape of x.</exception>
    public static Tensor LayerNorm(this Tensor x, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5)
    {
        Trailing(x, weight ?? bias, nameof(LayerNorm));
        if (weight is not null && bias is not null && weight.Shape != bias.Shape) throw new ArgumentException($"LayerNorm: weight {weight.Shape} and bias {bias.Shape} differ.");
        return x.DType == DType.Float32 && weight is { Rank: 1 } ? FusedNormalization.Run(x, weight, bias, eps, centered: true) : LayerNormComposition(x, weight, bias, eps);
    }

    internal static Tensor LayerNormComposition(Tensor x, Tensor? weight, Tensor? bias, double eps)
    {
        int count = (weight ?? bias)?.Rank ?? 1;
        Tensor y = Standardize(x, Reductions.AllDimensions(x.Rank).AsSpan()[^count..], eps);
        if (weight is not null) y *= weight;
        return bias is null ? y : y + bias;
    }

    /// <summary>Scales each row to unit root-mean-square, then by a learned gain.</summary>
    /// <remarks>y = x / sqrt(mean(x²) + eps) · g (Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4).
    /// Shapes: x [.., C], weight [C] or null -> y [.., C]; a weight of more dimensions normalises over as many trailing ones.</remarks>
    /// <param name="x">The values.</param>
    /// <param name="weight">The gain g.</param>
    /// <param name="eps">Added to the mean square; null for the machine epsilon of the element type, as PyTorch does.</param>
    public static Tensor RmsNorm(this Tensor x, Tensor? weight = null, double? eps = 1e-6)
    {
        Trailing(x, weight, nameof(RmsNorm));
        double epsilon = eps ?? (x.DType == DType.Float32 ? 1.1920928955078125e-7 : 2.220446049250313e-16); // 2^-23, 2^-52
        return x.DType == DType.Float32 && weight is { Rank: 1 } ? FusedNormalization.Run(x, weight, null, epsilon, centered: false) : RmsNormComposition(x, weight, epsilon);
    }

    internal static Tensor RmsNormComposition(Tensor x, Tensor? weight, double epsilon)
    {
        int count = weight?.Rank ?? 1;
        Tensor y = x * (x.Square().Mean(keepDimensions: true, Reductions.AllDimensions(x.Rank).AsSpan()[^count..]) + epsilon).Rsqrt();
        return weight is null ? y : y * weight;
    }

    /// <summary><see cref="RmsNorm"/> with the gain 1 + weight, as in Gemma. Shapes: x [.., C], weight [C].</summary>
    public static Tensor RmsNormPlusOne(this Tensor x, Tensor weight, double eps = 1e-6) => x.RmsNorm(weight + 1.0, eps);

    /// <summary>Standardizes groups of channels, then scales and shifts each channel (Wu and He 2018, arXiv:1803.08494).</summary>
    /// <remarks>Shapes: x [B, C, ..], weight and bias [C] or null -> the shape of x. C groups are instance normalization.</remarks>
    public static Tensor GroupNorm(this Tensor x, int groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5)
    {
        if (x.Rank < 2 || groups < 1 || x.Shape[1] % groups != 0) throw new ArgumentException($"GroupNorm: {groups} groups do not divide the channels of {x.Shape}.");
        int rest = x.Shape[1] / groups;
        for (int d = 2; d < x.Rank; d++) rest *= x.Shape[d];
        Tensor rows = x.Reshape(x.Shape[0], groups, rest); // [B, groups, C / groups · rest]
        return PerChannel(Standardize(rows, [2], eps).Reshape(x.Shape), weight, bias, nameof(GroupNorm));
    }

    /// <summary>Standardizes each channel of each example, then scales and shifts it (Ulyanov et al. 2016, arXiv:1607.08022). Shapes as <see cref="GroupNorm"/>.</summary>
    public static Tensor InstanceNorm(this Tensor x, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) => x.GroupNorm(x.Shape[1], weight, bias, eps);

    /// <summary>Standardizes each channel over the batch, then scales and shifts it (Ioffe and Szegedy 2015, arXiv:1502.03167).</summary>
    /// <remarks>
    /// Normalizes with the biased variance. The running statistics, if given, are moved in place by the momentum towards the
    /// batch's mean and its unbiased variance. Shapes: x [B, C, ..], the others [C] -> the shape of x.
    /// </remarks>
    public static Tensor BatchNorm(this Tensor x, Tensor? weight = null, Tensor? bias = null, Tensor? runningMean = null, Tensor? runningVariance = null,
        double momentum = 0.1, double eps = 1e-5)
    {
        if (x.Rank < 2) throw new ArgumentException($"BatchNorm: {x.Shape} has no channels: [B, C, ..] is needed.");
        if (x.Count == x.Shape[1]) throw new ArgumentException($"BatchNorm: {x.Shape} has one value per channel, which has no variance.");
        foreach (Tensor? values in (ReadOnlySpan<Tensor?>)[weight, bias, runningMean, runningVariance])
            if (values is not null) Channels(values, x, nameof(BatchNorm));
        if (x.DType == DType.Float32 && x.Count > 0)
        {
            double count = (double)x.Count / x.Shape[1];
            (Tensor y, Tensor mean, Tensor variance) = FusedBatchNorm.Run(x, weight, bias, eps);
            if (runningMean is not null) Move(runningMean, mean, momentum);
            if (runningVariance is not null) Move(runningVariance, variance, momentum, count / (count - 1));
            return y;
        }
        int[] all = AllButChannels(x);
        if (runningMean is not null) Move(runningMean, x.Detach().Mean(keepDimensions: false, all), momentum);
        if (runningVariance is not null) Move(runningVariance, x.Detach().Variance(1, keepDimensions: false, all), momentum);
        return BatchNormComposition(x, weight, bias, eps);
    }

    internal static Tensor BatchNormComposition(Tensor x, Tensor? weight, Tensor? bias, double eps) => PerChannel(Standardize(x, AllButChannels(x), eps), weight, bias, nameof(BatchNorm));

    /// <summary>Batch normalization with fixed statistics, for evaluation: (x - mean) / sqrt(variance + eps) · g + b. Shapes as <see cref="BatchNorm"/>.</summary>
    public static Tensor BatchNormFixed(this Tensor x, Tensor mean, Tensor variance, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5)
    {
        bool records = GradMode.Records(x, weight, bias) || GradMode.Records(mean, variance);
        foreach (Tensor? values in (ReadOnlySpan<Tensor?>)[mean, variance, weight, bias])
            if (values is not null) Channels(values, x, nameof(BatchNorm));
        if (x.DType == DType.Float32 && !records) return FusedBatchNorm.Fixed(x, mean, variance, weight, bias, eps);
        return PerChannel((x - Channels(mean, x, nameof(BatchNorm))) * Channels((variance + eps).Rsqrt(), x, nameof(BatchNorm)), weight, bias, nameof(BatchNorm));
    }

    /// <summary>x / (k + α/n Σ x²)^β, the sum over n neighbouring channels (Krizhevsky et al. 2012, section 3.3). Shapes: x [B, C, ..] -> alike.</summary>
    public static Tensor LocalResponseNorm(this Tensor x, int size, double alpha = 1e-4, double beta = 0.75, double k = 1)
    {
        Tensor sums = x.Square().Pad(1, size / 2, (size - 1) / 2).Windows(1, size, 1).Sum(-1);
        return x / (sums * (alpha / size) + k).Pow(beta);
    }

    /// <summary>g v / |v|, the length taken over all dimensions but one (Salimans and Kingma 2016, arXiv:1602.07868).</summary>
    /// <remarks>Shapes: v [.., N, ..], gain [1, .., N, .., 1] -> the shape of v.</remarks>
    public static Tensor WeightNorm(this Tensor v, Tensor gain, int dimension = 0)
    {
        int kept = v.Shape.Dimension(dimension, nameof(WeightNorm));
        int[] others = [.. Enumerable.Range(0, v.Rank).Where(d => d != kept)];
        return v * (gain / (others.Length == 0 ? v.Absolute() : v.Norm(2, keepDimensions: true, others)));
    }

    /// <summary>W / σ with the largest singular value σ = uᵀ W v, estimated by power iteration (Miyato et al. 2018, arXiv:1802.05957).</summary>
    /// <remarks>u and v are constants in the gradient; u is updated in place. Shapes: weight [N, M], u [N].</remarks>
    /// <returns>The divided weight, and v [M].</returns>
    public static (Tensor Weight, Tensor V) SpectralNorm(this Tensor weight, Tensor u, int iterations = 1, double eps = 1e-12)
    {
        if (weight.Rank != 2 || u.Rank != 1 || u.Count != weight.Shape[0]) throw new ArgumentException($"SpectralNorm: u {u.Shape} does not fit weight {weight.Shape}.");
        Tensor w = weight.Detach(), left = u.Detach(), right = w.Transpose().MatMul(left).Normalize(eps: eps);
        for (int i = 0; i < iterations; i++)
        {
            right = w.Transpose().MatMul(left).Normalize(eps: eps);
            left = w.MatMul(right).Normalize(eps: eps);
        }
        u.CopyFrom(left);
        return (weight / left.MatMul(weight.MatMul(right)), right);
    }

    private static Tensor PerChannel(Tensor y, Tensor? weight, Tensor? bias, string operation)
    {
        if (weight is not null) y *= Channels(weight, y, operation);
        return bias is null ? y : y + Channels(bias, y, operation);
    }

    // [C] -> [C, 1, ..], so that it broadcasts along dimension 1 of x.
    private static Tensor Channels(Tensor values, Tensor x, string operation)
    {
        if (values.Rank != 1 || values.Count != x.Shape[1]) throw new ArgumentException($"{operation}: {values.Shape} for the channels of {x.Shape}.");
        Span<int> sizes = stackalloc int[x.Rank - 1];
        sizes.Fill(1);
        sizes[0] = values.Count;
        return values.Reshape(new Shape(sizes));
    }

    private static void Move(Tensor running, Tensor batch, double momentum, double factor = 1)
    {
        InPlace.Scale(running, 1 - momentum);
        InPlace.Add(running, batch, momentum * factor);
    }

    private static int[] AllButChannels(Tensor x) => [.. Enumerable.Range(0, x.Rank).Where(static d => d != 1)];

    /// <summary>(x - mean) / sqrt(biased variance + eps) over some dimensions.</summary>
    internal static Tensor Standardize(Tensor x, ReadOnlySpan<int> dimensions, double eps)
    {
        Tensor centred = x - x.Mean(keepDimensions: true, dimensions);
        return centred * (centred.Square().Mean(keepDimensions: true, dimensions) + eps).Rsqrt();
    }

    private static int Trailing(Tensor x, Tensor? weight, string operation)
    {
        Elementwise.RequireFloating(x, operation);
        int count = weight?.Rank ?? 1;
        if (count == 0 || count > x.Rank || (weight is not null && new Shape(x.Shape.AsSpan()[^count..]) != weight.Shape))
            throw new ArgumentException($"{operation}: {x.Shape} does not end in the weight's shape {weight?.Shape.ToString() ?? "[C]"}.");
        return count;
    }
}

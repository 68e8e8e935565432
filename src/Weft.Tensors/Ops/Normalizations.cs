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

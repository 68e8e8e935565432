using System.Globalization;
using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>How strongly each part of a model is disturbed while it learns.</summary>
public sealed record NoiseRates
{
    /// <summary>The probability of silencing an element of the embeddings.</summary>
    public double Embedding { get; init; }

    /// <summary>The probability of silencing an attention weight.</summary>
    public double Attention { get; init; }

    /// <summary>The probability of silencing an element of what attention and feed-forward add to the residual stream.</summary>
    public double Residual { get; init; }

    /// <summary>The probability of silencing a channel of the embeddings for a whole row (Tompson et al. 2015, arXiv:1411.4280).</summary>
    public double Spatial { get; init; }

    /// <summary>The probability, in the last block, of skipping a branch for a whole row; it rises from the first block on in equal steps (Huang et al. 2016, arXiv:1603.09382, eq. 4).</summary>
    public double Path { get; init; }

    /// <summary>α: embeddings get uniform noise in ±α / sqrt(T C) (Jain et al. 2023, NEFTune, arXiv:2310.05914, algorithm 1).</summary>
    public double EmbeddingNoise { get; init; }

    /// <summary>Whether anything is disturbed at all.</summary>
    public bool Any => Embedding > 0 || Attention > 0 || Residual > 0 || Spatial > 0 || Path > 0 || EmbeddingNoise > 0;
}

/// <summary>Disturbs each part of a decoder at a rate of its own: dropout of every kind, noise on embeddings, and rows that are mixed.</summary>
/// <remarks>
/// Everything is a function of the generator's seed and position, so a resumed run and any number of threads give the same.
/// The sites are those of <see cref="Decoder.DecoderModel"/>: <c>embedding</c>, <c>blocks.L.attention.pattern</c>,
/// <c>blocks.L.attention.result</c> and <c>blocks.L.feed_forward.result</c>.
/// </remarks>
/// <param name="rates">The rates.</param>
/// <param name="blockCount">The number of blocks, for the rates of paths.</param>
/// <param name="generator">Where the numbers come from.</param>
public sealed class TrainingNoise(NoiseRates rates, int blockCount, RandomGenerator generator) : Dropout
{
    /// <summary>Where the numbers come from.</summary>
    public RandomGenerator Generator => generator;

    /// <summary>λ: a row's embeddings become λ of its own and 1 - λ of those of the row before it; 1 leaves them.</summary>
    public double OwnShare { get; set; } = 1;

    /// <summary>Whether something is drawn at random in a forward pass.</summary>
    public bool IsRandom => rates.Any;

    /// <inheritdoc/>
    public override bool TouchesAttention => rates.Attention > 0;

    /// <inheritdoc/>
    public override ulong Position
    {
        get => generator.Position;
        set => generator.Position = value;
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor x, string site)
    {
        if (site.EndsWith(".pattern", StringComparison.Ordinal)) return x.Dropout(rates.Attention, generator);
        if (site != "embedding") return x.Dropout(rates.Residual, generator).PathDropout(PathRate(site), generator);

        // Noise that depended on which rows are mixed would not be noise: mix first.
        if (OwnShare != 1) x = x * OwnShare + PreviousRows(x) * (1 - OwnShare);    // [B, T, C]
        x = x.AddUniformNoise(rates.EmbeddingNoise / Math.Sqrt((double)x.Shape[1] * x.Shape[2]), generator);
        return x.Dropout(rates.Embedding, generator).SharedDropout(rates.Spatial, generator, 1);
    }

    /// <summary>Each row replaced by the one before it, the first by the last. Shapes: [B, ..] -> alike.</summary>
    public static Tensor PreviousRows(Tensor x)
    {
        int B = x.Shape[0];
        return B < 2 ? x : Tensor.Concat([x.Narrow(0, B - 1, 1), x.Narrow(0, 0, B - 1)], 0);
    }

    // blocks.L.: in block L of B the rate is (L + 1) / B of the last one's.
    private double PathRate(string site)
    {
        if (rates.Path == 0) return 0;
        ReadOnlySpan<char> rest = site.AsSpan("blocks.".Length);
        int block = int.Parse(rest[..rest.IndexOf('.')], NumberStyles.None, CultureInfo.InvariantCulture);
        return rates.Path * (block + 1) / blockCount;
    }
}

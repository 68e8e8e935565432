using Weft.Models.Layers;

namespace Weft.Models.Decoder;

/// <summary>How rotary angles are stretched so that a model reads longer texts than it was pretrained on.</summary>
public enum RotaryScalingKind
{
    /// <summary>Positions are divided by a factor (Chen et al. 2023, arXiv:2306.15595).</summary>
    Linear,

    /// <summary>The base grows with the length of the text ("dynamic NTK").</summary>
    Dynamic,

    /// <summary>Slow pairs are stretched, fast ones kept, by pair number (Peng et al. 2023, arXiv:2309.00071).</summary>
    Yarn,

    /// <summary>A divisor for each pair, one list for short texts and one for long ones (Ding et al. 2024, arXiv:2402.13753).</summary>
    LongRope,

    /// <summary>Slow pairs are stretched, fast ones kept, by wavelength (Llama 3.1, arXiv:2407.21783).</summary>
    Llama3,
}

/// <summary>The settings of a stretching; those that a kind does not use are ignored.</summary>
public sealed record RotaryScaling
{
    /// <summary>Which stretching.</summary>
    public required RotaryScalingKind Kind { get; init; }

    /// <summary>How many times longer texts become; null derives it from the two context lengths (LongRope, Yarn).</summary>
    public double? Factor { get; init; }

    /// <summary>The context length of pretraining; null means the model's context length.</summary>
    public int? OriginalContext { get; init; }

    /// <summary>Llama3: pairs that turn less often than this within the original context are stretched. Default: 1.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Llama3: pairs that turn more often than this are kept. Default: 4.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Yarn: pairs that turn more often than this within the original context are kept. Default: 32 (the paper's).</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>Yarn: pairs that turn less often than this are stretched. Default: 1 (the paper's).</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>Yarn: whether the borders are rounded to whole pairs. Default: yes.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>What cosines and sines are multiplied by; null derives it.</summary>
    public double? AttentionFactor { get; init; }

    /// <summary>Yarn in DeepSeek: the numerator of that factor.</summary>
    public double? Mscale { get; init; }

    /// <summary>Yarn in DeepSeek: its denominator, which also scales the scores.</summary>
    public double? MscaleAllDimensions { get; init; }

    /// <summary>LongRope: a divisor for each pair in texts up to the original context.</summary>
    public IReadOnlyList<double>? ShortFactors { get; init; }

    /// <summary>LongRope: a divisor for each pair in longer texts.</summary>
    public IReadOnlyList<double>? LongFactors { get; init; }

    /// <summary>The length from which on all angles differ, so that what was cached before has to be read again; null where there is none.</summary>
    public int? RereadBeyond(int contextLength) => Kind == RotaryScalingKind.LongRope ? OriginalContext ?? contextLength : null;

    /// <summary>The frequencies for a text of the given length.</summary>
    /// <param name="size">The number of elements that turn.</param>
    /// <param name="rotaryBase">The base of the angles.</param>
    /// <param name="contextLength">The model's context length.</param>
    /// <param name="tokenCount">The length of the text.</param>
    public RotaryFrequencies Frequencies(int size, double rotaryBase, int contextLength, int tokenCount)
    {
        int original = OriginalContext ?? contextLength;
        return Kind switch
        {
            RotaryScalingKind.Linear => RotaryFrequencies.Linear(size, rotaryBase, Factor ?? 1),
            RotaryScalingKind.Dynamic => RotaryFrequencies.Dynamic(size, rotaryBase, Factor ?? 1, contextLength, tokenCount),
            RotaryScalingKind.Yarn => RotaryFrequencies.Yarn(size, rotaryBase, Factor ?? (double)contextLength / original, original, BetaFast, BetaSlow, Truncate, AttentionFactor, Mscale, MscaleAllDimensions),
            RotaryScalingKind.LongRope => RotaryFrequencies.LongRope(rotaryBase, [.. ShortFactors!], [.. LongFactors!], original, contextLength, Factor, AttentionFactor, tokenCount),
            _ => RotaryFrequencies.Llama3(size, rotaryBase, Factor ?? 1, LowFrequencyFactor, HighFrequencyFactor, original),
        };
    }

    /// <summary>Throws if a value is missing or out of range.</summary>
    internal void Validate(int size)
    {
        if (Factor is { } factor && !(factor > 0)) throw new ArgumentException($"RotaryScaling.Factor {factor} must be positive.");
        if (Factor is null && Kind is RotaryScalingKind.Linear or RotaryScalingKind.Dynamic or RotaryScalingKind.Llama3) throw new ArgumentException($"RotaryScaling.Factor is missing for {Kind}.");
        if (OriginalContext < 1) throw new ArgumentException($"RotaryScaling.OriginalContext {OriginalContext} must be at least 1.");
        if (Kind != RotaryScalingKind.LongRope) return;
        if (ShortFactors?.Count != size / 2 || LongFactors?.Count != size / 2)
            throw new ArgumentException($"RotaryScaling: {ShortFactors?.Count ?? 0} short and {LongFactors?.Count ?? 0} long factors for {size / 2} pairs of elements.");
    }
}

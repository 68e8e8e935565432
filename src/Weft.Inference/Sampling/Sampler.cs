using Weft.Tensors;

namespace Weft.Inference.Sampling;

/// <summary>How the next token is chosen.</summary>
public sealed record SamplingSettings
{
    /// <summary>0 always takes the likeliest token; 1 draws from the model's own distribution. Default: 1.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the k likeliest tokens; 0 for all. Default: all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the likeliest tokens that together reach this probability; 1 for all. Default: all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens at least this fraction as likely as the likeliest; 0 for all. Default: all.</summary>
    public double MinP { get; init; }

    /// <summary>Above 1 discourages tokens that the text already holds. Default: 1, no effect.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>The same seed draws the same text. Default: 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Throws if a value is out of range.</summary>
    /// <exception cref="ArgumentException">Names the setting, its value and the rule.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0)) throw new ArgumentException($"temperature {Temperature} must be 0 or above.");
        if (TopK < 0) throw new ArgumentException($"top-k {TopK} must be 0 or above.");
        _ = new Sampler(this);
    }
}

/// <summary>Chooses a token from logits.</summary>
/// <remarks>Order, as in transformers: repetition penalty, temperature, top-k, top-p, min-p. One sampler serves one text.</remarks>
public sealed class Sampler
{
    private readonly List<LogitsProcessor> _processors = [];
    private readonly RandomGenerator? _generator;

    /// <summary>Makes a sampler; <paramref name="stream"/> tells several texts of one seed apart.</summary>
    public Sampler(SamplingSettings settings, uint stream = 0)
    {
        if (settings.RepetitionPenalty != 1) _processors.Add(new RepetitionPenalty(settings.RepetitionPenalty));
        if (settings.Temperature == 0) return;
        if (settings.Temperature != 1) _processors.Add(new Temperature(settings.Temperature));
        if (settings.TopK > 0) _processors.Add(new TopK(settings.TopK));
        if (settings.TopP != 1) _processors.Add(new TopP(settings.TopP));
        if (settings.MinP != 0) _processors.Add(new MinP(settings.MinP));
        _generator = new RandomGenerator(settings.Seed, stream);
    }

    /// <summary>Chooses the next token. The logits are changed.</summary>
    /// <param name="logits">[V].</param>
    /// <param name="ids">The text so far.</param>
    public int Next(Span<float> logits, ReadOnlySpan<int> ids)
    {
        foreach (LogitsProcessor processor in _processors) processor.Apply(logits, ids);
        return _generator is null ? Largest(logits) : Draw(logits, _generator.NextDouble());
    }

    /// <summary>The id of the largest logit, the first of several.</summary>
    public static int Largest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++) if (logits[i] > logits[best]) best = i;
        return best;
    }

    // The first id at which the cumulative probability exceeds a uniform draw.
    private static int Draw(Span<float> logits, double uniform)
    {
        float maximum = logits[Largest(logits)];
        double total = 0;
        foreach (ref float logit in logits)
        {
            logit = MathF.Exp(logit - maximum);
            total += logit;
        }
        double target = uniform * total, sum = 0;
        int last = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (logits[i] == 0) continue;
            sum += logits[i];
            last = i;
            if (sum > target) return i;
        }
        return last;
    }
}

using System.Numerics;
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

    /// <summary>Only tokens about as surprising as is expected, that together reach this probability; 1 for all. Default: all.</summary>
    public double TypicalP { get; init; } = 1;

    /// <summary>Only tokens that are at least so likely; 0 for all. Default: all.</summary>
    public double EpsilonCutoff { get; init; }

    /// <summary>As <see cref="EpsilonCutoff"/>, but lower where the model is unsure; 0 for all. Default: all.</summary>
    public double EtaCutoff { get; init; }

    /// <summary>Only the likeliest tokens that together hold this share of the entropy; 0 for all. Default: all.</summary>
    public double TopH { get; init; }

    /// <summary>Above 1 discourages tokens that the text already holds. Default: 1, no effect.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>What the logit of each token that the text holds is lowered by, once. Default: 0.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>What the logit of a token is lowered by for each time that the text holds it. Default: 0.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>No sequence of so many tokens occurs twice; 0 allows all. Default: 0.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>What is added to the logits of single tokens, by id. Default: nothing.</summary>
    public IReadOnlyDictionary<int, double> LogitBias { get; init; } = new Dictionary<int, double>();

    /// <summary>Sequences of token ids that must not be completed. Default: none.</summary>
    public IReadOnlyList<int[]> BadWords { get; init; } = [];

    /// <summary>Further processors, which act before temperature, in this order; they belong to one text at a time. Default: none.</summary>
    public IReadOnlyList<LogitsProcessor> Processors { get; init; } = [];

    /// <summary>The same seed draws the same text. Default: 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Throws if a value is out of range.</summary>
    /// <exception cref="ArgumentException">Names the setting, its value and the rule.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0)) throw new ArgumentException($"temperature {Temperature} must be 0 or above.");
        if (TopK < 0) throw new ArgumentException($"top-k {TopK} must be 0 or above.");
        if (NoRepeatNgramSize < 0) throw new ArgumentException($"no-repeat n-gram size {NoRepeatNgramSize} must be 0 or above.");
        _ = new Sampler(this);
    }
}

/// <summary>Chooses a token from logits.</summary>
/// <remarks>
/// Order, as in transformers: logit bias, repetition, presence and frequency penalties, no-repeat n-grams, bad words, the caller's
/// own processors; then temperature, top-h, top-k, top-p, min-p, typical, epsilon and eta. One sampler serves one text.
/// </remarks>
public sealed class Sampler
{
    private readonly List<LogitsProcessor> _processors = [];
    private readonly RandomGenerator? _generator;

    /// <summary>Makes a sampler; <paramref name="stream"/> tells several texts of one seed apart.</summary>
    public Sampler(SamplingSettings settings, uint stream = 0)
    {
        if (settings.LogitBias.Count > 0) _processors.Add(new SequenceBias(settings.LogitBias.Select(static b => (new[] { b.Key }, b.Value))));
        if (settings.RepetitionPenalty != 1) _processors.Add(new RepetitionPenalty(settings.RepetitionPenalty));
        if (settings.PresencePenalty != 0 || settings.FrequencyPenalty != 0) _processors.Add(new PresenceFrequencyPenalty(settings.PresencePenalty, settings.FrequencyPenalty));
        if (settings.NoRepeatNgramSize > 0) _processors.Add(new NoRepeatNgram(settings.NoRepeatNgramSize));
        if (settings.BadWords.Count > 0) _processors.Add(new BadWords(settings.BadWords));
        _processors.AddRange(settings.Processors);
        if (settings.Temperature == 0) return;
        if (settings.Temperature != 1) _processors.Add(new Temperature(settings.Temperature));
        if (settings.TopH != 0) _processors.Add(new TopH(settings.TopH));
        if (settings.TopK > 0) _processors.Add(new TopK(settings.TopK));
        if (settings.TopP != 1) _processors.Add(new TopP(settings.TopP));
        if (settings.MinP != 0) _processors.Add(new MinP(settings.MinP));
        if (settings.TypicalP != 1) _processors.Add(new TypicalP(settings.TypicalP));
        if (settings.EpsilonCutoff != 0) _processors.Add(new EpsilonCutoff(settings.EpsilonCutoff));
        if (settings.EtaCutoff != 0) _processors.Add(new EtaCutoff(settings.EtaCutoff));
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

    private static int Draw(Span<float> logits, double uniform)
    {
        float maximum = logits[Largest(logits)];
        double total = 0;
        foreach (ref float logit in logits)
        {
            logit = MathF.Exp(logit - maximum);
            total += logit;
        }
        return IndexAt<float>(logits, uniform * total);
    }

    /// <summary>The first index at which the running sum of weights exceeds a target: a draw, if the target is uniform below their sum.</summary>
    /// <param name="weights">Probabilities, or numbers in proportion to them.</param>
    /// <param name="target">At least 0 and below the sum; beyond it (by rounding) the last index with a weight above 0 is taken.</param>
    public static int IndexAt<T>(ReadOnlySpan<T> weights, double target) where T : unmanaged, IFloatingPointIeee754<T>
    {
        double sum = 0;
        int last = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == T.Zero) continue;
            sum += double.CreateTruncating(weights[i]);
            last = i;
            if (sum > target) return i;
        }
        return last;
    }
}

namespace Weft.Models.Layers;

/// <summary>By how much a rotary embedding turns each pair of elements per position, and what scales the turned vectors.</summary>
/// <remarks>
/// The schemes of transformers' <c>modeling_rope_utils</c>, in double precision. Everywhere D is the number of turned elements
/// (even), base is theta, and the plain frequency of pair i is base^(-2i/D) (Su et al. 2021, arXiv:2104.09864, section 3.4.3).
/// </remarks>
/// <param name="InverseFrequencies">Radians per position for each pair: [D/2].</param>
/// <param name="AttentionFactor">What cosines and sines are multiplied by; 1 for most schemes.</param>
public sealed record RotaryFrequencies(double[] InverseFrequencies, double AttentionFactor = 1)
{
    /// <summary>base^(-2i/D).</summary>
    public static RotaryFrequencies Plain(int size, double theta) => new(Frequencies(size, size, theta));

    /// <summary>Positions divided by a factor (Chen et al. 2023, arXiv:2306.15595).</summary>
    public static RotaryFrequencies Linear(int size, double theta, double factor) => new(Array.ConvertAll(Frequencies(size, size, theta), f => f / factor));

    /// <summary>A base that grows with the text: base · (factor · T / context - (factor - 1))^(D / (D - 2)) once T exceeds the context ("dynamic NTK").</summary>
    public static RotaryFrequencies Dynamic(int size, double theta, double factor, int contextLength, int? tokenCount = null)
    {
        double length = Math.Max(tokenCount ?? contextLength, contextLength);
        return Plain(size, theta * Math.Pow(factor * length / contextLength - (factor - 1), size / (size - 2.0)));
    }

    /// <summary>Only the first share of the pairs turn, at the frequencies of the whole head; the rest stand still (Gemma 3n, EmbeddingGemma).</summary>
    public static RotaryFrequencies Proportional(int headSize, double theta, double share, double factor = 1)
    {
        int turning = (int)(share * headSize / 2);
        double[] all = new double[headSize / 2];
        Frequencies(2 * turning, headSize, theta).CopyTo(all, 0);
        return new RotaryFrequencies(Array.ConvertAll(all, f => f / factor));
    }

    /// <summary>Slow pairs are divided by a factor, fast ones kept, those between blended by wavelength (Llama 3.1, arXiv:2407.21783).</summary>
    /// <param name="size">D.</param>
    /// <param name="theta">The base.</param>
    /// <param name="factor">How many times longer texts become.</param>
    /// <param name="lowFrequencyFactor">Pairs that turn less than this often within the original context are slow.</param>
    /// <param name="highFrequencyFactor">Pairs that turn more than this often are fast.</param>
    /// <param name="originalContext">The context length of pretraining.</param>
    public static RotaryFrequencies Llama3(int size, double theta, double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalContext) =>
        new(Array.ConvertAll(Frequencies(size, size, theta), f =>
        {
            double turns = originalContext * f / (2 * Math.PI);
            double fast = Math.Clamp((turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor), 0, 1);
            return (1 - fast) * f / factor + fast * f;
        }));

    /// <summary>A divisor for each pair, one list for short texts and one for longer ones than pretraining saw (Ding et al. 2024, arXiv:2402.13753).</summary>
    /// <param name="theta">The base.</param>
    /// <param name="shortFactors">[D/2], up to and including the original context.</param>
    /// <param name="longFactors">[D/2], beyond it.</param>
    /// <param name="originalContext">The context length of pretraining.</param>
    /// <param name="contextLength">The context length now; gives the factor if there is none.</param>
    /// <param name="factor">How many times longer texts become.</param>
    /// <param name="attentionFactor">Replaces sqrt(1 + ln factor / ln originalContext).</param>
    /// <param name="tokenCount">The length of the text.</param>
    public static RotaryFrequencies LongRope(double theta, double[] shortFactors, double[] longFactors, int originalContext, int contextLength,
        double? factor = null, double? attentionFactor = null, int? tokenCount = null)
    {
        double[] divisors = tokenCount > originalContext ? longFactors : shortFactors;
        double[] plain = Frequencies(2 * divisors.Length, 2 * divisors.Length, theta);
        for (int i = 0; i < plain.Length; i++) plain[i] /= divisors[i];
        double stretch = factor ?? (double)contextLength / originalContext;
        return new RotaryFrequencies(plain, attentionFactor ?? (stretch <= 1 ? 1 : Math.Sqrt(1 + Math.Log(stretch) / Math.Log(originalContext))));
    }

    /// <summary>Slow pairs are divided by a factor, fast ones kept, those between blended by pair number (Peng et al. 2023, arXiv:2309.00071).</summary>
    /// <param name="size">D.</param>
    /// <param name="theta">The base.</param>
    /// <param name="factor">How many times longer texts become.</param>
    /// <param name="originalContext">The context length of pretraining.</param>
    /// <param name="betaFast">Pairs that turn more often than this within the original context are kept.</param>
    /// <param name="betaSlow">Pairs that turn less often than this are divided.</param>
    /// <param name="truncate">Whether the borders between them are rounded outwards to whole pairs.</param>
    /// <param name="attentionFactor">Replaces the factor that follows from the rest.</param>
    /// <param name="mscale">DeepSeek's numerator, with <paramref name="mscaleAllDimensions"/>.</param>
    /// <param name="mscaleAllDimensions">DeepSeek's denominator.</param>
    public static RotaryFrequencies Yarn(int size, double theta, double factor, int originalContext, double betaFast = 32, double betaSlow = 1,
        bool truncate = true, double? attentionFactor = null, double? mscale = null, double? mscaleAllDimensions = null)
    {
        // The pair that turns so often within the original context (eq. 18 solved for the pair).
        double Pair(double turns) => size * Math.Log(originalContext / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
        double low = Pair(betaFast), high = Pair(betaSlow);
        if (truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, size - 1));
        double width = high == low ? 0.001 : high - low;
        double[] plain = Frequencies(size, size, theta);
        for (int i = 0; i < plain.Length; i++)
        {
            double slow = Math.Clamp((i - low) / width, 0, 1);
            plain[i] = plain[i] / factor * slow + plain[i] * (1 - slow);
        }
        double Scale(double m) => factor <= 1 ? 1 : 0.1 * m * Math.Log(factor) + 1; // eq. 22
        double derived = mscale is { } m && m != 0 && mscaleAllDimensions is { } all && all != 0 ? Scale(m) / Scale(all) : Scale(1);
        return new RotaryFrequencies(plain, attentionFactor ?? derived);
    }

    private static double[] Frequencies(int size, int headSize, double theta)
    {
        double[] frequencies = new double[size / 2];
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] = Math.Pow(theta, -2.0 * i / headSize);
        return frequencies;
    }
}

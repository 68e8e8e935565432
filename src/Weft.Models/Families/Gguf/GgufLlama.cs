using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;

namespace Weft.Models.Families.Gguf;

/// <summary>Llama and what has its layers. Rows of queries and keys are in llama.cpp's order, with rotary pairs side by side.</summary>
/// <remarks>
/// Llama 3.1 and later stretch slow rotary pairs. GGUF has no keys for that but a tensor of divisors, one a pair; the settings that made them
/// are found again, so that a folder written from the file has them.
/// </remarks>
public sealed class GgufLlama : GgufLlamaLayout
{
    private const string Divisors = "rope_freqs.weight";

    // Divisors are rounded to single precision once.
    private const double Tolerance = 1e-6;

    /// <inheritdoc/>
    public override string Architecture => "llama";

    private protected override bool HasNeighbourPairs => true;

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) => new LlamaFamily().CanExpress(config)
        && config is { RotaryScaling: null or { Kind: RotaryScalingKind.Llama3 }, ResolvedQueryKeyValueBias: false, ResolvedFeedForwardBias: false, ResolvedActivation: ActivationKind.Silu };

    /// <inheritdoc/>
    public override IEnumerable<(string Tensor, float[] Values)> Settings(DecoderConfig config) =>
        config.RotaryScaling is null ? [] : [(Divisors, Array.ConvertAll(DivisorsOf(config.RotaryScaling, config.ResolvedHeadSize, config.RotaryBase, config.ContextLength), static d => (float)d))];

    private static double[] DivisorsOf(RotaryScaling scaling, int headSize, double rotaryBase, int contextLength)
    {
        double[] plain = RotaryFrequencies.Plain(headSize, rotaryBase).InverseFrequencies, stretched = scaling.Frequencies(headSize, rotaryBase, contextLength, contextLength).InverseFrequencies;
        double[] divisors = new double[plain.Length];
        for (int i = 0; i < divisors.Length; i++) divisors[i] = plain[i] / stretched[i];
        return divisors;
    }

    private protected override RotaryScaling? ReadScaling(GgufKeys keys, int headSize, double rotaryBase, int contextLength)
    {
        if (!keys.File.Entries.TryGetValue(Divisors, out GgufEntry? entry)) return null;
        float[] given = new float[headSize / 2];
        if (entry.Shape.Length != 1 || entry.Shape[0] != given.Length) throw new WeftFileException(keys.File.Path, entry.Offset, $"the tensor '{Divisors}' must hold {given.Length} divisors, one for each rotary pair.", fault: FileFault.ShapeMismatch);
        keys.File.ReadAsSingle(entry, given);
        if (given.AsSpan().IndexOfAnyExcept(1f) < 0) return null;
        float factor = given.Max();
        // Meta's models were all pretrained on 8,192 tokens; others may have stretched from elsewhere.
        foreach (int original in (int[])[8192, (int)(contextLength / factor), 2048, 4096, 16384, 32768])
        {
            RotaryScaling scaling = new() { Kind = RotaryScalingKind.Llama3, Factor = factor, OriginalContext = original };
            if (original > 0 && factor > 0 && DivisorsOf(scaling, headSize, rotaryBase, contextLength).Zip(given, static (d, g) => Math.Abs(d - g) <= Tolerance * d).All(static same => same)) return scaling;
        }
        throw new WeftFileException(keys.File.Path, entry.Offset, $"the tensor '{Divisors}' holds divisors that are not Llama 3's (pairs that turn less than once in the original context divided by {factor}, those that turn four times kept), which is not supported.");
    }
}

using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>The key-value cache changes the cost of a token, not the token.</summary>
public sealed class CachedGeneration : Experiment
{
    private const int PromptLength = 7, NewTokens = 80;

    /// <inheritdoc/>
    public override string Name => "cached-generation";

    /// <inheritdoc/>
    public override string Claim => "Greedy generation with the key-value cache gives the tokens that computing everything anew gives.";

    /// <inheritdoc/>
    public override string Source => "Shazeer 2019, Fast transformer decoding (arXiv:1911.02150), section 2.4: incremental decoding is the same function.";

    /// <inheritdoc/>
    public override string Procedure => $"Two random models (GPT-2's layers; Llama's with grouped queries) continue {PromptLength} tokens by {NewTokens}, with the cache and without.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Exactly("tokens that differ", 0, "", "The weights are large on purpose, so that the likeliest token is well ahead of rounding."),
        ExpectedFigure.AtMost("largest difference of logits", 1e-5, "of the largest logit", "Two orders of summation of some hundred float32 terms."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        DecoderConfig gpt = new() { VocabularySize = 97, ContextLength = 96, HiddenSize = 48, BlockCount = 3, HeadCount = 4, InitializerRange = 0.3 };
        DecoderConfig llama = gpt with { Positions = PositionScheme.Rotary, Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu, KeyValueHeadCount = 2, LinearBias = false };
        int differing = 0;
        double largest = 0;
        using GradMode.Restorer mode = GradMode.Off();
        foreach (DecoderConfig config in (DecoderConfig[])[gpt, llama])
        {
            DecoderModel model = new DecoderModel(config).Initialize(new RandomGenerator(5));
            List<int> ids = [.. Enumerable.Range(1, PromptLength)];
            ForwardSettings settings = new() { Cache = new KeyValueCache(config) };
            Tensor cached = model.Forward(Tensor.From(ids.ToArray(), [1, ids.Count]), settings).Select(0, 0).Select(0, -1);
            for (int i = 0; i < NewTokens; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                progress.Report($"token {i} of {NewTokens}");
                float[] a = model.Forward(Tensor.From(ids.ToArray(), [1, ids.Count])).Select(0, 0).Select(0, -1).ToArray<float>(), b = cached.ToArray<float>();
                float scale = a.Max(MathF.Abs);
                largest = Math.Max(largest, a.Zip(b, (x, y) => MathF.Abs(x - y) / scale).Max());
                int next = Array.IndexOf(a, a.Max());
                if (next != Array.IndexOf(b, b.Max())) differing++;
                ids.Add(next);
                cached = model.Forward(Tensor.From([next], [1, 1]), settings).Select(0, 0).Select(0, -1);
            }
        }
        return [differing, largest];
    }
}

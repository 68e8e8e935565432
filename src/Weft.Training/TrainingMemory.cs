using Weft.Models.Decoder;
using Weft.Tensors;

namespace Weft.Training;

/// <summary>How much memory a training run will hold at its peak, worked out from its settings.</summary>
/// <param name="WeightBytes">The weights.</param>
/// <param name="GradientBytes">Their gradients.</param>
/// <param name="OptimizerBytes">The two moments of AdamW.</param>
/// <param name="ActivationBytes">What the forward pass keeps for the backward pass, and what that needs on the way.</param>
/// <param name="HeadBytes">The logits that are held at once.</param>
/// <param name="RuntimeBytes">Code, threads' scratch blocks and the runtime itself.</param>
public sealed record TrainingMemory(long WeightBytes, long GradientBytes, long OptimizerBytes, long ActivationBytes, long HeadBytes, long RuntimeBytes)
{
    // What `weft` holds before a model is made, and two threads' blocks: measured on Linux, .NET 10.
    private const long Runtime = 75L << 20;

    /// <summary>All of it.</summary>
    public long TotalBytes => WeightBytes + GradientBytes + OptimizerBytes + ActivationBytes + HeadBytes + RuntimeBytes;

    /// <summary>Works it out.</summary>
    /// <remarks>
    /// Per token and block the forward pass keeps, in floats: two norms 2 C, queries, keys and values (H + 2 G) D (those that are
    /// turned, (H + G) D, once more), the attention's result H D, both branches and both sums 4 C, and the feed-forward network's
    /// inner values before and after the activation. Dropout adds 2 C, and on attention 3 H times the tokens seen. With checkpoints one
    /// block's are held, and C for every block. The backward pass needs the largest of these once more for gradients.
    /// </remarks>
    /// <param name="config">The settings.</param>
    /// <param name="vocabularySize">The number of tokens.</param>
    public static TrainingMemory Predict(TrainingConfig config, int vocabularySize)
    {
        DecoderConfig model = config.ToDecoderConfig(vocabularySize, null);
        long C = model.HiddenSize, H = model.HeadCount, G = model.ResolvedKeyValueHeadCount, D = model.ResolvedHeadSize, F = model.ResolvedFeedForwardSize, L = model.BlockCount;
        long tokens = (long)config.BatchSize * config.ContextLength, expanded = model.FeedForward == FeedForwardKind.SwiGlu ? 2 * F : F;
        long weights = 4 * new ParameterCount(model).Total;

        long heads = (H + 2 * G) * D, block = 6 * C + heads + H * D + H + 4 + expanded + F;
        if (model.Positions == PositionScheme.Rotary) block += (H + G) * D;
        if (config.Dropout > 0) block += 2 * C + 3 * H * config.ContextLength;
        long passing = 4 * C + heads + H * D + expanded + F, kept = config.CheckpointActivations ? L * C + block : L * block;
        long logits = Math.Min(tokens * vocabularySize, Math.Max(LinearCrossEntropyOps.KeptLogits, 16L * vocabularySize));
        return new TrainingMemory(weights, weights, 2 * weights, 4 * tokens * (kept + passing + 4 * C), 4 * logits, Runtime);
    }

    // The weights of the architecture, without making them.
    private readonly record struct ParameterCount(DecoderConfig Model)
    {
        internal long Total
        {
            get
            {
                long C = Model.HiddenSize, H = Model.HeadCount, G = Model.ResolvedKeyValueHeadCount, D = Model.ResolvedHeadSize, F = Model.ResolvedFeedForwardSize;
                long norm = Model.Normalization == NormalizationKind.LayerNorm && Model.NormalizationBias ? 2 * C : C, expanded = Model.FeedForward == FeedForwardKind.SwiGlu ? 2 * F : F;
                long block = 2 * norm + C * (H + 2 * G) * D + H * D * C + C * expanded + F * C;
                if (Model.LinearBias) block += (H + 2 * G) * D + C + expanded + C;
                long tables = (Model.TieEmbeddings ? 1 : 2) * (long)Model.VocabularySize * C;
                if (Model.Positions == PositionScheme.Learned) tables += (long)Model.ContextLength * C;
                return Model.BlockCount * block + norm + tables;
            }
        }
    }
}

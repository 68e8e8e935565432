using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Training.Data;

namespace Weft.Training.Objectives;

/// <summary>Learning to predict each next token.</summary>
/// <remarks>Mean over the counted positions of -log p(target), in nats per token (Bengio et al. 2003, eq. 1).</remarks>
public static class NextTokenObjective
{
    /// <summary>The loss on a batch, a single number that can be differentiated.</summary>
    public static Tensor Loss(DecoderModel model, TokenBatch batch, ForwardSettings? settings = null)
    {
        Tensor logits = model.Forward(batch.Inputs, settings);                      // [B, T, V]
        return logits.Flatten(0, 1).CrossEntropy(batch.Targets.Flatten(), ignoreIndex: TokenBatch.Ignored);
    }
}

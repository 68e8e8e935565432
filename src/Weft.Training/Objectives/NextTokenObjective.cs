using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Training.Data;

namespace Weft.Training.Objectives;

/// <summary>Learning to predict each next token.</summary>
/// <remarks>Mean over the counted positions of -log p(target), in nats per token (Bengio et al. 2003, eq. 1).</remarks>
public static class NextTokenObjective
{
    /// <summary>The loss on a batch, a single number that can be differentiated.</summary>
    public static Tensor Loss(DecoderModel model, TokenBatch batch, ForwardSettings? settings = null) =>
        model.Loss(batch.Inputs, batch.Targets, settings, TokenBatch.Ignored);
}

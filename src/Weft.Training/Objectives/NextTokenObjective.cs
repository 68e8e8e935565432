using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Training.Data;

namespace Weft.Training.Objectives;

/// <summary>Learning to predict each next token.</summary>
/// <remarks>Mean over the counted positions of -log p(target), in nats per token (Bengio et al. 2003, eq. 1).</remarks>
public static class NextTokenObjective
{
    /// <summary>The loss on a batch, a single number that can be differentiated; for a model that asks for it with the loss that keeps its experts equally busy.</summary>
    public static Tensor Loss(DecoderModel model, TokenBatch batch, ForwardSettings? settings = null)
    {
        if (model.Config.Experts is { TrainsBalance: true } experts) return LossWithBalance(model, experts, batch, settings);
        return model.Loss(batch.Inputs, batch.Targets, settings, TokenBatch.Ignored); // []
    }

    private static Tensor LossWithBalance(DecoderModel model, ExpertsConfig experts, TokenBatch batch, ForwardSettings? settings)
    {
        List<Tensor> routerLogits = [];
        ForwardSettings collecting = new()
        {
            Cache = settings?.Cache, Dropout = settings?.Dropout, Tap = settings?.Tap, Positions = settings?.Positions, KeyMask = settings?.KeyMask, RouterLogits = routerLogits,
        };
        Tensor loss = model.Loss(batch.Inputs, batch.Targets, collecting, TokenBatch.Ignored); // []
        return loss + ExpertBalance.Loss(routerLogits, experts.ChosenCount) * experts.BalanceWeight;
    }
}

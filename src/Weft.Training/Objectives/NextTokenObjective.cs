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
        if (model.Config.Experts is not { TrainsBalance: true } experts) return model.Loss(batch.Inputs, batch.Targets, settings, TokenBatch.Ignored); // []
        ForwardSettings collecting = WithRouterLogits(settings);
        return model.Loss(batch.Inputs, batch.Targets, collecting, TokenBatch.Ignored) + Balance(collecting, experts);
    }

    /// <summary>The same settings, with a list for the routers' logits.</summary>
    internal static ForwardSettings WithRouterLogits(ForwardSettings? settings) => new()
    {
        Cache = settings?.Cache, Dropout = settings?.Dropout, Tap = settings?.Tap, Positions = settings?.Positions, KeyMask = settings?.KeyMask, RouterLogits = [],
    };

    /// <summary>The loss that keeps experts equally busy, of all passes that have filled the list.</summary>
    internal static Tensor Balance(ForwardSettings collecting, ExpertsConfig experts) => ExpertBalance.Loss([.. collecting.RouterLogits!], experts.ChosenCount) * experts.BalanceWeight;
}

using Weft.Tensors;
using Weft.Training.Schedules;

namespace Weft.Training.Optimizers;

/// <summary>Parameters that are updated alike.</summary>
/// <param name="Parameters">The tensors, each with a name of its own.</param>
/// <param name="WeightDecay">How strongly they are pulled to zero.</param>
/// <param name="RateFactor">Multiplies the learning rate.</param>
public sealed record ParameterGroup(IReadOnlyList<Tensor> Parameters, double WeightDecay = 0, double RateFactor = 1)
{
    /// <summary>Options of this group's own, of the optimizer's type; null for those of the optimizer.</summary>
    public OptimizerOptions? Options { get; init; }

    /// <summary>A schedule of this group's own, which replaces the rate that the step is given; null for that one.</summary>
    public LearningRateSchedule? Schedule { get; init; }

    /// <summary>The factor of an L1 penalty λ Σ|p|, applied as its proximal step after the update: every value moves to zero by rate · λ and stops there.</summary>
    /// <remarks>Soft thresholding (Beck and Teboulle 2009, SIAM J. Imaging Sciences 2(1), eq. 1.5). Unlike the penalty's gradient it makes exact zeros.</remarks>
    public double L1 { get; init; }

    /// <summary>The factor of an L2 penalty λ/2 Σp², added to the gradient before the optimizer sees it.</summary>
    public double L2 { get; init; }

    /// <summary>
    /// Matrices and tables decay, offsets and gains do not: what every GPT since GPT-2 does, since pulling a gain to zero
    /// silences its layer.
    /// </summary>
    public static ParameterGroup[] ByRank(IEnumerable<Tensor> parameters, double weightDecay)
    {
        ILookup<bool, Tensor> byRank = parameters.ToLookup(static p => p.Rank >= 2);
        return [new ParameterGroup([.. byRank[true]], weightDecay), new ParameterGroup([.. byRank[false]])];
    }
}

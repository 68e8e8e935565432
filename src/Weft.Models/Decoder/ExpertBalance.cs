using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>A loss that is smallest when all experts are equally busy.</summary>
public static class ExpertBalance
{
    /// <summary>E · Σ over experts of (choices of the expert / tokens) · (mean probability of the expert), the tokens of all blocks together.</summary>
    /// <remarks>
    /// Fedus et al. 2021, arXiv:2101.03961, eq. 4, for K choices a token as transformers computes it: equal use gives K. The choices
    /// are the K largest probabilities, whatever the model's own rule, and have no gradient. Shapes: each [N, E] -> a number.
    /// </remarks>
    /// <param name="routerLogits">The logits of each block with experts, as <see cref="ForwardSettings.RouterLogits"/> collects them.</param>
    /// <param name="chosenCount">K: how many experts a token uses.</param>
    /// <exception cref="ArgumentException">There are no logits.</exception>
    public static Tensor Loss(IReadOnlyList<Tensor> routerLogits, int chosenCount)
    {
        if (routerLogits.Count == 0) throw new ArgumentException("ExpertBalance: there are no router logits.");
        Tensor probabilities = Tensor.Concat([.. routerLogits], 0).Softmax();       // [M, E]
        int M = probabilities.Shape[0], E = probabilities.Shape[1];
        Tensor order = probabilities.Detach().ArgSort(1, descending: true).Narrow(1, 0, chosenCount); // [M, K]
        double[] share = new double[E];
        foreach (int expert in order.Contiguous().ToArray<int>()) share[expert] += 1.0 / M;
        return (probabilities.Mean(0) * Tensor.From(share).To(probabilities.DType)).Sum() * (double)E;
    }
}

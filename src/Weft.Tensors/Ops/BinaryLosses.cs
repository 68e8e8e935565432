namespace Weft.Tensors;

/// <summary>Losses of yes-or-no answers and of margins. Shapes: x and target alike -> [] or, with <see cref="Reduction.None"/>, alike.</summary>
public static class BinaryLosses
{
    /// <summary>-(t ln x + (1 - t) ln(1 - x)) of probabilities x; each logarithm is at least -100, as in PyTorch.</summary>
    public static Tensor BinaryCrossEntropy(this Tensor x, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(x, target, nameof(BinaryCrossEntropy));
        Tensor losses = -(target * x.Log().Clamp(-100) + (1.0 - target) * (1.0 - x).Log().Clamp(-100));
        return ClassificationLosses.Reduce(weight is null ? losses : losses * weight, reduction);
    }

    /// <summary>The same of logits: -(p t ln σ(x) + (1 - t) ln σ(-x)), without overflow.</summary>
    /// <param name="x">Logits.</param>
    /// <param name="target">Probabilities.</param>
    /// <param name="weight">A factor of each loss; broadcasts.</param>
    /// <param name="positiveWeight">p above: a factor of the positive part; broadcasts.</param>
    /// <param name="reduction">Mean, sum or none.</param>
    public static Tensor BinaryCrossEntropyWithLogits(this Tensor x, Tensor target, Tensor? weight = null, Tensor? positiveWeight = null, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(x, target, nameof(BinaryCrossEntropyWithLogits));
        Tensor positive = target * x.LogSigmoid();
        Tensor losses = -((positiveWeight is null ? positive : positive * positiveWeight) + (1.0 - target) * (-x).LogSigmoid());
        return ClassificationLosses.Reduce(weight is null ? losses : losses * weight, reduction);
    }

    /// <summary>α_t (1 - p_t)^γ times the binary cross entropy, p_t the probability of the true answer (Lin et al. 2017, arXiv:1708.02002, eq. 5), averaged.</summary>
    public static Tensor SigmoidFocalLoss(this Tensor x, Tensor target, double gamma = 2, double alpha = 0.25)
    {
        Elementwise.Fitting(x, target, nameof(SigmoidFocalLoss));
        Tensor p = x.Sigmoid(), wrong = p * (1.0 - target) + (1.0 - p) * target;
        Tensor losses = x.BinaryCrossEntropyWithLogits(target, reduction: Reduction.None);
        return ((target * (2 * alpha - 1) + (1 - alpha)) * losses * wrong.Pow(gamma)).Mean();
    }

    /// <summary>ln(1 + e^(-t x)) with targets t of ±1.</summary>
    public static Tensor SoftMarginLoss(this Tensor x, Tensor target, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce(-(Elementwise.Fitting(x, target, nameof(SoftMarginLoss)) * target).LogSigmoid(), reduction);

    /// <summary>max(0, 1 - t x) with targets t of ±1: the loss of support vector machines.</summary>
    public static Tensor HingeLoss(this Tensor x, Tensor target, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce((1.0 - Elementwise.Fitting(x, target, nameof(HingeLoss)) * target).Clamp(0), reduction);

    /// <summary>x where the target is 1, max(0, margin - x) where it is -1; x is a distance. target is Int32 or real.</summary>
    public static Tensor HingeEmbeddingLoss(this Tensor x, Tensor target, double margin = 1, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce(target.Equal(1).Where(Elementwise.Fitting(x, target, nameof(HingeEmbeddingLoss), sameType: false), (margin - x).Clamp(0)), reduction);

    /// <summary>max(0, margin - t (a - b)): a should be the larger where the target t is 1, b where it is -1. target is Int32 or real.</summary>
    public static Tensor MarginRankingLoss(this Tensor a, Tensor b, Tensor target, double margin = 0, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce((Elementwise.Fitting(target.To(Elementwise.Fitting(a, b, nameof(MarginRankingLoss)).DType), a, nameof(MarginRankingLoss)) * (b - a) + margin).Clamp(0), reduction);

    /// <summary>The mean over classes of the binary cross entropy of logits. Shapes: x, target [.., V], weight [V] -> [] or [..].</summary>
    public static Tensor MultiLabelSoftMarginLoss(this Tensor x, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce(Elementwise.Fitting(x, target, nameof(MultiLabelSoftMarginLoss)).BinaryCrossEntropyWithLogits(target, weight, reduction: Reduction.None).Mean(-1), reduction);
}

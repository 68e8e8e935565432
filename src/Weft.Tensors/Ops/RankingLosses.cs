namespace Weft.Tensors;

/// <summary>Losses that compare classes by margins, vectors by distance, and distributions with each other.</summary>
public static class RankingLosses
{
    /// <summary>Σ over other classes of max(0, margin - x[target] + x[class])^p / V. Shapes: x [.., V], targets [..] (Int32), weight [V].</summary>
    public static Tensor MultiMarginLoss(this Tensor x, Tensor targets, int p = 1, double margin = 1, Tensor? classWeights = null, Reduction reduction = Reduction.Mean)
    {
        if (p is not (1 or 2)) throw new ArgumentOutOfRangeException(nameof(p), $"MultiMarginLoss: p is {p}, not 1 or 2.");
        int classes = x.Shape[^1];
        ClassificationLosses.RequireTargets(x, targets, nameof(MultiMarginLoss));
        Tensor index = targets.Unsqueeze(-1), violations = (x - x.Gather(-1, index) + margin).Clamp(0); // [.., V]
        if (p == 2) violations = violations.Square();
        if (classWeights is not null) violations *= classWeights.IndexSelect(0, targets.Reshape(targets.Count)).Reshape(index.Shape);
        Tensor own = index.Equal(Tensor.Arange(classes));
        return ClassificationLosses.Reduce(violations.MaskedFill(own, 0).Sum(-1) / (double)classes, reduction);
    }

    /// <summary>Σ over labels and non-labels of max(0, 1 - x[label] + x[other]) / V.</summary>
    /// <remarks>Shapes: x [B, V] or [V], targets alike (Int32): the labels of a row, ended by the first -1.</remarks>
    public static Tensor MultiLabelMarginLoss(this Tensor x, Tensor targets, Reduction reduction = Reduction.Mean)
    {
        if (targets.Shape != x.Shape) throw new ArgumentException($"MultiLabelMarginLoss: targets {targets.Shape} for {x.Shape}.");
        int classes = x.Shape[^1];
        int[] labels = targets.ToArray<int>();
        bool[] counts = new bool[labels.Length], isLabel = new bool[labels.Length];
        for (int row = 0; row < labels.Length; row += classes)
            for (int i = row; i < row + classes && labels[i] >= 0; i++)
            {
                if (labels[i] >= classes) throw new ArgumentOutOfRangeException(nameof(targets), $"MultiLabelMarginLoss: label {labels[i]} at {Indexing.Place(i, x.Shape)} is not a class of {x.Shape}.");
                counts[i] = true;
                isLabel[row + labels[i]] = true;
            }
        Tensor chosen = x.Gather(-1, Tensor.From(Array.ConvertAll(labels, static l => Math.Max(0, l)), x.Shape)); // [.., L]
        Tensor violations = (x.Unsqueeze(-2) - chosen.Unsqueeze(-1) + 1.0).Clamp(0); // [.., L, V]
        Tensor ignored = Tensor.From(counts, x.Shape).LogicalNot().Unsqueeze(-1).LogicalOr(Tensor.From(isLabel, x.Shape).Unsqueeze(-2));
        return ClassificationLosses.Reduce(violations.MaskedFill(ignored, 0).Sum(keepDimensions: false, -1, -2) / (double)classes, reduction);
    }

    /// <summary>1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1. Shapes: a, b [.., C], target [..] (Int32 or real).</summary>
    public static Tensor CosineEmbeddingLoss(this Tensor a, Tensor b, Tensor target, double margin = 0, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(a, b, nameof(CosineEmbeddingLoss));
        // PyTorch adds 1e-12 to each squared length here, instead of limiting the lengths.
        Tensor cosine = (a * b).Sum(-1) / ((a.Square().Sum(-1) + 1e-12) * (b.Square().Sum(-1) + 1e-12)).Sqrt();
        return ClassificationLosses.Reduce(target.Equal(1).Where(1.0 - cosine, (cosine - margin).Clamp(0)), reduction);
    }

    /// <summary>max(0, d(anchor, positive) - d(anchor, negative) + margin) (Balntas et al. 2016). Shapes: [.., C] -> [] or [..].</summary>
    /// <param name="anchor">What is compared.</param>
    /// <param name="positive">What should be near it.</param>
    /// <param name="negative">What should be far from it.</param>
    /// <param name="margin">By how much farther.</param>
    /// <param name="p">The norm of the distance.</param>
    /// <param name="eps">Added to the differences.</param>
    /// <param name="swap">Uses d(positive, negative) where it is the smaller.</param>
    /// <param name="reduction">Mean, sum or none.</param>
    public static Tensor TripletMarginLoss(this Tensor anchor, Tensor positive, Tensor negative, double margin = 1, double p = 2, double eps = 1e-6,
        bool swap = false, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(Elementwise.Fitting(anchor, positive, nameof(TripletMarginLoss)), negative, nameof(TripletMarginLoss));
        Tensor near = anchor.PairwiseDistance(positive, p, eps), far = anchor.PairwiseDistance(negative, p, eps);
        if (swap) far = far.Minimum(positive.PairwiseDistance(negative, p, eps));
        return ClassificationLosses.Reduce((near - far + margin).Clamp(0), reduction);
    }

    /// <summary>(t d² + (1 - t) max(0, margin - d)²) / 2, averaged, d the distance (Hadsell et al. 2006). Shapes: a, b [.., C], target t [..].</summary>
    public static Tensor ContrastiveLoss(this Tensor a, Tensor b, Tensor target, double margin = 1)
    {
        Tensor d = (Elementwise.Fitting(a, b, nameof(ContrastiveLoss)) - b).Norm(2, keepDimensions: false, -1);
        return ((target * d.Square() + (1.0 - target) * (margin - d).Clamp(0).Square()) * 0.5).Mean();
    }

    /// <summary>Cross entropy of scale · cosine: each anchor should choose its positive among all of them (Henderson et al. 2017, arXiv:1705.00652).</summary>
    /// <remarks>Shapes: anchors [B, C], positives [B or more, C]; further rows are extra negatives.</remarks>
    /// <param name="anchors">What is compared.</param>
    /// <param name="positives">Row i belongs to anchor i.</param>
    /// <param name="scale">The inverse temperature.</param>
    /// <param name="symmetric">Averages with the choice of an anchor by each positive.</param>
    public static Tensor MultipleNegativesRankingLoss(this Tensor anchors, Tensor positives, double scale = 20, bool symmetric = false)
    {
        Elementwise.RequireSameType(anchors, positives, nameof(MultipleNegativesRankingLoss));
        if (anchors.Rank != 2 || positives.Rank != 2 || anchors.Shape[1] != positives.Shape[1] || anchors.Shape[0] > positives.Shape[0])
            throw new ArgumentException($"MultipleNegativesRankingLoss: anchors {anchors.Shape} and positives {positives.Shape}: rows of one length are needed, and a positive for each anchor.");
        int n = anchors.Shape[0];
        Tensor similarities = anchors.Normalize().MatMul(positives.Normalize().Transpose()) * scale, own = Tensor.Arange(n);
        if (!symmetric) return similarities.CrossEntropy(own);
        Tensor square = similarities.Narrow(1, 0, n);
        return (square.CrossEntropy(own) + square.Transpose().CrossEntropy(own)) * 0.5;
    }

    /// <summary>Cross entropy of cosine / temperature of an anchor with its positive against its own negatives (van den Oord et al. 2018, arXiv:1807.03748).</summary>
    /// <remarks>Shapes: anchor and positive [B, C], negatives [B, K, C].</remarks>
    public static Tensor InfoNce(this Tensor anchor, Tensor positive, Tensor negatives, double temperature = 0.07)
    {
        if (anchor.Rank != 2 || positive.Shape != anchor.Shape || negatives.Rank != 3 || negatives.Shape[0] != anchor.Shape[0] || negatives.Shape[2] != anchor.Shape[1])
            throw new ArgumentException($"InfoNce: anchor {anchor.Shape}, positive {positive.Shape} and negatives {negatives.Shape} must be [B, C], [B, C] and [B, K, C].");
        Tensor a = anchor.Normalize(), near = (a * positive.Normalize()).Sum(-1, keepDimension: true);
        Tensor far = negatives.Normalize().MatMul(a.Unsqueeze(-1)).Squeeze(-1); // [B, K]
        return (Tensor.Concat([near, far], 1) / temperature).CrossEntropy(Tensor.Zeros([anchor.Shape[0]], DType.Int32));
    }

    /// <summary>T² KL(teacher at temperature T, student at temperature T), averaged over rows (Hinton et al. 2015, arXiv:1503.02531). Shapes: logits [B, V].</summary>
    public static Tensor DistillationLoss(this Tensor student, Tensor teacher, double temperature = 1) =>
        (Elementwise.Fitting(student, teacher, nameof(DistillationLoss)) / temperature).LogSoftmax().KullbackLeibler((teacher / temperature).LogSoftmax(), logarithmic: true, Reduction.Sum)
        * (temperature * temperature / student.Shape[0]);

    /// <summary>-(1 - p)^γ ln p with p the probability of the target (Lin et al. 2017, arXiv:1708.02002). Shapes: x [B, V], targets [B], weight [V].</summary>
    public static Tensor FocalLoss(this Tensor x, Tensor targets, double gamma = 2, Tensor? classWeights = null, Reduction reduction = Reduction.Mean)
    {
        ClassificationLosses.RequireTargets(x, targets, nameof(FocalLoss));
        Tensor log = x.LogSoftmax().Gather(-1, targets.Unsqueeze(-1)).Squeeze(-1), losses = -((1.0 - log.Exp()).Pow(gamma) * log);
        if (classWeights is not null) losses *= classWeights.IndexSelect(0, targets.Reshape(targets.Count)).Reshape(targets.Shape);
        return ClassificationLosses.Reduce(losses, reduction);
    }

    /// <summary>coefficient · mean of (ln Σ e^x)²: keeps logits from drifting (Chowdhery et al. 2022, arXiv:2204.02311). Shapes: x [.., V] -> [].</summary>
    public static Tensor ZLoss(this Tensor x, double coefficient = 1e-4) => x.LogSumExp(-1).Square().Mean() * coefficient;

    /// <summary>-Σ p ln p in nats, p the softmax of the last dimension. Shapes: x [.., V] -> [..].</summary>
    public static Tensor EntropyOfLogits(this Tensor x) => -(x.Softmax() * x.LogSoftmax()).Sum(-1);
}

using static Weft.Tensors.Tests.GradientTables.GradientCase;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>Losses. Targets that are numbers are differentiated too.</summary>
internal static class LossGradients
{
    internal static IEnumerable<GradientCase> Lines =>
    [
        Two("CrossEntropy", (x, w) => Flat(x.CrossEntropy(Labels(x)), x.CrossEntropy(Labels(x), w, labelSmoothing: 0.1, reduction: Reduction.None), x.CrossEntropy(Signs(x.Shape) * 0.1 + 0.3, reduction: Reduction.Sum)), 0.2, 2, "3,5 5|1,1 1|0,0 0|2,3,4 4|2,1 1"),
        Two("LinearCrossEntropy", (x, w) => x.LinearCrossEntropy(w, Index([x.Shape[0]], w.Shape[0])), shapes: "3,5 4,5|1,1 1,1|2,3 7,3|6,2 2,2|0,3 0,3"),
        Two("NegativeLogLikelihood", (x, w) => x.NegativeLogLikelihood(Labels(x), w), 0.2, 2, "3,5 5|1,1 1|0,0 0|2,3,4 4|2,1 1"),
        Two("BinaryCrossEntropy", (x, t) => x.BinaryCrossEntropy(t), 0.1, 0.9, Alike),
        new("BinaryCrossEntropyWithLogits", "3,5 3,5 5 5|1 1 1 1|0 0 0 0|2,1,7 2,1,7 7 7|5 5 5 5", t => t[0].BinaryCrossEntropyWithLogits(t[1], t[2], t[3])),
        Two("SigmoidFocalLoss", (x, t) => x.SigmoidFocalLoss(t), 0.1, 0.9, Alike),
        One("SoftMarginLoss", x => x.SoftMarginLoss(Signs(x.Shape))),
        One("HingeLoss", x => x.HingeLoss(Signs(x.Shape))),
        One("HingeEmbeddingLoss", x => x.HingeEmbeddingLoss(Signs(x.Shape))),
        Two("MarginRankingLoss", (a, b) => a.MarginRankingLoss(b, Signs(a.Shape), 0.3), shapes: Alike),
        Three("MultiLabelSoftMarginLoss", "3,5 3,5 5|1,1 1,1 1|3,0 3,0 0|2,1,7 2,1,7 7|5 5 5", (x, t, w) => x.MultiLabelSoftMarginLoss(t, w)),
        Two("MeanSquaredError", (x, t) => x.MeanSquaredError(t), shapes: Stretched),
        Two("MeanAbsoluteError", (x, t) => x.MeanAbsoluteError(t), shapes: Stretched),
        Two("SmoothAbsoluteError", (x, t) => x.SmoothAbsoluteError(t, 0.7), shapes: Stretched),
        Two("HuberLoss", (x, t) => x.HuberLoss(t, 0.7), shapes: Stretched),
        Two("PoissonLoss", (x, t) => Flat(x.PoissonLoss(t, full: true), x.PoissonLoss(t, logarithmic: false)), 0.3, 3, Stretched),
        Three("GaussianLoss", "3,5 3,5 5|1 1 1|0,3 0,3 0,3|2,1,7 2,1,7 7|5 5 1", (x, t, v) => x.GaussianLoss(t, v, full: true), 0.3, 2),
        Two("KullbackLeibler", (x, t) => Flat(x.KullbackLeibler(t), x.KullbackLeibler(t, logarithmic: true)), 0.3, 2, Alike),
        One("MultiMarginLoss", x => Flat(x.MultiMarginLoss(Labels(x)), x.MultiMarginLoss(Labels(x), p: 2, margin: 0.7)), shapes: Classes),
        One("MultiLabelMarginLoss", x => x.MultiLabelMarginLoss(Index(x.Shape, x.Shape[^1])), shapes: Classes),
        Two("CosineEmbeddingLoss", (a, b) => a.CosineEmbeddingLoss(b, Signs(WithoutLast(a)), 0.1), shapes: Vectors),
        Three("TripletMarginLoss", "3,5 3,5 3,5|1,3 1,3 1,3|0,3 0,3 0,3|2,1,7 2,1,7 2,1,7|5 5 5", (a, p, n) => a.TripletMarginLoss(p, n, margin: 3, swap: true)),
        Two("ContrastiveLoss", (a, b) => a.ContrastiveLoss(b, (Signs(WithoutLast(a)) + 1.0) * 0.5, margin: 4), shapes: Vectors),
        Two("MultipleNegativesRankingLoss", (a, b) => Flat(a.MultipleNegativesRankingLoss(b, 3), a.MultipleNegativesRankingLoss(b, 2, symmetric: true)), shapes: "3,5 3,5|1,3 1,3|0,3 0,3|2,7 4,7|5,2 5,2"),
        Three("InfoNce", "3,5 3,5 3,2,5|1,2 1,2 1,1,2|0,3 0,3 0,2,3|2,7 2,7 2,3,7|4,3 4,3 4,1,3", (a, p, n) => a.InfoNce(p, n, 0.5)),
        Two("DistillationLoss", (s, t) => s.DistillationLoss(t, 2), shapes: "3,5 3,5|1,1 1,1|0,3 0,3|2,7 2,7|5,2 5,2"),
        Two("FocalLoss", (x, w) => x.FocalLoss(Labels(x), 2, w), 0.2, 2, "3,5 5|1,2 2|0,0 0|7,4 4|2,3 3"),
        One("ZLoss", x => x.ZLoss(0.1), shapes: Classes),
        One("EntropyOfLogits", x => x.EntropyOfLogits(), shapes: Classes),
        One("CtcLoss", x => x.LogSoftmax().CtcLoss(NonBlank(x), Steps(x), Enumerable.Repeat(2, x.Shape[1]).ToArray()), shapes: "5,2,3|4,1,3|5,3,4|6,1,5|4,2,2", noEmpty: "no rows have no mean, and no steps no alignment"),
    ];

    // The mean of nothing is NaN, so where one input is empty all are.
    private const string Stretched = "3,5 3,5|3,5 5|2,1,4 3,1|1 7|0,3 0,3|- 2,3";

    private const string Classes = "3,5|1,1|0,3|2,3,4|5";

    private static Tensor Labels(Tensor x) => Index(WithoutLast(x), x.Shape[^1]);

    // Two labels a row, none of them the blank 0.
    private static Tensor NonBlank(Tensor x) => Tensor.From([.. Index([x.Shape[1], 2], x.Shape[2] - 1).ToArray<int>().Select(static i => i + 1)], [x.Shape[1], 2]);

    private static int[] Steps(Tensor x) => [.. Enumerable.Repeat(x.Shape[0], x.Shape[1])];
}

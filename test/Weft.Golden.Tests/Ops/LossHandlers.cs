using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class LossHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        // The reference has the classes in dimension 1, or 0 if there is only one.
        runner.Op("cross_entropy", c => c.X.CrossEntropy(c["target"], c.Optional("weight"), c.Attrs.Int("ignore_index"), c.Attrs.Double("label_smoothing"), c.Reduction, Math.Min(1, c.X.Rank - 1)));
        runner.Op("nll_loss", c => c.X.NegativeLogLikelihood(c["target"], c.Optional("weight"), c.Attrs.Int("ignore_index"), c.Reduction, Math.Min(1, c.X.Rank - 1)));
        runner.Op("shifted_lm_loss", c =>
        {
            int t = c.X.Shape[1] - 1;
            return c.X.Narrow(1, 0, t).CrossEntropy(c["target"].Narrow(1, 1, t), ignoreIndex: c.Attrs.Int("ignore_index"));
        });
        runner.Op("bce", c => c.X.BinaryCrossEntropy(c["target"], c.Optional("weight"), c.Reduction));
        runner.Op("bce_with_logits", c => c.X.BinaryCrossEntropyWithLogits(c["target"], c.Optional("weight"), c.Optional("pos_weight"), c.Reduction));
        runner.Op("sigmoid_focal_loss", c => c.X.SigmoidFocalLoss(c["target"], c.Attrs.Double("gamma"), c.Attrs.Double("alpha")));
        runner.Op("soft_margin_loss", c => c.X.SoftMarginLoss(c["target"], c.Reduction));
        runner.Op("hinge_loss", c => c.X.HingeLoss(c["target"]));
        runner.Op("hinge_embedding_loss", c => c.X.HingeEmbeddingLoss(c["target"], c.Attrs.Double("margin"), c.Reduction));
        runner.Op("margin_ranking_loss", c => c["x1"].MarginRankingLoss(c["x2"], c["target"], c.Attrs.Double("margin"), c.Reduction));
        runner.Op("multilabel_soft_margin_loss", c => c.X.MultiLabelSoftMarginLoss(c["target"], c.Optional("weight"), c.Reduction));
        Regression(runner);
        Ranking(runner);
    }

    private static void Regression(GoldenRunner runner)
    {
        runner.Op("mse_loss", c => c.X.MeanSquaredError(c["target"], c.Reduction));
        runner.Op("l1_loss", c => c.X.MeanAbsoluteError(c["target"], c.Reduction));
        runner.Op("smooth_l1_loss", c => c.X.SmoothAbsoluteError(c["target"], c.Attrs.Double("beta"), c.Reduction));
        runner.Op("huber_loss", c => c.X.HuberLoss(c["target"], c.Attrs.Double("delta"), c.Reduction));
        runner.Op("poisson_nll_loss", c => c.X.PoissonLoss(c["target"], c.Attrs.Bool("log_input"), c.Attrs.Bool("full"), c.Attrs.Double("eps"), c.Reduction));
        runner.Op("gaussian_nll_loss", c => c.X.GaussianLoss(c["target"], c["var"], c.Attrs.Bool("full"), c.Attrs.Double("eps"), c.Reduction));
        runner.Op("kl_div", c =>
        {
            bool byRow = c.Attrs.StringOrNull("reduction") == "batchmean";
            Tensor y = c.X.KullbackLeibler(c["target"], c.Attrs.Bool("log_target"), byRow ? Reduction.Sum : c.Reduction);
            return byRow ? y / c.X.Shape[0] : y;
        });
    }

    private static void Ranking(GoldenRunner runner)
    {
        runner.Op("multi_margin_loss", c => c.X.MultiMarginLoss(c["target"], c.Attrs.Int("p"), c.Attrs.Double("margin"), c.Optional("weight"), c.Reduction));
        runner.Op("multilabel_margin_loss", c => c.X.MultiLabelMarginLoss(c["target"], c.Reduction));
        runner.Op("cosine_embedding_loss", c => c["x1"].CosineEmbeddingLoss(c["x2"], c["target"], c.Attrs.Double("margin"), c.Reduction));
        runner.Op("triplet_margin_loss", c => c["anchor"].TripletMarginLoss(c["positive"], c["negative"], c.Attrs.Double("margin"), c.Attrs.Double("p"), c.Attrs.Double("eps"), c.Attrs.Bool("swap"), c.Reduction));
        runner.Op("contrastive_loss", c => c["x1"].ContrastiveLoss(c["x2"], c["target"], c.Attrs.Double("margin")));
        runner.Op("multiple_negatives_ranking_loss", c => c["anchors"].MultipleNegativesRankingLoss(c["positives"], c.Attrs.Double("scale"), c.Attrs.BoolOrNull("symmetric") ?? false));
        runner.Op("infonce_explicit_negatives", c => c["anchor"].InfoNce(c["positive"], c["negatives"], c.Attrs.Double("temperature")));
        runner.Op("distillation_loss", c => c["student"].DistillationLoss(c["teacher"], c.Attrs.Double("temperature")));
        runner.Op("focal_loss", c => c.X.FocalLoss(c["target"], c.Attrs.Double("gamma"), c.Optional("alpha"), c.Reduction));
        runner.Op("z_loss", c => c.X.ZLoss(c.Attrs.Double("coefficient")));
        runner.Op("entropy_from_logits", c => c.X.EntropyOfLogits());
        runner.Op("ctc_loss", c => c["logits"].LogSoftmax().CtcLoss(c["targets"], c["input_lengths"].ToArray<int>(), c["target_lengths"].ToArray<int>(),
            c.Attrs.Int("blank"), c.Reduction, c.Attrs.Bool("zero_infinity")));
    }
}

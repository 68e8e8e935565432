namespace Weft.Tensors;

/// <summary>Losses of real values, element by element. Shapes: x and target broadcast -> [] or, with <see cref="Reduction.None"/>, alike.</summary>
public static class RegressionLosses
{
    /// <summary>(x - target)².</summary>
    public static Tensor MeanSquaredError(this Tensor x, Tensor target, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce((Elementwise.Fitting(x, target, nameof(MeanSquaredError)) - target).Square(), reduction);

    /// <summary>|x - target|; the derivative where they are equal is 0.</summary>
    public static Tensor MeanAbsoluteError(this Tensor x, Tensor target, Reduction reduction = Reduction.Mean) =>
        ClassificationLosses.Reduce((Elementwise.Fitting(x, target, nameof(MeanAbsoluteError)) - target).Absolute(), reduction);

    /// <summary>e² / 2β where |e| &lt; β, else |e| - β / 2, with e = x - target; β 0 is the absolute error (Girshick 2015, arXiv:1504.08083).</summary>
    public static Tensor SmoothAbsoluteError(this Tensor x, Tensor target, double beta = 1, Reduction reduction = Reduction.Mean)
    {
        if (beta == 0) return x.MeanAbsoluteError(target, reduction);
        Tensor e = Elementwise.Fitting(x, target, nameof(SmoothAbsoluteError)) - target, size = e.Absolute();
        return ClassificationLosses.Reduce(size.Less(beta).Where(e.Square() * (0.5 / beta), size - 0.5 * beta), reduction);
    }

    /// <summary>e² / 2 where |e| ≤ δ, else δ (|e| - δ / 2), with e = x - target (Huber 1964).</summary>
    public static Tensor HuberLoss(this Tensor x, Tensor target, double delta = 1, Reduction reduction = Reduction.Mean)
    {
        Tensor e = Elementwise.Fitting(x, target, nameof(HuberLoss)) - target, size = e.Absolute();
        return ClassificationLosses.Reduce(size.LessOrEqual(delta).Where(e.Square() * 0.5, (size - 0.5 * delta) * delta), reduction);
    }

    /// <summary>-ln of a Poisson probability without its constant: e^x - target x, or x - target ln(x + eps) if x is not a logarithm.</summary>
    /// <param name="x">The rate or, with <paramref name="logarithmic"/>, its logarithm.</param>
    /// <param name="target">Counts.</param>
    /// <param name="logarithmic">Whether x is the logarithm of the rate.</param>
    /// <param name="full">Adds Stirling's approximation of ln target! where the target is above 1.</param>
    /// <param name="eps">Keeps the logarithm away from 0.</param>
    /// <param name="reduction">Mean, sum or none.</param>
    public static Tensor PoissonLoss(this Tensor x, Tensor target, bool logarithmic = true, bool full = false, double eps = 1e-8, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(x, target, nameof(PoissonLoss));
        Tensor losses = logarithmic ? x.Exp() - target * x : x - target * (x + eps).Log();
        if (full)
        {
            Tensor safe = target.MaskedFill(target.LessOrEqual(1), 1);
            Tensor stirling = target * safe.Log() - target + (safe * (2 * Math.PI)).Log() * 0.5;
            losses += stirling.MaskedFill(target.LessOrEqual(1), 0);
        }
        return ClassificationLosses.Reduce(losses, reduction);
    }

    /// <summary>(ln v + (x - target)² / v) / 2 with v = max(variance, eps): -ln of a normal density (Nix and Weigend 1994).</summary>
    /// <remarks>The limit of the variance does not stop its gradient, as in PyTorch.</remarks>
    /// <param name="x">The mean.</param>
    /// <param name="target">What was observed.</param>
    /// <param name="variance">The variance; broadcasts.</param>
    /// <param name="full">Adds the constant ln(2π) / 2.</param>
    /// <param name="eps">The smallest variance.</param>
    /// <param name="reduction">Mean, sum or none.</param>
    public static Tensor GaussianLoss(this Tensor x, Tensor target, Tensor variance, bool full = false, double eps = 1e-6, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(Elementwise.Fitting(x, target, nameof(GaussianLoss)), variance, nameof(GaussianLoss));
        Tensor v = variance + (variance.Detach().Clamp(eps) - variance.Detach());
        Tensor losses = (v.Log() + (x - target).Square() / v) * 0.5;
        return ClassificationLosses.Reduce(full ? losses + 0.9189385332046727 : losses, reduction);
    }

    /// <summary>target (ln target - x) with log-probabilities x: the Kullback-Leibler divergence once summed; 0 where the target is 0.</summary>
    /// <param name="x">Log-probabilities.</param>
    /// <param name="target">Probabilities or, with <paramref name="logarithmic"/>, their logarithms.</param>
    /// <param name="logarithmic">Whether the target is given as logarithms.</param>
    /// <param name="reduction">Mean divides by the number of elements; for the divergence itself use sum and divide by rows.</param>
    public static Tensor KullbackLeibler(this Tensor x, Tensor target, bool logarithmic = false, Reduction reduction = Reduction.Mean)
    {
        Elementwise.Fitting(x, target, nameof(KullbackLeibler));
        return ClassificationLosses.Reduce(logarithmic ? target.Exp() * (target - x) : target.XLogY(target) - target * x, reduction);
    }
}

namespace Weft.Tensors;

/// <summary>What becomes of the losses of single examples.</summary>
public enum Reduction
{
    /// <summary>They are averaged.</summary>
    Mean,

    /// <summary>They are added.</summary>
    Sum,

    /// <summary>They are returned one by one.</summary>
    None,
}

/// <summary>Losses of a choice among classes.</summary>
public static class ClassificationLosses
{
    /// <summary>-ln softmax(logits)[target], in nats.</summary>
    /// <remarks>
    /// With label smoothing s the target is (1 - s) on the class and s / V on every one (Szegedy et al. 2015, arXiv:1512.00567).
    /// With class weights the mean divides by the sum of the targets' weights. If every target is ignored the mean is NaN and
    /// its gradient 0. Shapes: logits [.., V], targets [..] -> [] or [..].
    /// </remarks>
    /// <param name="logits">Real numbers; the class dimension is the last, or <paramref name="classDimension"/>.</param>
    /// <param name="targets">Int32 class numbers, or real probabilities in the shape of the logits.</param>
    /// <param name="classWeights">[V], or null for 1.</param>
    /// <param name="ignoreIndex">A target that does not count.</param>
    /// <param name="labelSmoothing">s above, in [0, 1].</param>
    /// <param name="reduction">Mean, sum or none.</param>
    /// <param name="classDimension">Where the classes are.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor CrossEntropy(this Tensor logits, Tensor targets, Tensor? classWeights = null, int ignoreIndex = -100,
        double labelSmoothing = 0, Reduction reduction = Reduction.Mean, int classDimension = -1)
    {
        Elementwise.RequireFloating(logits, nameof(CrossEntropy));
        int d = logits.Shape.Dimension(classDimension, nameof(CrossEntropy)), classes = logits.Shape[d];
        RequireClassWeights(classWeights, classes, nameof(CrossEntropy));
        bool plain = classWeights is null && reduction == Reduction.Mean && d == logits.Rank - 1 && targets.DType == DType.Int32;
        if (plain && logits.DType == DType.Float32 && targets.Shape == logits.Shape.Without(d)) return FusedCrossEntropy.Run(logits, targets, ignoreIndex, labelSmoothing);
        return Composed(logits, targets, classWeights, ignoreIndex, labelSmoothing, reduction, d);
    }

    internal static Tensor CrossEntropyComposition(Tensor logits, Tensor targets, int ignoreIndex, double labelSmoothing) =>
        Composed(logits, targets, null, ignoreIndex, labelSmoothing, Reduction.Mean, logits.Rank - 1);

    private static Tensor Composed(Tensor logits, Tensor targets, Tensor? classWeights, int ignoreIndex, double labelSmoothing, Reduction reduction, int d)
    {
        int classes = logits.Shape[d];
        Tensor logProbabilities = Lanes.MoveToEnd(logits, d).LogSoftmax(); // [.., V]
        if (targets.DType.IsFloating())
        {
            if (targets.Shape != logits.Shape) throw new ArgumentException($"CrossEntropy: {targets.DType} targets {targets.Shape} for logits {logits.Shape}: probabilities have the shape of the logits, class numbers are Int32.");
            Tensor target = Lanes.MoveToEnd(targets, d);
            if (labelSmoothing != 0) target = target * (1 - labelSmoothing) + labelSmoothing / classes;
            if (classWeights is not null) target *= classWeights;
            return Reduce(-(logProbabilities * target).Sum(-1), reduction);
        }
        Picked picked = Pick(logProbabilities, targets, classWeights, ignoreIndex, nameof(CrossEntropy));
        Tensor losses = -picked.Values;
        if (labelSmoothing != 0)
        {
            Tensor all = classWeights is null ? logProbabilities : logProbabilities * classWeights;
            Tensor smooth = -all.Sum(-1).MaskedFill(picked.Ignored, 0);
            losses = losses * (1 - labelSmoothing) + smooth * (labelSmoothing / classes);
        }
        return reduction == Reduction.Mean ? losses.Sum() / picked.Weights.Sum() : Reduce(losses, reduction);
    }

    /// <summary>-x[target], where x are log-probabilities. Options, shapes and the weighted mean as in <see cref="CrossEntropy"/>.</summary>
    public static Tensor NegativeLogLikelihood(this Tensor logProbabilities, Tensor targets, Tensor? classWeights = null, int ignoreIndex = -100,
        Reduction reduction = Reduction.Mean, int classDimension = -1)
    {
        int d = logProbabilities.Shape.Dimension(classDimension, nameof(NegativeLogLikelihood));
        RequireClassWeights(classWeights, logProbabilities.Shape[d], nameof(NegativeLogLikelihood));
        Picked picked = Pick(Lanes.MoveToEnd(logProbabilities, d), targets, classWeights, ignoreIndex, nameof(NegativeLogLikelihood));
        return reduction == Reduction.Mean ? -picked.Values.Sum() / picked.Weights.Sum() : Reduce(-picked.Values, reduction);
    }

    /// <summary>The losses of single examples averaged, added or as they are.</summary>
    internal static Tensor Reduce(Tensor losses, Reduction reduction) => reduction switch
    {
        Reduction.Mean => losses.Mean(),
        Reduction.Sum => losses.Sum(),
        _ => losses,
    };

    private readonly record struct Picked(Tensor Values, Tensor Weights, Tensor Ignored);

    // The weighted log-probability of each target; 0 and weight 0 where it is ignored.
    private static Picked Pick(Tensor logProbabilities, Tensor targets, Tensor? classWeights, int ignoreIndex, string operation)
    {
        RequireTargetShape(logProbabilities, targets, operation);
        Tensor ignored = targets.Equal(ignoreIndex), safe = ignored.Where(Tensor.Zeros([], DType.Int32), targets);
        Indexing.RequireIndex(safe, logProbabilities.Shape[^1], operation, logProbabilities.Shape);
        Tensor values = logProbabilities.Gather(-1, safe.Unsqueeze(-1)).Squeeze(-1).MaskedFill(ignored, 0);
        Tensor weights = classWeights is null
            ? Tensor.Ones(targets.Shape, values.DType)
            : classWeights.IndexSelect(0, safe.Reshape(safe.Count)).Reshape(targets.Shape);
        weights = weights.MaskedFill(ignored, 0);
        return new Picked(classWeights is null ? values : values * weights, weights, ignored);
    }

    /// <summary>Refuses targets that are not one class number for each row of x, classes last.</summary>
    internal static void RequireTargets(Tensor x, Tensor targets, string operation)
    {
        Elementwise.RequireFloating(x, operation);
        RequireTargetShape(x, targets, operation);
        Indexing.RequireIndex(targets, x.Shape[^1], operation, x.Shape);
    }

    private static void RequireTargetShape(Tensor x, Tensor targets, string operation)
    {
        if (x.Rank == 0 || targets.Shape != x.Shape.Without(x.Rank - 1)) throw new ArgumentException($"{operation}: targets {targets.Shape} for classes last {x.Shape}.");
        if (targets.DType != DType.Int32) throw new ArgumentException($"{operation}: class numbers are Int32, not {targets.DType} {targets.Shape}.");
    }

    private static void RequireClassWeights(Tensor? classWeights, int classes, string operation)
    {
        if (classWeights is not null && (classWeights.Rank != 1 || classWeights.Count != classes))
            throw new ArgumentException($"{operation}: class weights {classWeights.Shape} for {classes} classes.");
    }
}

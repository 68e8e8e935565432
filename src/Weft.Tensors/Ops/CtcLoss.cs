namespace Weft.Tensors;

/// <summary>Connectionist temporal classification.</summary>
public static class ConnectionistTemporalClassification
{
    /// <summary>-ln of the probability of all alignments of a label sequence with the time steps (Graves et al. 2006).</summary>
    /// <remarks>
    /// Built from log-sum-exp operations, so derivatives of every order exist. Mean divides each loss by its target length (at
    /// least 1) and averages over rows, as PyTorch does. Shapes: logProbabilities [T, B, V], targets [B, S] (Int32) -> [] or [B].
    /// </remarks>
    /// <param name="logProbabilities">The log-softmax of the logits.</param>
    /// <param name="targets">Labels, each row as long as its target length says.</param>
    /// <param name="inputLengths">How many time steps of each row count.</param>
    /// <param name="targetLengths">How many labels each row has.</param>
    /// <param name="blank">The class that stands for no label.</param>
    /// <param name="reduction">Mean, sum or none.</param>
    /// <param name="zeroInfinity">Whether a row that cannot be aligned has loss 0 instead of infinity.</param>
    public static Tensor CtcLoss(this Tensor logProbabilities, Tensor targets, ReadOnlySpan<int> inputLengths, ReadOnlySpan<int> targetLengths,
        int blank = 0, Reduction reduction = Reduction.Mean, bool zeroInfinity = false)
    {
        if (logProbabilities.Rank != 3 || targets.Rank != 2 || targets.Shape[0] != logProbabilities.Shape[1] || inputLengths.Length != targets.Shape[0] || targetLengths.Length != targets.Shape[0])
            throw new ArgumentException($"CtcLoss: log-probabilities {logProbabilities.Shape} [T, B, V], targets {targets.Shape} [B, S], {inputLengths.Length} and {targetLengths.Length} lengths do not fit.");
        int rows = targets.Shape[0];
        for (int b = 0; b < rows; b++)
            if (targetLengths[b] < 0 || targetLengths[b] > targets.Shape[1] || inputLengths[b] < 1 || inputLengths[b] > logProbabilities.Shape[0])
                throw new ArgumentOutOfRangeException(nameof(targetLengths), $"CtcLoss: row {b} has {inputLengths[b]} steps and {targetLengths[b]} labels; log-probabilities are {logProbabilities.Shape}, targets {targets.Shape}.");
        int[] labels = targets.ToArray<int>();
        Tensor[] losses = new Tensor[rows];
        for (int b = 0; b < rows; b++)
        {
            ReadOnlySpan<int> row = labels.AsSpan(b * targets.Shape[1], targetLengths[b]);
            for (int i = 0; i < row.Length; i++)
                if ((uint)row[i] >= (uint)logProbabilities.Shape[2]) throw new ArgumentOutOfRangeException(nameof(targets), $"CtcLoss: label {row[i]} at [{b}, {i}] is not a class of {logProbabilities.Shape}.");
            Tensor loss = One(logProbabilities.Select(1, b).Narrow(0, 0, inputLengths[b]), row, blank);
            if (double.IsPositiveInfinity(loss.Item())) loss = Tensor.Full([], zeroInfinity ? 0 : double.PositiveInfinity, loss.DType);
            losses[b] = reduction == Reduction.Mean ? loss / Math.Max(1.0, targetLengths[b]) : loss;
        }
        return ClassificationLosses.Reduce(Tensor.Stack(losses), reduction);
    }

    // Forward variables over the labels with blanks between: α_t(s) = logsumexp(α(s), α(s-1), α(s-2) unless blank or repeated) + ln p_t(s).
    private static Tensor One(Tensor logProbabilities, ReadOnlySpan<int> labels, int blank)
    {
        int states = 2 * labels.Length + 1, steps = logProbabilities.Shape[0];
        int[] classes = new int[states];
        bool[] noStart = new bool[states], noSkip = new bool[states];
        for (int s = 0; s < states; s++)
        {
            classes[s] = s % 2 == 0 ? blank : labels[s / 2];
            noStart[s] = s > 1;
            noSkip[s] = s < 2 || s % 2 == 0 || classes[s] == classes[s - 2];
        }
        Tensor emissions = logProbabilities.IndexSelect(1, classes), skipMask = Tensor.From(noSkip, [states]); // [T, states]
        Tensor alpha = emissions.Select(0, 0).MaskedFill(Tensor.From(noStart, [states]), double.NegativeInfinity);
        for (int t = 1; t < steps; t++)
        {
            Tensor one = alpha.Pad(0, 1, -1, value: double.NegativeInfinity);
            Tensor two = (states > 1 ? alpha.Pad(0, 2, -2, value: double.NegativeInfinity) : one).MaskedFill(skipMask, double.NegativeInfinity);
            alpha = Tensor.Stack([alpha, one, two]).LogSumExp(0) + emissions.Select(0, t);
        }
        return -(states > 1 ? alpha.Narrow(0, states - 2, 2) : alpha).LogSumExp(0);
    }
}

using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Chooses for each token the experts that work on it, and how much each counts.</summary>
/// <remarks>
/// Logits from one map; scores by softmax or sigmoid; a choice of K, from the best groups if there are groups; weights from the scores
/// of the chosen. The choice itself has no gradient, the weights do (Shazeer et al. 2017, arXiv:1701.06538, section 2.1).
/// Among equals the first expert is chosen.
/// </remarks>
internal sealed class ExpertRouter : Layer
{
    // Keeps the sum of the chosen sigmoids from being zero, as DeepSeek-V3's code does.
    private const double SmallestSum = 1e-20;

    private readonly ExpertsConfig _config;
    private readonly Linear _map;
    private readonly Tensor? _correction;

    internal ExpertRouter(string name, int hiddenSize, ExpertsConfig config, DType dtype)
    {
        _config = config;
        _map = new Linear(name, hiddenSize, config.Count, config.RouterBias, dtype);
        if (!config.CorrectionBias) return;
        _correction = Tensor.Zeros([config.Count], dtype);
        _correction.Name = name + ".correction";
    }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => _map.Parameters;

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Buffers => _correction is null ? [] : [_correction];

    /// <summary>The logits. Shapes: x [N, C] -> [N, E].</summary>
    internal Tensor Logits(Tensor x) => _map.Forward(x);

    /// <summary>The chosen experts (Int32) and their weights. Shapes: logits [N, E] -> [N, K] both.</summary>
    internal (Tensor Experts, Tensor Weights) Choose(Tensor logits)
    {
        Tensor scores = _config.Score switch
        {
            RouterScore.Softmax => logits.Softmax(),
            RouterScore.Sigmoid => logits.Sigmoid(),
            _ => logits,
        };                                                                          // [N, E]
        Tensor experts = Best(scores.Detach());                                     // [N, K]
        Tensor weights = scores.Gather(1, experts);                                 // [N, K]
        if (_config.Score == RouterScore.SoftmaxOfChosen) weights = weights.Softmax();
        else if (_config.Renormalize) weights /= weights.Sum(1, keepDimension: true) + (_config.Score == RouterScore.Sigmoid ? SmallestSum : 0.0);
        return (experts, _config.Scale == 1 ? weights : weights * _config.Scale);
    }

    private Tensor Best(Tensor scores)
    {
        int N = scores.Shape[0], E = scores.Shape[1], K = _config.ChosenCount, groups = _config.GroupCount, size = E / groups;
        double[] all = scores.To(DType.Float64).ToArray<double>(), correction = _correction?.To(DType.Float64).ToArray<double>() ?? [];
        int[] chosen = new int[N * K];
        double[] rank = new double[E], groupRank = new double[groups];
        for (int n = 0; n < N; n++)
        {
            for (int e = 0; e < E; e++) rank[e] = all[n * E + e] + (correction.Length > 0 ? correction[e] : 0);
            if (groups > 1)
            {
                for (int g = 0; g < groups; g++) groupRank[g] = Rank(rank.AsSpan(g * size, size));
                for (int dropped = groups - _config.ChosenGroupCount; dropped > 0; dropped--)
                {
                    int worst = 0;
                    for (int g = 1; g < groups; g++) if (!(groupRank[g] > groupRank[worst])) worst = g; // the last of equals
                    groupRank[worst] = double.PositiveInfinity;
                    rank.AsSpan(worst * size, size).Fill(double.NegativeInfinity);
                }
            }
            for (int k = 0; k < K; k++)
            {
                int best = 0;
                for (int e = 1; e < E; e++) if (rank[e] > rank[best]) best = e;
                chosen[n * K + k] = best;
                rank[best] = double.NegativeInfinity;
            }
        }
        return Tensor.From(chosen, [N, K]);
    }

    private double Rank(ReadOnlySpan<double> group)
    {
        double first = double.NegativeInfinity, second = double.NegativeInfinity;
        foreach (double score in group)
        {
            if (score > first) (first, second) = (score, first);
            else if (score > second) second = score;
        }
        return _config.GroupByBestTwo ? first + second : first;
    }
}

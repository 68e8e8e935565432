using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Several feed-forward networks of which each token uses a few, and perhaps one that all tokens use.</summary>
/// <remarks>
/// y = Σ weight_e · expert_e(x) over the chosen experts + shared(x) (Shazeer et al. 2017, arXiv:1701.06538, eq. 1; DeepSeekMoE,
/// arXiv:2401.06066). The experts' matrices stand one below the other in one parameter. Shapes: x [B, T, C] -> [B, T, C].
/// </remarks>
public sealed class MixtureOfExperts : FeedForwardLayer
{
    private readonly string _logitsSite;
    private readonly ExpertsConfig _config;
    private readonly ExpertRouter _router;
    private readonly ActivationKind _activation;
    private readonly int _hiddenSize;

    internal MixtureOfExperts(string name, DecoderConfig config, ExpertsConfig experts, DType dtype)
    {
        (_logitsSite, _config, _hiddenSize, _activation) = (name + ".router_logits", experts, config.HiddenSize, config.ResolvedActivation);
        _router = new ExpertRouter(name + ".router", config.HiddenSize, experts, dtype);
        int E = experts.Count, F = experts.FeedForwardSize, C = config.HiddenSize;
        Expand = new Linear(name + ".experts.expand", C, E * 2 * F, experts.Bias, dtype);
        Contract = new Linear(name + ".experts.contract", F, E * C, experts.Bias, dtype);
        Shared = experts.SharedFeedForwardSize > 0 ? new FeedForwardNetwork(name + ".shared", config, experts.SharedFeedForwardSize, dtype) : null;
    }

    /// <summary>Expert by expert the rows of its gate, then the others: [E 2F, C].</summary>
    public Linear Expand { get; }

    /// <summary>Expert by expert the map back to the residual stream: [E C, F].</summary>
    public Linear Contract { get; }

    /// <summary>The network that every token uses; null for none.</summary>
    public FeedForwardNetwork? Shared { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. _router.Parameters, .. Expand.Parameters, .. Contract.Parameters, .. Shared?.Parameters ?? []];

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Buffers => _router.Buffers;

    internal override Tensor Forward(Tensor x, ForwardSettings settings)
    {
        Tensor rows = x.Reshape(-1, _hiddenSize);                                   // [N, C]
        Tensor logits = _router.Logits(rows);                                       // [N, E]
        settings.Tap?.Invoke(_logitsSite, logits);
        settings.RouterLogits?.Add(logits);
        (Tensor chosen, Tensor weights) = _router.Choose(logits);                   // [N, K]
        Tensor y = Routed(rows, chosen.ToArray<int>(), weights.Flatten());          // [N, C]
        if (Shared is not null) y += Shared.Forward(rows, settings);
        return y.Reshape(x.Shape);
    }

    // Each expert works on the tokens that chose it. chosen: expert of place n K + k; weights: [N K].
    private Tensor Routed(Tensor rows, int[] chosen, Tensor weights)
    {
        int K = _config.ChosenCount, F = _config.FeedForwardSize, C = _hiddenSize;
        Tensor y = Tensor.Zeros(rows.Shape, rows.DType);
        for (int e = 0; e < _config.Count; e++)
        {
            int[] places = [.. Enumerable.Range(0, chosen.Length).Where(i => chosen[i] == e)];
            if (places.Length == 0) continue;
            Tensor tokens = Tensor.From(Array.ConvertAll(places, i => i / K));      // [M]
            Tensor inner = rows.IndexSelect(0, tokens).Linear(Part(Expand.Weight, e, 2 * F), Part(Expand.Bias, e, 2 * F)); // [M, 2F]
            Tensor output = Gate(inner).Linear(Part(Contract.Weight, e, C), Part(Contract.Bias, e, C)); // [M, C]
            y = y.IndexAdd(0, tokens, output * weights.IndexSelect(0, Tensor.From(places)).Unsqueeze(1));
        }
        return y;
    }

    // gpt-oss bounds its gate: (up + 1) · gate σ(slope · gate), gate at most the limit, up within ± limit.
    private Tensor Gate(Tensor inner)
    {
        if (_config.GateLimit == 0) return FeedForwardNetwork.Gate(inner, _activation);
        int F = _config.FeedForwardSize;
        Tensor gate = inner.Narrow(1, 0, F).Clamp(maximum: _config.GateLimit), up = inner.Narrow(1, F, F).Clamp(-_config.GateLimit, _config.GateLimit);
        return (up + 1.0) * (gate * (gate * _config.GateSlope).Sigmoid());
    }

    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(all))]
    private static Tensor? Part(Tensor? all, int expert, int size) => all?.Narrow(0, expert * size, size);
}

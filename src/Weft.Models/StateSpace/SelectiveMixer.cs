using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.StateSpace;

/// <summary>Mamba's mixer: every channel has states of its own, whose decay depends on the token.</summary>
/// <remarks>
/// h_t = exp(Δ_t A) h_(t-1) + Δ_t B_t x_t, y_t = C_t h_t + D x_t, out = y silu(gate) (Gu and Dao 2023, arXiv:2312.00752, algorithm 2).
/// Shapes: x [B, T, C] -> [B, T, C].
/// </remarks>
public sealed class SelectiveMixer : StateSpaceMixer
{
    internal SelectiveMixer(string name, int block, StateSpaceConfig config, DType dtype) : base(name, block, config, 2 * config.ChannelCount, dtype)
    {
        Selection = new Linear(name + ".selection", config.ChannelCount, config.StepRank + 2 * config.StateSize, bias: false, dtype);
        Step = new Linear(name + ".step", config.StepRank, config.ChannelCount, bias: true, dtype);
        LogDecay = Parameter(name + ".log_decay", [config.ChannelCount, config.StateSize], dtype);
        Skip = Parameter(name + ".skip", [config.ChannelCount], dtype, 1);
    }

    /// <summary>From the channels to what chooses: the step's inner vector, B and C.</summary>
    public Linear Selection { get; }

    /// <summary>To a step size per channel.</summary>
    public Linear Step { get; }

    /// <summary>A = -exp of this: [I, N].</summary>
    public Tensor LogDecay { get; }

    /// <summary>D: [I].</summary>
    public Tensor Skip { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
    [
        .. Input.Parameters, ConvolutionWeight, .. ConvolutionBias is null ? (Tensor[])[] : [ConvolutionBias], .. Selection.Parameters, .. Step.Parameters, LogDecay, Skip, .. Output.Parameters,
    ];

    internal override Tensor Forward(Tensor x, StateSpaceSettings settings)
    {
        int B = x.Shape[0], T = x.Shape[1], I = Config.ChannelCount, N = Config.StateSize, R = Config.StepRank;
        Tensor both = Input.Forward(x);                                             // [B, T, 2 I]
        Tensor gate = both.Narrow(2, I, I);
        (Tensor u, Tensor kept) = Convolve(Masked(both.Narrow(2, 0, I), settings), settings); // [B, T, I]
        u = Masked(u, settings);
        Tensor chosen = Selection.Forward(u);                                       // [B, T, R + 2 N]
        Tensor r = chosen.Narrow(2, 0, R), b = chosen.Narrow(2, R, N), c = chosen.Narrow(2, R + N, N);
        if (Config.NormalizesSelection) (r, b, c) = (r.RmsNorm(null, Config.SelectionEpsilon), b.RmsNorm(null, Config.SelectionEpsilon), c.RmsNorm(null, Config.SelectionEpsilon));
        Tensor step = Step.Forward(r).Softplus();                                   // [B, T, I]
        Tensor decay = -LogDecay.Exp();                                             // [I, N]
        Tensor grown = (step * u).Unsqueeze(3) * b.Unsqueeze(2);                    // [B, T, I, N]
        Tensor shrink = (step.Unsqueeze(3) * decay).Exp();                          // [B, T, I, N]

        Tensor state = settings.Cache?.States(Block) ?? Tensor.Zeros([B, I, N], x.DType);
        Tensor[] rows = new Tensor[T];
        for (int t = 0; t < T; t++)
        {
            state = shrink.Select(1, t) * state + grown.Select(1, t);               // [B, I, N]
            rows[t] = state.MatMul(c.Select(1, t).Unsqueeze(2)).Squeeze(2);         // [B, I]
        }
        settings.Cache?.Set(Block, kept.Detach().Contiguous(), state.Detach());
        Tensor y = Tensor.Stack(rows, 1) + u * Skip;                                // [B, T, I]
        return Output.Forward(y * Config.Activation.Apply(gate));
    }
}

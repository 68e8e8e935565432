using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.StateSpace;

/// <summary>Mamba 2's mixer: heads of channels share one decay, groups of heads share the maps into and out of the states.</summary>
/// <remarks>
/// h_t = exp(Δ_t A) h_(t-1) + Δ_t x_t B_tᵀ, y_t = h_t C_t + D x_t, out = norm(y silu(gate)) with one root mean square per group
/// (Dao and Gu 2024, arXiv:2405.21060, section 7). The reference computes it in chunks, which is the same sum in another order.
/// Shapes: x [B, T, C] -> [B, T, C].
/// </remarks>
public sealed class HeadedMixer : StateSpaceMixer
{
    internal HeadedMixer(string name, int block, StateSpaceConfig config, DType dtype)
        : base(name, block, config, config.ChannelCount + config.ConvolvedCount + config.HeadCount, dtype)
    {
        StepBias = Parameter(name + ".step_bias", [config.HeadCount], dtype);
        LogDecay = Parameter(name + ".log_decay", [config.HeadCount], dtype);
        Skip = Parameter(name + ".skip", [config.HeadCount], dtype, 1);
        NormWeight = Parameter(name + ".norm.weight", [config.ChannelCount], dtype, 1);
    }

    /// <summary>Added to the step sizes before softplus: [H].</summary>
    public Tensor StepBias { get; }

    /// <summary>A = -exp of this: [H].</summary>
    public Tensor LogDecay { get; }

    /// <summary>D: [H].</summary>
    public Tensor Skip { get; }

    /// <summary>The gain of the norm after the gate: [I].</summary>
    public Tensor NormWeight { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
        [.. Input.Parameters, ConvolutionWeight, .. ConvolutionBias is null ? (Tensor[])[] : [ConvolutionBias], StepBias, LogDecay, Skip, NormWeight, .. Output.Parameters];

    internal override Tensor Forward(Tensor x, StateSpaceSettings settings)
    {
        int B = x.Shape[0], T = x.Shape[1], I = Config.ChannelCount, N = Config.StateSize, H = Config.HeadCount, G = Config.GroupCount, P = I / H;
        Tensor all = Input.Forward(Masked(x, settings));                            // [B, T, I + convolved + H]
        Tensor gate = all.Narrow(2, 0, I);
        Tensor step = (all.Narrow(2, I + Config.ConvolvedCount, H) + StepBias).Softplus(); // [B, T, H]
        if (Config.MinimumStep > 0 || double.IsFinite(Config.MaximumStep)) step = step.Clamp(Config.MinimumStep, Config.MaximumStep);
        (Tensor convolved, Tensor kept) = Convolve(all.Narrow(2, I, Config.ConvolvedCount), settings);
        convolved = Masked(convolved, settings);
        Tensor u = convolved.Narrow(2, 0, I).Reshape(B, T, H, P);                   // [B, T, H, P]
        Tensor b = Spread(convolved.Narrow(2, I, G * N)), c = Spread(convolved.Narrow(2, I + G * N, G * N)); // [B, T, H, N]
        Tensor shrink = (step * -LogDecay.Exp()).Exp();                             // [B, T, H]
        Tensor grown = (u * step.Unsqueeze(3)).Unsqueeze(4) * b.Unsqueeze(3);       // [B, T, H, P, N]

        Tensor state = settings.Cache?.States(Block) ?? Tensor.Zeros([B, H, P, N], x.DType);
        Tensor[] rows = new Tensor[T];
        for (int t = 0; t < T; t++)
        {
            state = shrink.Select(1, t).Reshape(B, H, 1, 1) * state + grown.Select(1, t); // [B, H, P, N]
            rows[t] = state.MatMul(c.Select(1, t).Unsqueeze(3)).Squeeze(3);         // [B, H, P]
        }
        settings.Cache?.Set(Block, kept.Detach().Contiguous(), state.Detach());
        Tensor y = Tensor.Stack(rows, 1) + u * Skip.Unsqueeze(1);                   // [B, T, H, P]
        Tensor gated = (y.Reshape(B, T, I) * gate.Silu()).Reshape(B, T, G, I / G).RmsNorm(null, Config.NormalizationEpsilon);
        return Output.Forward(gated.Reshape(B, T, I) * NormWeight);

        // Head h uses the maps of group h / (H / G).
        Tensor Spread(Tensor maps) => maps.Reshape(B, T, G, N).RepeatInterleave(H / G, 2);
    }
}

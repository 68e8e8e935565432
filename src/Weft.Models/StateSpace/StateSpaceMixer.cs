using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.StateSpace;

/// <summary>What both kinds of state-space mixers share: the maps in and out, and the convolution over the last few tokens.</summary>
public abstract class StateSpaceMixer : Layer
{
    private protected StateSpaceMixer(string name, int block, StateSpaceConfig config, int inputSize, DType dtype)
    {
        (Block, Config) = (block, config);
        Input = new Linear(name + ".input", config.HiddenSize, inputSize, config.LinearBias, dtype);
        ConvolutionWeight = Parameter(name + ".convolution.weight", [config.ConvolvedCount, 1, config.ConvolutionSize], dtype);
        ConvolutionBias = config.ConvolutionBias ? Parameter(name + ".convolution.bias", [config.ConvolvedCount], dtype) : null;
        Output = new Linear(name + ".output", config.ChannelCount, config.HiddenSize, config.LinearBias, dtype);
    }

    private protected int Block { get; }

    private protected StateSpaceConfig Config { get; }

    /// <summary>From the residual stream to gate, channels and what else the kind has.</summary>
    public Linear Input { get; }

    /// <summary>The convolution's weights, each channel on its own: [channels, 1, K], the newest token last.</summary>
    public Tensor ConvolutionWeight { get; }

    /// <summary>The convolution's offset: [channels]; null where there is none.</summary>
    public Tensor? ConvolutionBias { get; }

    /// <summary>Back to the residual stream: [C, I].</summary>
    public Linear Output { get; }

    internal abstract Tensor Forward(Tensor x, StateSpaceSettings settings);

    // y_t = f(sum over k of w_k x_(t-K+1+k) + b). Shapes: x [B, T, channels] -> [B, T, channels], and the last K inputs [B, channels, K].
    private protected (Tensor Output, Tensor Kept) Convolve(Tensor x, StateSpaceSettings settings)
    {
        int T = x.Shape[1], K = Config.ConvolutionSize;
        Tensor? before = settings.Cache?.Inputs(Block)?.Permute(0, 2, 1);           // [B, K, channels]
        Tensor all = before is null ? x.Pad(1, K, 0) : Tensor.Concat([before, x], 1); // [B, K + T, channels]
        Tensor weights = ConvolutionWeight.Select(1, 0).Transpose();                // [K, channels]
        Tensor? sum = ConvolutionBias;
        for (int k = 0; k < K; k++)
        {
            Tensor term = all.Narrow(1, k + 1, T) * weights.Select(0, k);           // [B, T, channels]
            sum = sum is null ? term : sum + term;
        }
        return (Config.Activation.Apply(sum!), all.Narrow(1, T, K).Permute(0, 2, 1));
    }

    // Padded tokens become zeros. Shapes: x [B, T, .] -> the same.
    private protected static Tensor Masked(Tensor x, StateSpaceSettings settings) =>
        settings.Mask is { } mask ? x.MaskedFill(mask.LogicalNot().Unsqueeze(2), 0) : x;
}

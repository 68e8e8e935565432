using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Models.Decoder;

/// <summary>One transformer layer: attention, then the feed-forward network, each added to the residual stream.</summary>
/// <remarks>x += attention(norm(x)); x += feed_forward(norm(x)) (the pre-norm form of Radford et al. 2019). Shapes: [B, T, C] -> [B, T, C].</remarks>
public sealed class DecoderBlock : Layer
{
    private readonly Tensor[] _parameters;
    private readonly string _attentionSite, _feedForwardSite, _residualSite;

    internal DecoderBlock(string name, int index, DecoderConfig config, RotaryPositions? rotary, DType dtype)
    {
        _attentionSite = name + ".attention.result";
        _feedForwardSite = name + ".feed_forward.result";
        _residualSite = name + ".residual";
        AttentionNorm = DecoderModel.CreateNorm(name + ".attention_norm", config, dtype);
        Attention = new CausalSelfAttention(name + ".attention", index, config, rotary, dtype);
        FeedForwardNorm = DecoderModel.CreateNorm(name + ".feed_forward_norm", config, dtype);
        FeedForward = new FeedForwardNetwork(name + ".feed_forward", config, dtype);
        _parameters = [.. Parameters];
    }

    /// <summary>Before attention.</summary>
    public Normalization AttentionNorm { get; }

    /// <summary>Mixes tokens.</summary>
    public CausalSelfAttention Attention { get; }

    /// <summary>Before the feed-forward network.</summary>
    public Normalization FeedForwardNorm { get; }

    /// <summary>Works on each token.</summary>
    public FeedForwardNetwork FeedForward { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. AttentionNorm.Parameters, .. Attention.Parameters, .. FeedForwardNorm.Parameters, .. FeedForward.Parameters];

    internal Tensor Forward(Tensor x, ForwardSettings settings)
    {
        if (!settings.CheckpointActivations || settings.Cache is not null || settings.Tap is not null) return Compute(x, settings);
        ulong position = settings.Dropout?.Position ?? 0;
        return ActivationCheckpoint.Run(new Pass(this, settings, position), x, s_again, _parameters);
    }

    // The second time dropout draws what it drew the first time, and then stands where it stood.
    private static readonly Func<Pass, Tensor, Tensor> s_again = static (pass, x) =>
    {
        if (pass.Settings.Dropout is not { } dropout) return pass.Block.Compute(x, pass.Settings);
        ulong now = dropout.Position;
        dropout.Position = pass.Position;
        Tensor y = pass.Block.Compute(x, pass.Settings);
        dropout.Position = Math.Max(now, dropout.Position);
        return y;
    };

    private readonly record struct Pass(DecoderBlock Block, ForwardSettings Settings, ulong Position);

    private Tensor Compute(Tensor x, ForwardSettings settings)
    {
        Tensor a = Attention.Forward(AttentionNorm.Forward(x), settings);           // [B, T, C]
        if (settings.Dropout is { } dropout) a = dropout.Apply(a, _attentionSite);
        x += a;
        Tensor f = FeedForward.Forward(FeedForwardNorm.Forward(x));                 // [B, T, C]
        if (settings.Dropout is { } again) f = again.Apply(f, _feedForwardSite);
        x += f;
        settings.Tap?.Invoke(_residualSite, x);
        return x;
    }
}

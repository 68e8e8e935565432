using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Models.Decoder;

/// <summary>One transformer layer: attention and a feed-forward network, each added to the residual stream.</summary>
/// <remarks>The order of its parts is what the kinds of blocks differ in; <see cref="PreNormBlock"/> is the usual one. Shapes: [B, T, C] -> [B, T, C].</remarks>
public abstract class DecoderBlock : Layer
{
    private Tensor[]? _parameters; // for checkpoints: they ask at every step
    private readonly string _attentionSite, _feedForwardSite, _residualSite;
    private readonly double _multiplier;

    /// <summary>Puts the parts together.</summary>
    private protected DecoderBlock(string name, double multiplier, SelfAttention attention, FeedForwardLayer feedForward)
    {
        (_attentionSite, _feedForwardSite, _residualSite) = (name + ".attention.result", name + ".feed_forward.result", name + ".residual");
        (_multiplier, Attention, FeedForward) = (multiplier, attention, feedForward);
    }

    /// <summary>Mixes tokens.</summary>
    public SelfAttention Attention { get; }

    /// <summary>Works on each token.</summary>
    public FeedForwardLayer FeedForward { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Buffers => FeedForward.Buffers;

    internal Tensor Forward(Tensor x, ForwardSettings settings)
    {
        // Where nothing is learned, no activation outlives its block: the memory of a long text does not grow with the number of blocks.
        bool forgets = GradMode.IsEnabled ? settings.CheckpointActivations && settings.Cache is null : settings.RouterLogits is null;
        if (forgets && settings.Tap is null)
            return ActivationCheckpoint.Run(new Pass(this, settings, settings.Dropout?.Position ?? 0), x, s_again, _parameters ??= [.. Parameters]);
        x = Compute(x, settings);                                                   // [B, T, C]
        settings.Tap?.Invoke(_residualSite, x);
        return x;
    }

    private readonly record struct Pass(DecoderBlock Block, ForwardSettings Settings, ulong Position);

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

    private protected abstract Tensor Compute(Tensor x, ForwardSettings settings);

    // Attention as it is added to the stream: with dropout in training, and multiplied where a family does that.
    private protected Tensor Attend(Tensor x, ForwardSettings settings) => Added(Attention.Forward(x, settings), _attentionSite, settings);

    private protected Tensor Feed(Tensor x, ForwardSettings settings) => Added(FeedForward.Forward(x, settings), _feedForwardSite, settings);

    private Tensor Added(Tensor x, string site, ForwardSettings settings)
    {
        if (settings.Dropout is { } dropout) x = dropout.Apply(x, site);
        return _multiplier == 1 ? x : x * _multiplier;
    }
}

/// <summary>x += attention(norm(x)); x += feed_forward(norm(x)) (the pre-norm form of Radford et al. 2019).</summary>
public sealed class PreNormBlock : DecoderBlock
{
    internal PreNormBlock(string name, double multiplier, Normalization attentionNorm, SelfAttention attention, Normalization feedForwardNorm, FeedForwardLayer feedForward)
        : base(name, multiplier, attention, feedForward) => (AttentionNorm, FeedForwardNorm) = (attentionNorm, feedForwardNorm);

    /// <summary>Before attention.</summary>
    public Normalization AttentionNorm { get; }

    /// <summary>Before the feed-forward network.</summary>
    public Normalization FeedForwardNorm { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. AttentionNorm.Parameters, .. Attention.Parameters, .. FeedForwardNorm.Parameters, .. FeedForward.Parameters];

    private protected override Tensor Compute(Tensor x, ForwardSettings settings)
    {
        x += Attend(AttentionNorm.Forward(x), settings);                            // [B, T, C]
        return x + Feed(FeedForwardNorm.Forward(x), settings);                      // [B, T, C]
    }
}

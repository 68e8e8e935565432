using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Puts the blocks of a model together: which parts each gets, and in which order they stand.</summary>
internal sealed class BlockComposition
{
    private readonly DecoderConfig _config;
    private readonly DType _dtype;
    private readonly RotaryPositions? _rotary, _windowRotary;

    internal BlockComposition(DecoderConfig config, DType dtype)
    {
        (_config, _dtype) = (config, dtype);
        if (config.Positions != PositionScheme.Rotary) return;
        _rotary = new RotaryPositions(config.ContextLength, config.RotarySize, config.RotaryBase, dtype, config.RotaryInterleaved, config.RotaryScaling);
        _windowRotary = config.WindowRotaryBase is { } other
            ? new RotaryPositions(config.ContextLength, config.RotarySize, other, dtype, config.RotaryInterleaved, config.WindowRotaryScaling)
            : _rotary;
    }

    /// <summary>The block of the given number.</summary>
    internal DecoderBlock Block(int l)
    {
        string name = $"blocks.{l}";
        double multiplier = _config.ResidualMultiplier;
        SelfAttention attention = Attention(name + ".attention", l);
        FeedForwardLayer feedForward = _config.HasExperts(l)
            ? new MixtureOfExperts(name + ".feed_forward", _config, _config.Experts!, _dtype)
            : new FeedForwardNetwork(name + ".feed_forward", _config, _config.ResolvedFeedForwardSize, _dtype);
        Normalization first = Norm(name + ".attention_norm"), second = Norm(name + ".feed_forward_norm");
        return _config.Order switch
        {
            BlockOrder.NormBefore => new PreNormBlock(name, multiplier, first, attention, second, feedForward),
            BlockOrder.NormAfter => new PostNormBlock(name, multiplier, attention, first, feedForward, second),
            BlockOrder.NormOfOutput => new OutputNormBlock(name, multiplier, attention, first, feedForward, second),
            BlockOrder.Sandwich => new SandwichBlock(name, multiplier, first, attention, Norm(name + ".attention_output_norm"), second, feedForward, Norm(name + ".feed_forward_output_norm")),
            BlockOrder.Parallel => new ParallelBlock(name, multiplier, first, attention, second, feedForward),
            BlockOrder.ParallelSharedNorm => new ParallelBlock(name, multiplier, first, attention, null, feedForward),
            _ => new NormedResidualBlock(name, multiplier, first, attention, second, feedForward),
        };
    }

    /// <summary>A normalisation of the model's kind over the residual stream.</summary>
    internal Normalization Norm(string name) => Norm(name, _config.HiddenSize);

    private Normalization Norm(string name, int size) => _config.Normalization switch
    {
        NormalizationKind.RmsNorm => new RmsNorm(name, size, _config.NormalizationEpsilon, _dtype),
        NormalizationKind.RmsNormPlusOne => new RmsNormPlusOne(name, size, _config.NormalizationEpsilon, _dtype),
        _ when !_config.NormalizationGain => new PlainLayerNorm(_config.NormalizationEpsilon),
        _ => new LayerNorm(name, size, _config.NormalizationEpsilon, _config.NormalizationBias, _dtype),
    };

    private SelfAttention Attention(string name, int l)
    {
        int window = _config.Window(l), D = _config.ResolvedHeadSize;
        AttentionConfig a = _config.Attention;
        RotaryPositions? rotary = _config.RotaryBlocks is { } turning && !turning[l] ? null : window > 0 ? _windowRotary : _rotary;
        double scale = a.Scale ?? 1 / Math.Sqrt(_config.Latent?.HeadSize ?? D);
        if (a.ScaleByBlock) scale /= l + 1;
        AttentionScores scores = new(name, _config.HeadCount, scale, window, a.SoftCap, a.Sinks, _config.Positions == PositionScheme.Alibi, _dtype);
        if (_config.Latent is { } latent) return new LatentAttention(name, l, _config, latent, rotary, scores, _dtype);
        bool whole = a.QueryKeyNorm == QueryKeyNormKind.Whole;
        QueryKeyNorm? norm = a.QueryKeyNorm == QueryKeyNormKind.None ? null : new QueryKeyNorm(whole,
            Norm(name + ".query_norm", whole ? _config.HeadCount * D : D), Norm(name + ".key_norm", whole ? _config.ResolvedKeyValueHeadCount * D : D));
        return new CausalSelfAttention(name, l, _config, norm, rotary, scores, _dtype);
    }
}

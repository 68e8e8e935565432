using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.StateSpace;

/// <summary>A language model without attention: predicts each next token from states that are carried along.</summary>
/// <remarks>Embed; x += mixer(norm(x)) for each block; norm; head. Shapes: ids [B, T] -> logits [B, T, V].</remarks>
public sealed class StateSpaceModel : Layer
{
    private static readonly StateSpaceSettings s_plain = new();
    private readonly (RmsNorm Norm, StateSpaceMixer Mixer)[] _blocks;

    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public StateSpaceModel(StateSpaceConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        (Config, DType) = (config, dtype);
        TokenEmbedding = new Embedding("embedding.tokens", config.VocabularySize, config.HiddenSize, dtype);
        _blocks = [.. Enumerable.Range(0, config.BlockCount).Select(l => (
            new RmsNorm($"blocks.{l}.norm", config.HiddenSize, config.NormalizationEpsilon, dtype),
            config.HeadCount == 0 ? (StateSpaceMixer)new SelectiveMixer($"blocks.{l}.mixer", l, config, dtype) : new HeadedMixer($"blocks.{l}.mixer", l, config, dtype)))];
        Norm = new RmsNorm("norm", config.HiddenSize, config.NormalizationEpsilon, dtype);
        Head = config.TieEmbeddings ? null : new Linear("head", config.HiddenSize, config.VocabularySize, bias: false, dtype);
        Parameters = [.. TokenEmbedding.Parameters, .. _blocks.SelectMany(static b => b.Norm.Parameters.Concat(b.Mixer.Parameters)), .. Norm.Parameters, .. Head?.Parameters ?? []];
    }

    /// <summary>The architecture.</summary>
    public StateSpaceConfig Config { get; }

    /// <summary>The element type of weights and activations.</summary>
    public DType DType { get; }

    /// <summary>A vector per token id: [V, C].</summary>
    public Embedding TokenEmbedding { get; }

    /// <summary>Before the head.</summary>
    public RmsNorm Norm { get; }

    /// <summary>The map to logits: [V, C]; null where the token embedding serves.</summary>
    public Linear? Head { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Predicts the token after each position. Shapes: ids [B, T] Int32 -> logits [B, T, V].</summary>
    /// <exception cref="ArgumentException">The ids are not a matrix.</exception>
    public Tensor Forward(Tensor ids, StateSpaceSettings? settings = null)
    {
        settings ??= s_plain;
        if (ids.Rank != 2 || ids.DType != DType.Int32) throw new ArgumentException($"StateSpaceModel: ids must be Int32 [B, T], not {ids.DType} {ids.Shape}.");
        if (settings.Mask is { } mask && mask.Shape != ids.Shape) throw new ArgumentException($"StateSpaceModel: the mask is {mask.Shape}, but must be {ids.Shape}.");
        Tensor x = TokenEmbedding.Forward(ids);                                     // [B, T, C]
        settings.Tap?.Invoke("embedding", x);
        for (int l = 0; l < _blocks.Length; l++)
        {
            x += _blocks[l].Mixer.Forward(_blocks[l].Norm.Forward(x), settings);    // [B, T, C]
            settings.Tap?.Invoke($"blocks.{l}.residual", x);
        }
        if (settings.Cache is { } cache) cache.Count += ids.Shape[1];
        x = Norm.Forward(x);
        settings.Tap?.Invoke("norm", x);
        return x.Linear(Head?.Weight ?? TokenEmbedding.Weight);                     // [B, T, V]
    }
}

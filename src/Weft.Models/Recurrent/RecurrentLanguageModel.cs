using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Recurrent;

/// <summary>The architecture of a recurrent language model.</summary>
public sealed record RecurrentLanguageConfig
{
    /// <summary>V.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The size of a token's vector. Default: a tenth of what word models use, since characters are few.</summary>
    public int EmbeddingSize { get; init; } = 32;

    /// <summary>H. Default: of Karpathy's char-rnn (2015).</summary>
    public int HiddenSize { get; init; } = 128;

    /// <summary>The number of recurrent layers. Default: of Karpathy's char-rnn (2015).</summary>
    public int LayerCount { get; init; } = 2;

    /// <summary>What each step computes. Default: of Karpathy's char-rnn (2015).</summary>
    public RecurrentCell Cell { get; init; } = RecurrentCell.Lstm;

    /// <summary>Checks the sizes.</summary>
    /// <exception cref="ArgumentException">One is not positive; the message names it.</exception>
    public void Validate()
    {
        foreach ((string name, int value) in ((string, int)[])[(nameof(VocabularySize), VocabularySize), (nameof(EmbeddingSize), EmbeddingSize), (nameof(HiddenSize), HiddenSize), (nameof(LayerCount), LayerCount)])
            if (value < 1) throw new ArgumentException($"{name} {value} must be at least 1.");
    }
}

/// <summary>Predicts each next token from a state that is carried along the text (Mikolov et al. 2010; characters: Karpathy 2015).</summary>
/// <remarks>Embedding, recurrent layers, head. Shapes: ids [B, T] -> logits [B, T, V].</remarks>
public sealed class RecurrentLanguageModel : Layer
{
    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public RecurrentLanguageModel(RecurrentLanguageConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        Config = config;
        Embedding = new Embedding("embedding", config.VocabularySize, config.EmbeddingSize, dtype);
        Layers = new RecurrentStack("layers", config.Cell, config.EmbeddingSize, config.HiddenSize, config.LayerCount, batchFirst: true, dtype: dtype);
        Head = new Linear("head", config.HiddenSize, config.VocabularySize, bias: true, dtype);
        Parameters = [.. Embedding.Parameters, .. Layers.Parameters, .. Head.Parameters];
    }

    /// <summary>The architecture.</summary>
    public RecurrentLanguageConfig Config { get; }

    /// <summary>A vector per token id.</summary>
    public Embedding Embedding { get; }

    /// <summary>The recurrent layers.</summary>
    public RecurrentStack Layers { get; }

    /// <summary>The map to logits.</summary>
    public Linear Head { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Predicts the token after each position.</summary>
    /// <param name="ids">Token ids, Int32 [B, T].</param>
    /// <param name="state">The state after the text so far; null at the beginning of a text. Pass <see cref="RecurrentState.Detach"/> of the last one to train on a long text in segments.</param>
    /// <param name="dropout">Between the layers; null for none.</param>
    /// <returns>Logits [B, T, V], and the state after the last token.</returns>
    public (Tensor Logits, RecurrentState State) Forward(Tensor ids, RecurrentState? state = null, Dropout? dropout = null)
    {
        if (ids.Rank != 2) throw new ArgumentException($"RecurrentLanguageModel: ids {ids.Shape} are not [B, T].");
        (Tensor output, RecurrentState after) = Layers.Forward(Embedding.Forward(ids), state, dropout: dropout); // [B, T, H]
        return (Head.Forward(output), after);                                                                    // [B, T, V]
    }

    /// <summary>Draws initial weights: vectors from the standard normal distribution, everything else evenly from ±1/√fan-in, as torch does.</summary>
    public RecurrentLanguageModel Initialize(RandomGenerator generator)
    {
        generator.FillGaussian(Embedding.Weight.Detach());
        Layers.Initialize(generator);
        Head.Initialize(generator);
        return this;
    }
}

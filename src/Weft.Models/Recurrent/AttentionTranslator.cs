using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Recurrent;

/// <summary>How the decoder of an <see cref="AttentionTranslator"/> looks back at the source.</summary>
public enum AlignmentKind
{
    /// <summary>v · tanh(W_q s_(t-1) + W_k h_j), and the context enters the step (Bahdanau et al. 2015, arXiv:1409.0473, appendix A.1.2).</summary>
    Additive,

    /// <summary>(W_a s_t) · h_j after the step, with the attentional vector fed to the next (Luong et al. 2015, arXiv:1508.04025, eq. 8 and section 3.3).</summary>
    Multiplicative,
}

/// <summary>The architecture of an <see cref="AttentionTranslator"/>.</summary>
public sealed record AttentionTranslatorConfig
{
    /// <summary>V, shared by source and target.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>E, the size of a token's vector. Default: enough for small vocabularies.</summary>
    public int EmbeddingSize { get; init; } = 64;

    /// <summary>H. Default: trains in seconds on a sequence task.</summary>
    public int HiddenSize { get; init; } = 128;

    /// <summary>How the decoder looks back at the source. Default: the original attention.</summary>
    public AlignmentKind Alignment { get; init; } = AlignmentKind.Additive;

    /// <summary>Checks the sizes.</summary>
    /// <exception cref="ArgumentException">One is not positive; the message names it.</exception>
    public void Validate()
    {
        foreach ((string name, int value) in ((string, int)[])[(nameof(VocabularySize), VocabularySize), (nameof(EmbeddingSize), EmbeddingSize), (nameof(HiddenSize), HiddenSize)])
            if (value < 1) throw new ArgumentException($"{name} {value} must be at least 1.");
    }
}

/// <summary>An LSTM encoder and an LSTM decoder with attention between them: translation before the transformer.</summary>
/// <remarks>
/// The encoder's final state starts the decoder. Each target step weighs the source states h_j with a softmax over scores, sums them to
/// a context c, and predicts from it. Shapes: source [B, S], target [B, T] -> logits [B, T, V], attention [B, T, S].
/// </remarks>
public sealed class AttentionTranslator : Layer
{
    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public AttentionTranslator(AttentionTranslatorConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        Config = config;
        int V = config.VocabularySize, E = config.EmbeddingSize, H = config.HiddenSize;
        bool additive = config.Alignment == AlignmentKind.Additive;
        SourceEmbedding = new Embedding("source_embedding", V, E, dtype);
        TargetEmbedding = new Embedding("target_embedding", V, E, dtype);
        Encoder = new RecurrentLayer("encoder", RecurrentCell.Lstm, E, H, dtype: dtype);
        Decoder = new RecurrentLayer("decoder", RecurrentCell.Lstm, E + H, H, dtype: dtype);
        Query = new Linear("attention.query", H, H, bias: false, dtype);
        Key = additive ? new Linear("attention.key", H, H, bias: false, dtype) : null;
        Score = additive ? new Linear("attention.score", H, 1, bias: false, dtype) : null;
        Combine = additive ? null : new Linear("attention.combine", 2 * H, H, bias: false, dtype);
        Head = new Linear("head", additive ? 2 * H + E : H, V, bias: true, dtype);
        Layer?[] parts = [SourceEmbedding, TargetEmbedding, Encoder, Decoder, Query, Key, Score, Combine, Head];
        Parameters = [.. parts.OfType<Layer>().SelectMany(static l => l.Parameters)];
    }

    /// <summary>The architecture.</summary>
    public AttentionTranslatorConfig Config { get; }

    /// <summary>A vector per source token.</summary>
    public Embedding SourceEmbedding { get; }

    /// <summary>A vector per target token.</summary>
    public Embedding TargetEmbedding { get; }

    /// <summary>Reads the source.</summary>
    public RecurrentLayer Encoder { get; }

    /// <summary>Writes the target.</summary>
    public RecurrentLayer Decoder { get; }

    /// <summary>W_q or W_a, [H, H].</summary>
    public Linear Query { get; }

    /// <summary>W_k of additive attention, [H, H].</summary>
    public Linear? Key { get; }

    /// <summary>v of additive attention, [1, H].</summary>
    public Linear? Score { get; }

    /// <summary>W_c of multiplicative attention, [H, 2 H]: from context and state to the attentional vector.</summary>
    public Linear? Combine { get; }

    /// <summary>The map to logits.</summary>
    public Linear Head { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>What the decoder needs from the source, and where it stands.</summary>
    /// <param name="Source">The encoder's states, [B, S, H].</param>
    /// <param name="Keys">W_k of them for additive attention, else the states themselves, [B, S, H].</param>
    /// <param name="Padding">True beyond each row's length, [B, S].</param>
    /// <param name="State">The decoder's state.</param>
    /// <param name="Feed">The last attentional vector of multiplicative attention, [B, H].</param>
    public sealed record Progress(Tensor Source, Tensor Keys, Tensor Padding, RecurrentState State, Tensor Feed);

    /// <summary>Reads the source. Shapes: source Int32 [B, S], lengths Int32 [B].</summary>
    public Progress Encode(Tensor source, Tensor lengths)
    {
        int S = source.Shape[1];
        Tensor x = SourceEmbedding.Forward(source).Transpose(0, 1);                     // [S, B, E]
        (Tensor output, RecurrentState state) = Encoder.Forward(x, lengths: lengths);   // [S, B, H]
        Tensor states = output.Transpose(0, 1);                                         // [B, S, H]
        Tensor padding = Tensor.Arange(S).Unsqueeze(0).GreaterOrEqual(lengths.Unsqueeze(1)); // [B, S]
        return new Progress(states, Key is null ? states : Key.Forward(states), padding, state, Tensor.Zeros(state.Hidden.Shape, x.DType));
    }

    /// <summary>One target token. Shapes: tokens Int32 [B] -> logits [B, V], attention [B, S].</summary>
    public (Tensor Logits, Tensor Attention, Progress Next) Step(Tensor tokens, Progress at)
    {
        Tensor e = TargetEmbedding.Forward(tokens);                                     // [B, E]
        if (Score is not null)
        {
            Tensor query = Query.Forward(at.State.Hidden).Unsqueeze(1);                 // [B, 1, H]
            Tensor a = Weights(Score.Forward((query + at.Keys).Tanh()).Squeeze(-1), at.Padding), c = Context(a, at.Source); // [B, S], [B, H]
            RecurrentState state = Decoder.Step(Tensor.Concat([e, c], -1), at.State);
            return (Head.Forward(Tensor.Concat([state.Hidden, c, e], -1)), a, at with { State = state });
        }
        RecurrentState after = Decoder.Step(Tensor.Concat([e, at.Feed], -1), at.State);
        Tensor scores = at.Keys.MatMul(Query.Forward(after.Hidden).Unsqueeze(2)).Squeeze(-1); // [B, S]
        Tensor weights = Weights(scores, at.Padding);                                   // [B, S]
        Tensor feed = Combine!.Forward(Tensor.Concat([Context(weights, at.Source), after.Hidden], -1)).Tanh(); // [B, H]
        return (Head.Forward(feed), weights, at with { State = after, Feed = feed });
    }

    /// <summary>Predicts each target token from those before it and the source (teacher forcing).</summary>
    /// <param name="source">Int32 [B, S].</param>
    /// <param name="lengths">The number of real source tokens of each row, Int32 [B].</param>
    /// <param name="target">The tokens before each prediction, Int32 [B, T]: a begin mark first.</param>
    /// <returns>Logits [B, T, V] and attention [B, T, S].</returns>
    public (Tensor Logits, Tensor Attention) Forward(Tensor source, Tensor lengths, Tensor target)
    {
        int T = target.Shape[1];
        Progress at = Encode(source, lengths);
        Tensor[] logits = new Tensor[T], attention = new Tensor[T];
        for (int t = 0; t < T; t++) (logits[t], attention[t], at) = Step(target.Select(1, t), at);
        return (Tensor.Stack(logits, 1), Tensor.Stack(attention, 1));
    }

    /// <summary>Draws initial weights: vectors from the standard normal distribution, everything else evenly from ±1/√fan-in, as torch does.</summary>
    public AttentionTranslator Initialize(RandomGenerator generator)
    {
        generator.FillGaussian(SourceEmbedding.Weight.Detach());
        generator.FillGaussian(TargetEmbedding.Weight.Detach());
        Encoder.Initialize(generator);
        Decoder.Initialize(generator);
        foreach (Linear? linear in (Linear?[])[Query, Key, Score, Combine, Head]) linear?.Initialize(generator);
        return this;
    }

    private static Tensor Weights(Tensor scores, Tensor padding) => scores.MaskedFill(padding, double.NegativeInfinity).Softmax();

    // a [B, S], source [B, S, H] -> [B, H]
    private static Tensor Context(Tensor a, Tensor source) => a.Unsqueeze(1).MatMul(source).Squeeze(1);
}

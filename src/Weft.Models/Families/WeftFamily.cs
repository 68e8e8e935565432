using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Combinations of layers that no published family has: saved under Weft's own names, so that they are not lost.</summary>
public sealed class WeftFamily : DecoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "weft_decoder";

    /// <inheritdoc/>
    public override string Architecture => "WeftDecoderModel";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "WeftDecoderForSequenceClassification";

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) => true;

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader) => new()
    {
        VocabularySize = reader.RequiredInteger("vocab_size"),
        ContextLength = reader.RequiredInteger("context_length"),
        HiddenSize = reader.RequiredInteger("hidden_size"),
        BlockCount = reader.RequiredInteger("block_count"),
        HeadCount = reader.RequiredInteger("head_count"),
        KeyValueHeadCount = reader.RequiredInteger("key_value_head_count"),
        HeadSize = reader.RequiredInteger("head_size"),
        FeedForwardSize = reader.RequiredInteger("feed_forward_size"),
        Positions = Choice<PositionScheme>(reader, "positions"),
        RotaryBase = reader.Number("rotary_base", 10_000),
        Normalization = Choice<NormalizationKind>(reader, "normalization"),
        NormalizationEpsilon = reader.Number("normalization_epsilon", 1e-5),
        NormalizationBias = reader.Flag("normalization_bias", true),
        LinearBias = reader.Flag("linear_bias", true),
        FeedForward = Choice<FeedForwardKind>(reader, "feed_forward"),
        TieEmbeddings = reader.Flag("tie_word_embeddings", true),
        InitializerRange = reader.Number("initializer_range", 0.02),
        BeginOfTextId = reader.TokenId("bos_token_id"),
        EndOfTextId = reader.TokenId("eos_token_id"),
        PaddingId = reader.TokenId("pad_token_id"),
    };

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("context_length", config.ContextLength);
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("block_count", config.BlockCount);
        writer.Add("head_count", config.HeadCount);
        writer.Add("key_value_head_count", config.ResolvedKeyValueHeadCount);
        writer.Add("head_size", config.ResolvedHeadSize);
        writer.Add("feed_forward_size", config.ResolvedFeedForwardSize);
        writer.Add("positions", config.Positions.ToString());
        writer.Add("rotary_base", config.RotaryBase);
        writer.Add("normalization", config.Normalization.ToString());
        writer.Add("normalization_epsilon", config.NormalizationEpsilon);
        writer.Add("normalization_bias", config.NormalizationBias);
        writer.Add("linear_bias", config.LinearBias);
        writer.Add("feed_forward", config.FeedForward.ToString());
        writer.Add("initializer_range", config.InitializerRange);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config) =>
        new DecoderModel(config with { VocabularySize = 1, ContextLength = 1 }).Parameters.Select(static p => new WeightMapping(p.Name, p.Name!));

    private static T Choice<T>(ConfigReader reader, string key) where T : struct, Enum =>
        Enum.TryParse(reader.Text(key), out T value) ? value : throw reader.Unsupported(key, $"'{reader.Text(key)}', not one of {string.Join(", ", Enum.GetNames<T>())}");
}

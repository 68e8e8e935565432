using Weft.Models.Decoder;
using Weft.Models.Layers;

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

    /// <summary>Everything that decides what a model computes, as one text: two architectures with the same text are the same.</summary>
    internal static string Meaning(DecoderConfig config)
    {
        ConfigWriter writer = new();
        WeftFamily family = new();
        family.WriteConfig(writer, config);
        ModelDirectory.AddCommonKeys(writer, config, family, family.Architecture);
        return writer.ToJson();
    }

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
        PositionOffset = reader.Integer("position_offset", 0)!.Value,
        RotaryBase = reader.Number("rotary_base", 10_000),
        RotaryShare = reader.Number("rotary_share", 1),
        RotaryInterleaved = reader.Flag("rotary_interleaved", false),
        RotaryScaling = Scaling(reader.Section("rotary_scaling")),
        WindowRotaryBase = reader.OptionalNumber("window_rotary_base"),
        WindowRotaryScaling = Scaling(reader.Section("window_rotary_scaling")),
        RotaryBlocks = reader.Flags("rotary_blocks"),
        Windows = reader.Integers("windows"),
        Attention = Attention(reader.Section("attention")),
        Latent = Latent(reader.Section("latent")),
        Experts = Experts(reader.Section("experts")),
        Order = Choice(reader, "order", BlockOrder.NormBefore),
        ResidualMultiplier = reader.Number("residual_multiplier", 1),
        EmbeddingMultiplier = reader.Number("embedding_multiplier", 1),
        EmbeddingNorm = reader.Flag("embedding_norm", false),
        EmbeddingSize = reader.Integer("embedding_size", 0)!.Value,
        FinalNorm = reader.Flag("final_norm", true),
        HeadBias = reader.Flag("head_bias", false),
        LogitsDivisor = reader.Number("logits_divisor", 1),
        LogitsSoftCap = reader.Number("logits_soft_cap", 0),
        Normalization = Choice<NormalizationKind>(reader, "normalization"),
        NormalizationEpsilon = reader.Number("normalization_epsilon", 1e-5),
        NormalizationBias = reader.Flag("normalization_bias", true),
        NormalizationGain = reader.Flag("normalization_gain", true),
        LinearBias = reader.Flag("linear_bias", true),
        FeedForwardBias = reader.Find("feed_forward_bias") is null ? null : reader.Flag("feed_forward_bias", false),
        FeedForward = Choice<FeedForwardKind>(reader, "feed_forward"),
        Activation = Choice(reader, "activation", ActivationKind.Silu),
        TieEmbeddings = reader.Flag("tie_word_embeddings", true),
        InitializerRange = reader.Number("initializer_range", 0.02),
        BeginOfTextId = reader.TokenId("bos_token_id"),
        EndOfTextId = reader.TokenId("eos_token_id"),
        PaddingId = reader.TokenId("pad_token_id"),
    };

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        bool layerNorm = config.Normalization == NormalizationKind.LayerNorm, rotary = config.Positions == PositionScheme.Rotary;
        writer.Add("context_length", config.ContextLength);
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("block_count", config.BlockCount);
        writer.Add("head_count", config.HeadCount);
        writer.Add("key_value_head_count", config.ResolvedKeyValueHeadCount);
        writer.Add("head_size", config.ResolvedHeadSize);
        writer.Add("feed_forward_size", config.ResolvedFeedForwardSize);
        writer.Add("positions", config.Positions.ToString());
        writer.Add("position_offset", config.PositionOffset);
        writer.Add("rotary_base", rotary ? config.RotaryBase : 10_000.0);
        writer.Add("rotary_share", rotary ? config.RotaryShare : 1.0);
        writer.Add("rotary_interleaved", config.RotaryInterleaved);
        writer.Add("rotary_scaling", Scaling(config.RotaryScaling));
        writer.Add("window_rotary_base", config.WindowRotaryBase);
        writer.Add("window_rotary_scaling", Scaling(config.WindowRotaryScaling));
        writer.Add("rotary_blocks", config.RotaryBlocks?.All(static b => b) == true ? null : config.RotaryBlocks);
        writer.Add("windows", config.Windows?.All(static w => w == 0) == true ? null : config.Windows);
        writer.Add("attention", Attention(config));
        writer.Add("latent", Latent(config.Latent));
        writer.Add("experts", Experts(config.Experts));
        writer.Add("order", config.Order.ToString());
        writer.Add("residual_multiplier", config.ResidualMultiplier);
        writer.Add("embedding_multiplier", config.EmbeddingMultiplier);
        writer.Add("embedding_norm", config.EmbeddingNorm);
        writer.Add("embedding_size", config.ResolvedEmbeddingSize);
        writer.Add("final_norm", config.FinalNorm);
        writer.Add("head_bias", config.HeadBias);
        writer.Add("logits_divisor", config.LogitsDivisor);
        writer.Add("logits_soft_cap", config.LogitsSoftCap);
        writer.Add("normalization", config.Normalization.ToString());
        writer.Add("normalization_epsilon", config.NormalizationEpsilon);
        writer.Add("normalization_bias", !layerNorm || config.NormalizationBias);
        writer.Add("normalization_gain", !layerNorm || config.NormalizationGain);
        writer.Add("linear_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("feed_forward_bias", config.ResolvedFeedForwardBias);
        writer.Add("feed_forward", config.FeedForward switch
        {
            FeedForwardKind.Plain when config.Activation == ActivationKind.Gelu => nameof(FeedForwardKind.Gelu),
            FeedForwardKind.Plain when config.Activation == ActivationKind.GeluTanh => nameof(FeedForwardKind.GeluTanh),
            FeedForwardKind.Gated when config.Activation == ActivationKind.Silu => nameof(FeedForwardKind.SwiGlu),
            FeedForwardKind kind => kind.ToString(),
        });
        writer.Add("activation", config.ResolvedActivation.ToString());
        writer.Add("initializer_range", config.InitializerRange);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        DecoderModel small = new(config with { VocabularySize = 1, ContextLength = 1 });
        return small.Parameters.Concat(small.Buffers).Select(static p => new WeightMapping(p.Name, p.Name!));
    }

    private static ConfigWriter Attention(DecoderConfig config)
    {
        AttentionConfig a = config.Attention;
        ConfigWriter w = new();
        w.Add("scale", a.Scale ?? 1 / Math.Sqrt(config.Latent?.HeadSize ?? config.ResolvedHeadSize));
        w.Add("scale_by_block", a.ScaleByBlock);
        w.Add("soft_cap", a.SoftCap);
        w.Add("sinks", a.Sinks);
        w.Add("query_key_norm", a.QueryKeyNorm.ToString());
        w.Add("clip", a.Clip);
        w.Add("output_bias", config.ResolvedAttentionOutputBias);
        return w;
    }

    private static AttentionConfig Attention(ConfigReader? r) => r is null ? new AttentionConfig() : new AttentionConfig
    {
        Scale = r.OptionalNumber("scale"),
        ScaleByBlock = r.Flag("scale_by_block", false),
        SoftCap = r.Number("soft_cap", 0),
        Sinks = r.Flag("sinks", false),
        QueryKeyNorm = Choice(r, "query_key_norm", QueryKeyNormKind.None),
        Clip = r.Number("clip", 0),
        OutputBias = r.Find("output_bias") is null ? null : r.Flag("output_bias", false),
    };

    private static ConfigWriter? Latent(LatentAttentionConfig? latent)
    {
        if (latent is null) return null;
        ConfigWriter w = new();
        w.Add("query_rank", latent.QueryRank);
        w.Add("key_value_rank", latent.KeyValueRank);
        w.Add("plain_size", latent.PlainSize);
        w.Add("rotary_size", latent.RotarySize);
        w.Add("value_size", latent.ValueSize);
        return w;
    }

    private static LatentAttentionConfig? Latent(ConfigReader? r) => r is null ? null : new LatentAttentionConfig
    {
        QueryRank = r.Integer("query_rank", 0)!.Value,
        KeyValueRank = r.RequiredInteger("key_value_rank"),
        PlainSize = r.RequiredInteger("plain_size"),
        RotarySize = r.RequiredInteger("rotary_size"),
        ValueSize = r.RequiredInteger("value_size"),
    };

    private static ConfigWriter? Experts(ExpertsConfig? e)
    {
        if (e is null || e.Blocks?.Any(static b => b) == false) return null;
        ConfigWriter w = new();
        w.Add("count", e.Count);
        w.Add("chosen_count", e.ChosenCount);
        w.Add("feed_forward_size", e.FeedForwardSize);
        w.Add("shared_feed_forward_size", e.SharedFeedForwardSize);
        w.Add("score", e.Score.ToString());
        w.Add("renormalize", e.Renormalize);
        w.Add("scale", e.Scale);
        w.Add("group_count", e.GroupCount);
        w.Add("chosen_group_count", e.ChosenGroupCount);
        w.Add("group_by_best_two", e.GroupByBestTwo);
        w.Add("router_bias", e.RouterBias);
        w.Add("correction_bias", e.CorrectionBias);
        w.Add("bias", e.Bias);
        w.Add("gate_limit", e.GateLimit);
        w.Add("gate_slope", e.GateSlope);
        w.Add("balance_weight", e.BalanceWeight);
        w.Add("trains_balance", e.TrainsBalance);
        w.Add("blocks", e.Blocks?.All(static b => b) == true ? null : e.Blocks);
        return w;
    }

    private static ExpertsConfig? Experts(ConfigReader? r) => r is null ? null : new ExpertsConfig
    {
        Count = r.RequiredInteger("count"),
        ChosenCount = r.RequiredInteger("chosen_count"),
        FeedForwardSize = r.RequiredInteger("feed_forward_size"),
        SharedFeedForwardSize = r.Integer("shared_feed_forward_size", 0)!.Value,
        Score = Choice(r, "score", RouterScore.Softmax),
        Renormalize = r.Flag("renormalize", false),
        Scale = r.Number("scale", 1),
        GroupCount = r.Integer("group_count", 1)!.Value,
        ChosenGroupCount = r.Integer("chosen_group_count", 1)!.Value,
        GroupByBestTwo = r.Flag("group_by_best_two", false),
        RouterBias = r.Flag("router_bias", false),
        CorrectionBias = r.Flag("correction_bias", false),
        Bias = r.Flag("bias", false),
        GateLimit = r.Number("gate_limit", 0),
        GateSlope = r.Number("gate_slope", 1.702),
        BalanceWeight = r.Number("balance_weight", 0),
        TrainsBalance = r.Flag("trains_balance", false),
        Blocks = r.Flags("blocks"),
    };

    private static ConfigWriter? Scaling(RotaryScaling? scaling)
    {
        if (scaling is null) return null;
        ConfigWriter w = new();
        RopeKeys.WriteScaling(w, scaling);
        return w;
    }

    private static RotaryScaling? Scaling(ConfigReader? reader) => reader is null ? null : RopeKeys.ReadScaling(reader, null);

    private static T Choice<T>(ConfigReader reader, string key) where T : struct, Enum =>
        Enum.TryParse(reader.Text(key), out T value) ? value : throw reader.Unsupported(key, $"'{reader.Text(key)}', not one of {string.Join(", ", Enum.GetNames<T>())}");

    private static T Choice<T>(ConfigReader reader, string key, T fallback) where T : struct, Enum => reader.Text(key) is null ? fallback : Choice<T>(reader, key);
}

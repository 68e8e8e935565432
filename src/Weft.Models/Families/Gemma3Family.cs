using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Gemma 3, text alone (arXiv:2503.19786): five blocks with a window for each that sees all, with rotary bases of their own; queries and keys normalised.</summary>
public sealed class Gemma3Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "gemma3_text";

    /// <inheritdoc/>
    public override string Architecture => "Gemma3ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Gemma3TextForSequenceClassification";

    private protected override Defaults Missing => new()
    {
        ContextLength = 131_072, KeyValueHeadCount = 4, HeadSize = 256, RotaryBase = 1e6, TieEmbeddings = true, Activation = "gelu_pytorch_tanh",
    };

    private const double WindowBase = 10_000;

    private protected override string ActivationKey => "hidden_activation";

    private protected override (string Ours, string Theirs)[] BlockNorms => Gemma2Family.SandwichNorms;

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        int? window = reader.Has("sliding_window") ? reader.Integer("sliding_window") : 4096;
        int pattern = reader.Integer("sliding_window_pattern") ?? reader.Integer("_sliding_window_pattern") ?? 6;
        if (pattern < 1) throw reader.Unsupported("sliding_window_pattern", $"{pattern}");
        reader.Ignore("sliding_window_pattern", "_sliding_window_pattern", "hidden_act", "cache_implementation");
        return GemmaFamily.Common(reader, common) with
        {
            Order = BlockOrder.Sandwich,
            Windows = Windows(SlidingLayers(reader, common.BlockCount, l => (l + 1) % pattern != 0), window),
            LogitsSoftCap = reader.Number("final_logit_softcapping", 0),
            Attention = new AttentionConfig
            {
                Scale = Math.Pow(reader.Number("query_pre_attn_scalar", 256), -0.5),
                SoftCap = reader.Number("attn_logit_softcapping", 0),
                QueryKeyNorm = QueryKeyNormKind.Head,
            },
        };
    }

    // The newer spelling has an entry for each kind of layer; the older one scales only those that see all.
    private protected override DecoderConfig ReadRotary(ConfigReader reader, DecoderConfig config)
    {
        double windowBase = reader.Number("rope_local_base_freq", WindowBase);
        if (reader.Section("rope_parameters") is not { } both || !(both.Has("full_attention") | both.Has("sliding_attention")))
            return RopeKeys.Read(reader, config, Missing.RotaryBase) with { WindowRotaryBase = windowBase };
        reader.Ignore("rope_theta", "rope_scaling");
        ConfigReader? full = both.Section("full_attention"), sliding = both.Section("sliding_attention");
        return config with
        {
            Positions = PositionScheme.Rotary,
            RotaryBase = full?.Number("rope_theta", Missing.RotaryBase) ?? Missing.RotaryBase,
            RotaryScaling = full is null ? null : RopeKeys.ReadScaling(full, null),
            WindowRotaryBase = sliding?.Number("rope_theta", windowBase) ?? windowBase,
            WindowRotaryScaling = sliding is null ? null : RopeKeys.ReadScaling(sliding, null),
        };
    }

    private protected override void WriteRotary(ConfigWriter writer, DecoderConfig config)
    {
        double windowBase = config.WindowRotaryBase ?? config.RotaryBase;
        ConfigWriter both = new();
        both.Add("full_attention", RopeKeys.Parameters(config.RotaryBase, 1, config.RotaryScaling));
        both.Add("sliding_attention", RopeKeys.Parameters(windowBase, 1, config.WindowRotaryBase is null ? config.RotaryScaling : config.WindowRotaryScaling));
        writer.Add("rope_parameters", both);
        writer.Add("rope_theta", config.RotaryBase);
        writer.Add("rope_local_base_freq", windowBase);
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config) => Gemma2Family.WriteCapped(writer, config);
}

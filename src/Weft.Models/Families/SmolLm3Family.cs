using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>SmolLM3 (Hugging Face 2025): Llama in which some blocks have no positions (NoPE, arXiv:2501.18795), and these a window if asked.</summary>
public sealed class SmolLm3Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "smollm3";

    /// <inheritdoc/>
    public override string Architecture => "SmolLM3ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "SmolLM3ForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 32768, KeyValueHeadCount = 4, RotaryBase = 2e6, TieEmbeddings = true };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        int interval = reader.Integer("no_rope_layer_interval", 4)!.Value;
        if (interval < 1) throw reader.Unsupported("no_rope_layer_interval", $"{interval}");
        // The list says 1 for a block with rotary positions.
        bool[] turning = reader.Integers("no_rope_layers") is { } list
            ? [.. list.Select(static r => r != 0)]
            : [.. Enumerable.Range(0, common.BlockCount).Select(l => (l + 1) % interval != 0)];
        if (turning.Length != common.BlockCount) throw reader.Unsupported("no_rope_layers", $"a list of {turning.Length} for {common.BlockCount} layers");
        bool used = reader.Flag("use_sliding_window", false);
        int? window = reader.Integer("sliding_window");
        bool[] sliding = SlidingLayers(reader, common.BlockCount, l => used && window is not null && !turning[l]);
        return common with
        {
            LinearBias = reader.Flag("attention_bias", false),
            FeedForwardBias = reader.Flag("mlp_bias", false),
            RotaryBlocks = turning,
            Windows = used ? Windows(sliding, window) : null,
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("mlp_bias", config.ResolvedFeedForwardBias);
        writer.Add("no_rope_layers", Enumerable.Range(0, config.BlockCount).Select(l => config.RotaryBlocks?[l] ?? true ? 1 : 0));
        writer.Add("use_sliding_window", OneWindow(config) is not null);
        writer.Add("sliding_window", OneWindow(config));
        WriteLayerTypes(writer, config);
    }
}

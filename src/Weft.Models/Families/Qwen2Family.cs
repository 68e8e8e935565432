using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Qwen 2 and 2.5 (arXiv:2407.10671): Llama with offsets on queries, keys and values alone, and windows in the later blocks if asked.</summary>
public sealed class Qwen2Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "qwen2";

    /// <inheritdoc/>
    public override string Architecture => "Qwen2ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Qwen2ForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 32768, KeyValueHeadCount = 32 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) => common with
    {
        Windows = ReadWindows(reader, common.BlockCount),
        Attention = new AttentionConfig { QueryKeyValueBias = true, OutputBias = false },
    };

    private protected override void Write(ConfigWriter writer, DecoderConfig config) => WriteWindows(writer, config);

    /// <summary>The windows of Qwen: if they are used at all, from a block on, unless each layer's kind is said.</summary>
    internal static IReadOnlyList<int>? ReadWindows(ConfigReader reader, int blockCount)
    {
        bool used = reader.Flag("use_sliding_window", false);
        int first = reader.Integer("max_window_layers", 28)!.Value;
        int? window = reader.Has("sliding_window") ? reader.Integer("sliding_window") : 4096;
        bool[] sliding = SlidingLayers(reader, blockCount, l => used && window is not null && l >= first);
        if (!used && sliding.Contains(true)) throw reader.Unsupported("layer_types", "with sliding_attention while use_sliding_window is false");
        return Windows(sliding, window);
    }

    /// <summary>Writes what <see cref="ReadWindows"/> reads.</summary>
    internal static void WriteWindows(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("use_sliding_window", OneWindow(config) is not null);
        writer.Add("sliding_window", OneWindow(config));
        writer.Add("max_window_layers", config.Windows is { } windows ? windows.TakeWhile(static w => w == 0).Count() : config.BlockCount);
        WriteLayerTypes(writer, config);
    }
}

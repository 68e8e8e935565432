using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Qwen 3 (arXiv:2505.09388): no offsets, and RMS norm of each head's queries and keys.</summary>
public sealed class Qwen3Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "qwen3";

    /// <inheritdoc/>
    public override string Architecture => "Qwen3ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Qwen3ForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 32768, KeyValueHeadCount = 32, HeadSize = 128 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) => common with
    {
        LinearBias = reader.Flag("attention_bias", false),
        FeedForwardBias = false,
        Windows = Qwen2Family.ReadWindows(reader, common.BlockCount),
        Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Head },
    };

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        Qwen2Family.WriteWindows(writer, config);
    }
}

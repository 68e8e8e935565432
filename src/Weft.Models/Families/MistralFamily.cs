using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama with a window that every block looks through.</summary>
public sealed class MistralFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "mistral";

    /// <inheritdoc/>
    public override string Architecture => "MistralForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "MistralForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 4096 * 32, KeyValueHeadCount = 8 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) =>
        common with { Windows = EveryWindow(reader.Has("sliding_window") ? reader.Integer("sliding_window") : 4096, common.BlockCount) };

    private protected override void Write(ConfigWriter writer, DecoderConfig config) => writer.Add("sliding_window", OneWindow(config));

    /// <summary>The same window in all blocks; null for none.</summary>
    internal static IReadOnlyList<int>? EveryWindow(int? window, int count) => window is { } size and > 0 ? [.. Enumerable.Repeat(size, count)] : null;
}

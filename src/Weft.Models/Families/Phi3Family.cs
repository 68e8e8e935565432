using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Phi-3 and 4 (arXiv:2404.14219): Llama with queries, keys and values in one map, gate and up in one, and long texts by LongRope.</summary>
public sealed class Phi3Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "phi3";

    /// <inheritdoc/>
    public override string Architecture => "Phi3ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Phi3ForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 4096, Epsilon = 1e-5 };

    private protected override DecoderConfig ReadRotary(ConfigReader reader, DecoderConfig config) => RopeKeys.Read(reader, config, Missing.RotaryBase, share: 1);

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        reader.Ignore("resid_pdrop", "embd_pdrop");
        if (reader.Flag("attention_bias", false)) throw reader.Unsupported("attention_bias", "true"); // published files say false
        return common with { Windows = MistralFamily.EveryWindow(reader.Integer("sliding_window"), common.BlockCount) };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("embd_pdrop", 0.0);
        writer.Add("resid_pdrop", 0.0);
        writer.Add("sliding_window", OneWindow(config));
        if (config.RotaryScaling?.OriginalContext is { } original) writer.Add("original_max_position_embeddings", original);
    }

    private protected override IEnumerable<WeightMapping> AttentionWeights(DecoderConfig config, string ours, string theirs) =>
        [new(ours + "query_key_value.weight", theirs + "qkv_proj.weight"), new(ours + "output.weight", theirs + "o_proj.weight")];

    private protected override IEnumerable<WeightMapping> FeedForwardWeights(int width, bool bias, string ours, string theirs) =>
        [new(ours + "expand.weight", theirs + "gate_up_proj.weight"), new(ours + "contract.weight", theirs + "down_proj.weight")];
}

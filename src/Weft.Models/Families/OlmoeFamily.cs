using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>OLMoE (Muennighoff et al. 2024, arXiv:2409.02060): a mixture of experts in every block, queries and keys normalised over all heads, and a bound on them if asked.</summary>
public sealed class OlmoeFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "olmoe";

    /// <inheritdoc/>
    public override string Architecture => "OlmoeForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "OlmoeForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 4096, Epsilon = 1e-5 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common) => common with
    {
        LinearBias = reader.Flag("attention_bias", false),
        FeedForwardBias = false,
        Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Whole, Clip = reader.Number("clip_qkv", 0) },
        Experts = new ExpertsConfig
        {
            Count = reader.Integer("num_experts") ?? reader.Integer("num_local_experts") ?? 64,
            ChosenCount = reader.Integer("num_experts_per_tok", 8)!.Value,
            FeedForwardSize = common.FeedForwardSize,
            Renormalize = reader.Flag("norm_topk_prob", false),
            BalanceWeight = reader.Number("router_aux_loss_coef", 0.01),
            TrainsBalance = reader.Flag("output_router_logits", false),
        },
    };

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("clip_qkv", config.Attention.Clip == 0 ? (double?)null : config.Attention.Clip);
        writer.Add("norm_topk_prob", config.Experts?.Renormalize ?? false);
        ExpertKeys.Write(writer, config.Experts, "num_experts", "intermediate_size");
    }
}

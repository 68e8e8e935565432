using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Qwen 3 with experts (arXiv:2505.09388): every so many blocks a mixture of experts, except in those that are listed.</summary>
public sealed class Qwen3MoeFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "qwen3_moe";

    /// <inheritdoc/>
    public override string Architecture => "Qwen3MoeForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Qwen3MoeForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 32768, KeyValueHeadCount = 4 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        int count = reader.Integer("num_experts") ?? reader.Integer("num_local_experts") ?? 128, step = reader.Integer("decoder_sparse_step", 1)!.Value;
        IReadOnlyList<int> dense = reader.Integers("mlp_only_layers") ?? [];
        bool windows = reader.Flag("use_sliding_window", false);
        int? window = reader.Has("sliding_window") ? reader.Integer("sliding_window") : 4096;
        reader.Ignore("max_window_layers"); // said by published files, used by none
        if (step < 1) throw reader.Unsupported("decoder_sparse_step", $"{step}");
        return common with
        {
            LinearBias = reader.Flag("attention_bias", false),
            FeedForwardBias = false,
            Windows = MistralFamily.EveryWindow(windows ? window : null, common.BlockCount),
            Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Head },
            Experts = new ExpertsConfig
            {
                Count = count,
                ChosenCount = reader.Integer("num_experts_per_tok", 8)!.Value,
                FeedForwardSize = reader.Integer("moe_intermediate_size", 768)!.Value,
                Renormalize = reader.Flag("norm_topk_prob", false),
                BalanceWeight = reader.Number("router_aux_loss_coef", 0.001),
                TrainsBalance = reader.Flag("output_router_logits", false),
                Blocks = [.. Enumerable.Range(0, common.BlockCount).Select(l => !dense.Contains(l) && (l + 1) % step == 0)],
            },
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("use_sliding_window", OneWindow(config) is not null);
        writer.Add("sliding_window", OneWindow(config));
        writer.Add("decoder_sparse_step", 1);
        writer.Add("mlp_only_layers", Enumerable.Range(0, config.BlockCount).Where(l => !config.HasExperts(l)));
        writer.Add("norm_topk_prob", config.Experts?.Renormalize ?? false);
        ExpertKeys.Write(writer, config.Experts, "num_experts", "moe_intermediate_size");
    }
}

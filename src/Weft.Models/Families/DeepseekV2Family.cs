using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>DeepSeek-V2 (arXiv:2405.04434): latent attention, dense blocks first, then experts by softmax from the best groups, beside shared ones.</summary>
public sealed class DeepseekV2Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "deepseek_v2";

    /// <inheritdoc/>
    public override string Architecture => "DeepseekV2ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "DeepseekV2ForSequenceClassification";

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        string method = reader.Text("topk_method", "greedy")!;
        if (method is not ("greedy" or "group_limited_greedy")) throw reader.Unsupported("topk_method", $"'{method}', not one of greedy, group_limited_greedy");
        if (reader.Text("scoring_func", "softmax") != "softmax") throw reader.Unsupported("scoring_func", $"'{reader.Text("scoring_func")}'");
        reader.Ignore("norm_topk_prob"); // transformers reads it and does not use it
        int groups = reader.Integer("n_group", 1)!.Value, kept = reader.Integer("topk_group", 1)!.Value;
        bool grouped = method == "group_limited_greedy";
        return DeepseekKeys.Read(reader, common, firstDense: 0, new ExpertsConfig
        {
            Count = reader.Integer("n_routed_experts", 64)!.Value,
            ChosenCount = reader.Integer("num_experts_per_tok", 6)!.Value,
            FeedForwardSize = reader.Integer("moe_intermediate_size", 1407)!.Value,
            Scale = reader.Number("routed_scaling_factor", 1),
            GroupCount = grouped ? groups : 1,
            ChosenGroupCount = grouped ? kept : 1,
        }) with
        {
            RotaryInterleaved = true,
            FeedForwardBias = reader.Flag("mlp_bias", false),
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        ExpertsConfig? experts = config.Experts;
        writer.Add("mlp_bias", config.ResolvedFeedForwardBias);
        writer.Add("topk_method", experts is { GroupCount: > 1 } ? "group_limited_greedy" : "greedy");
        writer.Add("norm_topk_prob", false);
        DeepseekKeys.Write(writer, config);
    }

    private protected override IEnumerable<WeightMapping> AttentionWeights(DecoderConfig config, string ours, string theirs) => DeepseekKeys.AttentionWeights(config, ours, theirs);

    private protected override IEnumerable<WeightMapping> ExpertWeights(DecoderConfig config, ExpertsConfig experts, string ours, string theirs) =>
        base.ExpertWeights(config, experts, ours, theirs).Concat(DeepseekKeys.SharedWeights(config, experts, ours, theirs));

}

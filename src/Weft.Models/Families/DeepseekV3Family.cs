using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>DeepSeek-V3 and R1 (arXiv:2412.19437): as V2, with sigmoid scores and a correction that takes part in the choice of experts alone.</summary>
public sealed class DeepseekV3Family : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "deepseek_v3";

    /// <inheritdoc/>
    public override string Architecture => "DeepseekV3ForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "DeepseekV3ForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 4096 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        if (reader.Text("topk_method", "noaux_tc") != "noaux_tc") throw reader.Unsupported("topk_method", $"'{reader.Text("topk_method")}'");
        if (reader.Text("scoring_func", "sigmoid") != "sigmoid") throw reader.Unsupported("scoring_func", $"'{reader.Text("scoring_func")}'");
        reader.Ignore("num_nextn_predict_layers"); // a head for training that transformers leaves out
        return DeepseekKeys.Read(reader, common, firstDense: 3, new ExpertsConfig
        {
            Count = reader.Integer("n_routed_experts", 256)!.Value,
            ChosenCount = reader.Integer("num_experts_per_tok", 8)!.Value,
            FeedForwardSize = reader.Integer("moe_intermediate_size", 2048)!.Value,
            Scale = reader.Number("routed_scaling_factor", 2.5),
            GroupCount = reader.Integer("n_group", 8)!.Value,
            ChosenGroupCount = reader.Integer("topk_group", 4)!.Value,
            GroupByBestTwo = true,
            Score = RouterScore.Sigmoid,
            CorrectionBias = true,
            Renormalize = reader.Flag("norm_topk_prob", true),
        }) with
        {
            RotaryInterleaved = reader.Flag("rope_interleave", true),
            FeedForwardBias = false,
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("norm_topk_prob", config.Experts?.Renormalize ?? true);
        writer.Add("rope_interleave", config.RotaryInterleaved);
        DeepseekKeys.Write(writer, config);
    }

    private protected override IEnumerable<WeightMapping> AttentionWeights(DecoderConfig config, string ours, string theirs) => DeepseekKeys.AttentionWeights(config, ours, theirs);

    private protected override IEnumerable<WeightMapping> ExpertWeights(DecoderConfig config, ExpertsConfig experts, string ours, string theirs)
    {
        foreach (WeightMapping mapping in base.ExpertWeights(config, experts, ours, theirs)) yield return mapping;
        foreach (WeightMapping mapping in DeepseekKeys.SharedWeights(config, experts, ours, theirs)) yield return mapping;
        yield return new(ours + "router.correction", theirs + "mlp.gate.e_score_correction_bias");
    }
}

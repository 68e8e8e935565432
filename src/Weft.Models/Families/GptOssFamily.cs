using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>gpt-oss (OpenAI 2025, arXiv:2508.10925): sinks in the softmax, a window in every other block, experts with offsets and a bounded gate.</summary>
public sealed class GptOssFamily : LlamaLayout
{
    private const double Slope = 1.702, Limit = 7;

    /// <inheritdoc/>
    public override string ModelType => "gpt_oss";

    /// <inheritdoc/>
    public override string Architecture => "GptOssForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "GptOssForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 131_072, KeyValueHeadCount = 8, HeadSize = 64, Epsilon = 1e-5, RotaryBase = 150_000 };

    private protected override DecoderConfig ReadRotary(ConfigReader reader, DecoderConfig config) =>
        RopeKeys.Read(reader, config, Missing.RotaryBase, scaling: new RotaryScaling { Kind = RotaryScalingKind.Yarn, Factor = 32, Truncate = false, OriginalContext = 4096 });

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        int? window = reader.Has("sliding_window") ? reader.Integer("sliding_window") : 128;
        int chosen = reader.Integer("num_experts_per_tok") ?? reader.Integer("experts_per_token") ?? 4;
        reader.Ignore("experts_per_token", "initial_context_length"); // other names that published files repeat
        return common with
        {
            LinearBias = reader.Flag("attention_bias", true),
            FeedForwardBias = true,
            Windows = Windows(SlidingLayers(reader, common.BlockCount, static l => l % 2 == 0), window),
            Attention = new AttentionConfig { Sinks = true },
            Experts = new ExpertsConfig
            {
                Count = reader.Integer("num_local_experts", 128)!.Value,
                ChosenCount = chosen,
                FeedForwardSize = common.FeedForwardSize,
                Score = RouterScore.SoftmaxOfChosen,
                RouterBias = true,
                Bias = true,
                GateLimit = reader.Number("swiglu_limit", Limit),
                GateSlope = reader.Number("swiglu_alpha", Slope),
                BalanceWeight = reader.Number("router_aux_loss_coef", 0.9),
                TrainsBalance = reader.Flag("output_router_logits", false),
            },
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        writer.Add("sliding_window", OneWindow(config));
        WriteLayerTypes(writer, config);
        writer.Add("swiglu_limit", config.Experts?.GateLimit ?? Limit);
        writer.Add("swiglu_alpha", config.Experts?.GateSlope ?? Slope);
        ExpertKeys.Write(writer, config.Experts, "num_local_experts", "intermediate_size");
    }

    private protected override IEnumerable<WeightMapping> AttentionWeights(DecoderConfig config, string ours, string theirs) =>
        base.AttentionWeights(config, ours, theirs).Append(new(ours + "sinks", theirs + "sinks"));

    // All experts in one tensor, [expert, in, out], with gate and up in turn.
    private protected override IEnumerable<WeightMapping> ExpertWeights(DecoderConfig config, ExpertsConfig experts, string ours, string theirs)
    {
        int E = experts.Count, F = experts.FeedForwardSize, C = config.HiddenSize;
        theirs += "mlp.";
        foreach (WeightMapping mapping in Map(ours + "router", theirs + "router", bias: true)) yield return mapping;
        theirs += "experts.";
        yield return new(ours + "experts.expand.weight", theirs + "gate_up_proj", Layout: new([E, 2, F, C], [0, 3, 2, 1], [E, C, 2 * F]));
        yield return new(ours + "experts.expand.bias", theirs + "gate_up_proj_bias", Layout: new([E, 2, F], [0, 2, 1], [E, 2 * F]));
        yield return new(ours + "experts.contract.weight", theirs + "down_proj", Layout: new([E, C, F], [0, 2, 1], [E, F, C]));
        yield return new(ours + "experts.contract.bias", theirs + "down_proj_bias", Layout: new([E, C], [0, 1], [E, C]));
    }
}

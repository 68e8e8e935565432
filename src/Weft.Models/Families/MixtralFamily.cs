using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Mixtral (Jiang et al. 2024, arXiv:2401.04088): Mistral with a mixture of experts in every block, the weights of the chosen made to sum to 1.</summary>
public sealed class MixtralFamily : LlamaLayout
{
    /// <inheritdoc/>
    public override string ModelType => "mixtral";

    /// <inheritdoc/>
    public override string Architecture => "MixtralForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "MixtralForSequenceClassification";

    private protected override Defaults Missing => new() { ContextLength = 4096 * 32, KeyValueHeadCount = 8, Epsilon = 1e-5, RotaryBase = 1e6 };

    private protected override DecoderConfig Read(ConfigReader reader, DecoderConfig common)
    {
        reader.Ignore("router_jitter_noise"); // a matter of training
        return common with
        {
            Windows = MistralFamily.EveryWindow(reader.Integer("sliding_window"), common.BlockCount),
            Experts = new ExpertsConfig
            {
                Count = reader.Integer("num_local_experts", 8)!.Value,
                ChosenCount = reader.Integer("num_experts_per_tok", 2)!.Value,
                FeedForwardSize = common.FeedForwardSize,
                Renormalize = true,
                BalanceWeight = reader.Number("router_aux_loss_coef", 0.001),
                TrainsBalance = reader.Flag("output_router_logits", false),
            },
        };
    }

    private protected override void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("sliding_window", OneWindow(config));
        writer.Add("router_jitter_noise", 0.0);
        ExpertKeys.Write(writer, config.Experts, "num_local_experts", widthKey: "intermediate_size");
    }

    private protected override IEnumerable<WeightMapping> ExpertWeights(DecoderConfig config, ExpertsConfig experts, string ours, string theirs)
    {
        theirs += "block_sparse_moe.";
        yield return new(ours + "router.weight", theirs + "gate.weight");
        for (int e = 0; e < experts.Count; e++)
            foreach (WeightMapping mapping in ExpertRows(config, experts, e, ours, $"{theirs}experts.{e}.", "w1", "w3", "w2")) yield return mapping;
    }
}

/// <summary>Keys that several families with experts share.</summary>
internal static class ExpertKeys
{
    /// <summary>Writes how many experts there are, how many a token uses, their width and the balance loss; nothing for a model without experts.</summary>
    internal static void Write(ConfigWriter writer, ExpertsConfig? experts, string countKey, string widthKey)
    {
        if (experts is null) return;
        writer.Add(countKey, experts.Count);
        writer.Add("num_experts_per_tok", experts.ChosenCount);
        writer.Add(widthKey, experts.FeedForwardSize);
        writer.Add("output_router_logits", experts.TrainsBalance);
        writer.Add("router_aux_loss_coef", experts.BalanceWeight);
    }
}

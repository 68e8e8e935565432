using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>What the files of DeepSeek-V2 and V3 share: latent attention, experts beside shared ones, dense blocks first.</summary>
internal static class DeepseekKeys
{
    /// <summary>Adds latent attention and the experts.</summary>
    internal static DecoderConfig Read(ConfigReader reader, DecoderConfig common, int firstDense, ExpertsConfig experts)
    {
        // Derived from the others, or a matter of DeepSeek's own training code.
        reader.Ignore("qk_head_dim", "aux_loss_alpha", "seq_aux", "ep_size", "output_router_logits"); // no balance loss in transformers
        if (reader.Integer("moe_layer_freq", 1) != 1) throw reader.Unsupported("moe_layer_freq", $"{reader.Integer("moe_layer_freq")}");
        LatentAttentionConfig latent = new()
        {
            QueryRank = reader.Has("q_lora_rank") ? reader.Integer("q_lora_rank", 0)!.Value : 1536,
            KeyValueRank = reader.Integer("kv_lora_rank", 512)!.Value,
            PlainSize = reader.Integer("qk_nope_head_dim", 128)!.Value,
            RotarySize = reader.Integer("qk_rope_head_dim", 64)!.Value,
            ValueSize = reader.Integer("v_head_dim", 128)!.Value,
        };
        if (common.KeyValueHeadCount != common.HeadCount) throw reader.Unsupported("num_key_value_heads", $"{common.KeyValueHeadCount}, not num_attention_heads");
        int dense = reader.Integer("first_k_dense_replace", firstDense)!.Value, shared = reader.Integer("n_shared_experts", 0)!.Value;
        return common with
        {
            LinearBias = reader.Flag("attention_bias", false),
            HeadSize = latent.RotarySize,
            Latent = latent,
            Attention = new AttentionConfig { Scale = Scale(latent, common.RotaryScaling) },
            Experts = experts with
            {
                SharedFeedForwardSize = shared * experts.FeedForwardSize,
                Blocks = [.. Enumerable.Range(0, common.BlockCount).Select(l => l >= dense)],
            },
        };
    }

    /// <summary>Writes them.</summary>
    internal static void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.ResolvedQueryKeyValueBias);
        if (config.Latent is { } latent)
        {
            writer.Add("head_dim", latent.RotarySize);
            writer.Add("q_lora_rank", latent.QueryRank == 0 ? (int?)null : latent.QueryRank);
            writer.Add("kv_lora_rank", latent.KeyValueRank);
            writer.Add("qk_nope_head_dim", latent.PlainSize);
            writer.Add("qk_rope_head_dim", latent.RotarySize);
            writer.Add("v_head_dim", latent.ValueSize);
        }
        if (config.Experts is not { } experts) return;
        writer.Add("first_k_dense_replace", Enumerable.Range(0, config.BlockCount).TakeWhile(l => !config.HasExperts(l)).Count());
        writer.Add("n_routed_experts", experts.Count);
        writer.Add("num_experts_per_tok", experts.ChosenCount);
        writer.Add("moe_intermediate_size", experts.FeedForwardSize);
        writer.Add("n_shared_experts", experts.SharedFeedForwardSize == 0 ? (int?)null : experts.SharedFeedForwardSize / experts.FeedForwardSize);
        writer.Add("routed_scaling_factor", experts.Scale);
        writer.Add("n_group", experts.GroupCount);
        writer.Add("topk_group", experts.ChosenGroupCount);
    }

    /// <summary>The maps of latent attention.</summary>
    internal static IEnumerable<WeightMapping> AttentionWeights(DecoderConfig config, string ours, string theirs)
    {
        bool bias = config.ResolvedQueryKeyValueBias;
        IEnumerable<(string Ours, string Theirs, bool Bias)> maps = config.Latent is { QueryRank: > 0 }
            ? [("query_latent", "q_a_proj", bias), ("query_norm", "q_a_layernorm", false), ("query", "q_b_proj", false)]
            : [("query", "q_proj", false)];
        foreach ((string our, string their, bool offset) in maps.Concat(
            [("key_value_latent", "kv_a_proj_with_mqa", bias), ("key_value_norm", "kv_a_layernorm", false), ("key_value", "kv_b_proj", false), ("output", "o_proj", config.ResolvedAttentionOutputBias)]))
        {
            yield return new(ours + our + ".weight", theirs + their + ".weight");
            if (offset) yield return new(ours + our + ".bias", theirs + their + ".bias");
        }
    }

    /// <summary>The network that all tokens use.</summary>
    internal static IEnumerable<WeightMapping> SharedWeights(DecoderConfig config, ExpertsConfig experts, string ours, string theirs) => experts.SharedFeedForwardSize == 0 ? []
        : LlamaLayout.GatedRows(experts.SharedFeedForwardSize, config.ResolvedFeedForwardBias, ours + "shared.", theirs + "mlp.shared_experts.", "gate_proj", "up_proj", "down_proj");

    // With yarn the scores are multiplied by the square of (0.1 mscale_all_dim ln factor + 1) (DeepSeek-V2, section 3.1.4, in its published code).
    private static double Scale(LatentAttentionConfig latent, RotaryScaling? scaling)
    {
        double scale = Math.Pow(latent.HeadSize, -0.5);
        if (scaling is not { Kind: RotaryScalingKind.Yarn, MscaleAllDimensions: { } all and not 0, Factor: { } factor }) return scale;
        double mscale = factor <= 1 ? 1 : 0.1 * all * Math.Log(factor) + 1;
        return scale * mscale * mscale;
    }
}

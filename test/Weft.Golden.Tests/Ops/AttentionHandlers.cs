using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

/// <summary>The group <c>attention</c>. The reference's modules mask what is ignored, the library's layers what is seen.</summary>
internal static class AttentionHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Op("sdpa", c => c["q"].ScaledDotProductAttention(c["k"], c["v"], c.Optional("mask"), c.Attrs.BoolOrNull("is_causal") ?? false, c.Attrs.DoubleOrNull("scale")));
        runner.Op("attention_softcap_window", c => c["q"].WindowAttention(c["k"], c["v"], c.Attrs.DoubleOrNull("scale"), c.Attrs.DoubleOrNull("softcap"), c.Attrs.IntOrNull("window")));
        runner.Op("linear_attention_elu", c => c["q"].LinearAttention(c["k"], c["v"]));
        runner.Ops("mha", MultiHead);
        runner.Op("transformer_encoder_layer", Encoder);
        runner.Op("transformer_decoder_layer", Decoder);
    }

    private static IReadOnlyList<(string, Tensor)> MultiHead(OpCase c)
    {
        int heads = c.Attrs.Int("num_heads");
        MultiHeadAttention layer = new("mha", c.Attrs.Int("embed_dim"), heads, c.Attrs.BoolOrNull("bias") ?? true, c.Attrs.IntOrNull("kdim"), c.Attrs.IntOrNull("vdim"),
            c.Attrs.BoolOrNull("add_bias_kv") ?? false, c.Attrs.BoolOrNull("add_zero_attn") ?? false, c.Type);
        Bind(c, layer, "");
        Tensor query = c["query"], key = c.Optional("key") ?? query, value = c.Optional("value") ?? key;
        bool single = query.Rank == 2, turned = !single && !(c.Attrs.BoolOrNull("batch_first") ?? false);
        if (single) (query, key, value) = (query.Unsqueeze(0), key.Unsqueeze(0), value.Unsqueeze(0));
        if (turned) (query, key, value) = (query.Transpose(0, 1), key.Transpose(0, 1), value.Transpose(0, 1));
        (Tensor? mask, Tensor? keyMask) = Masks(c.Optional("attn_mask"), c.Optional("key_padding_mask"), query.Shape[0], heads);
        (Tensor y, Tensor pattern) = layer.ForwardWithPattern(query, key, value, mask, keyMask);
        if (c.Attrs.BoolOrNull("average_attn_weights") ?? true) pattern = pattern.Mean(1);
        if (turned) y = y.Transpose(0, 1);
        return single ? [("out", y.Select(0, 0)), ("weights", pattern.Select(0, 0))] : [("out", y), ("weights", pattern)];
    }

    private static Tensor Encoder(OpCase c)
    {
        int heads = c.Attrs.Int("nhead");
        TransformerEncoderLayer layer = new("layer", c.Attrs.Int("d_model"), heads, c.Attrs.IntOrNull("dim_feedforward") ?? 2048, Activation(c), Placement(c),
            c.Attrs.DoubleOrNull("layer_norm_eps") ?? 1e-5, c.Attrs.BoolOrNull("bias") ?? true, c.Type);
        Bind(c, layer.Attention, "self_attn.");
        BindShared(c, layer);
        BindNorm(c, layer.AttentionNorm, "norm1");
        BindNorm(c, layer.FeedForwardNorm, "norm2");
        return Turned(c, () =>
        {
            Tensor x = Batched(c, "src");
            (Tensor? mask, Tensor? keyMask) = Masks(c.Optional("src_mask"), c.Optional("src_key_padding_mask"), x.Shape[0], heads);
            return layer.Forward(x, mask, keyMask);
        }, c["src"].Rank == 2);
    }

    private static Tensor Decoder(OpCase c)
    {
        int heads = c.Attrs.Int("nhead");
        TransformerDecoderLayer layer = new("layer", c.Attrs.Int("d_model"), heads, c.Attrs.IntOrNull("dim_feedforward") ?? 2048, Activation(c), Placement(c),
            c.Attrs.DoubleOrNull("layer_norm_eps") ?? 1e-5, c.Attrs.BoolOrNull("bias") ?? true, c.Type);
        Bind(c, layer.SelfAttention, "self_attn.");
        Bind(c, layer.CrossAttention, "multihead_attn.");
        BindShared(c, layer);
        BindNorm(c, layer.SelfAttentionNorm, "norm1");
        BindNorm(c, layer.CrossAttentionNorm, "norm2");
        BindNorm(c, layer.FeedForwardNorm, "norm3");
        return Turned(c, () =>
        {
            Tensor x = Batched(c, "tgt"), memory = Batched(c, "memory");
            (Tensor? mask, Tensor? keyMask) = Masks(c.Optional("tgt_mask"), c.Optional("tgt_key_padding_mask"), x.Shape[0], heads);
            (Tensor? memoryMask, Tensor? memoryKeyMask) = Masks(c.Optional("memory_mask"), c.Optional("memory_key_padding_mask"), x.Shape[0], heads);
            return layer.Forward(x, memory, mask, memoryMask, keyMask, memoryKeyMask);
        }, c["tgt"].Rank == 2);
    }

    private static Func<Tensor, Tensor> Activation(OpCase c) => c.Attrs.StringOrNull("activation") switch
    {
        null or "relu" => static x => x.Relu(),
        "gelu" => static x => x.Gelu(),
        string other => throw new InvalidDataException($"The activation {other} is not known."),
    };

    private static NormalizationPlacement Placement(OpCase c) => c.Attrs.BoolOrNull("norm_first") ?? false ? NormalizationPlacement.Before : NormalizationPlacement.After;

    // ---- Layout ---------------------------------------------------------------------------------------------------------

    // [B, T, C], whether the case has the batch first, second, or not at all.
    private static Tensor Batched(OpCase c, string name) =>
        c[name].Rank == 2 ? c[name].Unsqueeze(0) : c.Attrs.BoolOrNull("batch_first") ?? false ? c[name] : c[name].Transpose(0, 1);

    private static Tensor Turned(OpCase c, Func<Tensor> forward, bool single)
    {
        Tensor y = forward();
        return single ? y.Select(0, 0) : c.Attrs.BoolOrNull("batch_first") ?? false ? y : y.Transpose(0, 1);
    }

    // The reference's masks: [T, S] or [B · H, T, S] of queries and keys, [B, S] (or [S]) of keys; true is ignored, numbers are added.
    private static (Tensor? Mask, Tensor? KeyMask) Masks(Tensor? mask, Tensor? keys, int B, int heads)
    {
        if (mask is { Rank: 3 }) mask = mask.Reshape(B, heads, mask.Shape[1], mask.Shape[2]);
        if (mask is { DType: DType.Bool }) mask = mask.LogicalNot();
        if (keys is null) return (mask, null);
        if (keys.Rank == 1) keys = keys.Unsqueeze(0);
        if (keys.DType == DType.Bool) return (mask, keys.LogicalNot());
        Tensor added = keys.Reshape(B, 1, 1, keys.Shape[1]);
        if (mask is null) return (added, null);
        return (mask.DType == DType.Bool ? mask.Where(added, Tensor.Full([], double.NegativeInfinity, added.DType)) : mask + added, null);
    }

    // ---- Weights --------------------------------------------------------------------------------------------------------

    private static void Bind(OpCase c, MultiHeadAttention layer, string prefix)
    {
        if (c.Optional(prefix + "in_proj_weight") is not null) c.Bind(prefix + "in_proj_weight", layer.Query.Weight, layer.Key.Weight, layer.Value.Weight);
        else
        {
            c.Bind(prefix + "q_proj_weight", layer.Query.Weight);
            c.Bind(prefix + "k_proj_weight", layer.Key.Weight);
            c.Bind(prefix + "v_proj_weight", layer.Value.Weight);
        }
        if (layer.Query.Bias is not null) c.Bind(prefix + "in_proj_bias", layer.Query.Bias, layer.Key.Bias!, layer.Value.Bias!);
        BindLinear(c, layer.Output, prefix + "out_proj");
        if (layer.ExtraKey is null) return;
        c.Bind(prefix + "bias_k", layer.ExtraKey);
        c.Bind(prefix + "bias_v", layer.ExtraValue!);
    }

    private static void BindShared(OpCase c, TransformerLayer layer)
    {
        BindLinear(c, layer.Expand, "linear1");
        BindLinear(c, layer.Contract, "linear2");
    }

    private static void BindLinear(OpCase c, Linear layer, string name)
    {
        c.Bind(name + ".weight", layer.Weight);
        if (layer.Bias is not null) c.Bind(name + ".bias", layer.Bias);
    }

    private static void BindNorm(OpCase c, LayerNorm layer, string name)
    {
        c.Bind(name + ".weight", layer.Weight);
        if (layer.Bias is not null) c.Bind(name + ".bias", layer.Bias);
    }
}

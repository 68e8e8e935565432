using System.Text.Json;
using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Llama and what has its layout (Touvron et al. 2023, arXiv:2302.13971): rotary positions, RMS norm, SwiGLU, grouped queries.</summary>
public sealed class LlamaFamily : DecoderFamily
{
    /// <inheritdoc/>
    public override string ModelType => "llama";

    /// <inheritdoc/>
    public override string Architecture => "LlamaForCausalLM";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "LlamaForSequenceClassification";

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) =>
        config is { Positions: PositionScheme.Rotary, Normalization: NormalizationKind.RmsNorm, FeedForward: FeedForwardKind.SwiGlu };

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(ConfigReader reader)
    {
        string activation = reader.Text("hidden_act", "silu")!;
        if (activation != "silu") throw reader.Unsupported("hidden_act", $"'{activation}'");
        bool bias = reader.Flag("attention_bias", false);
        if (reader.Flag("mlp_bias", false) != bias) throw reader.Unsupported("mlp_bias", $"{!bias} while attention_bias is {bias}");
        reader.Ignore("attention_dropout", "rope_theta");
        double rotaryBase = reader.Number("rope_theta", 10_000);
        foreach (string key in (ReadOnlySpan<string>)["rope_scaling", "rope_parameters"])
        {
            if (reader.Element(key) is not { ValueKind: JsonValueKind.Object } rope) continue;
            string? type = rope.TryGetProperty("rope_type", out JsonElement value) || rope.TryGetProperty("type", out value) ? value.GetString() : "default";
            if (type != "default") throw reader.Unsupported(key, $"of type '{type}'");
            if (rope.TryGetProperty("rope_theta", out JsonElement theta)) rotaryBase = theta.GetDouble();
        }
        int heads = reader.RequiredInteger("num_attention_heads");
        return new DecoderConfig
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("max_position_embeddings", 2048)!.Value,
            HiddenSize = reader.RequiredInteger("hidden_size"),
            BlockCount = reader.RequiredInteger("num_hidden_layers"),
            HeadCount = heads,
            KeyValueHeadCount = reader.Integer("num_key_value_heads", heads)!.Value,
            HeadSize = reader.Integer("head_dim", 0)!.Value,
            FeedForwardSize = reader.RequiredInteger("intermediate_size"),
            Positions = PositionScheme.Rotary,
            RotaryBase = rotaryBase,
            Normalization = NormalizationKind.RmsNorm,
            NormalizationEpsilon = reader.Number("rms_norm_eps", 1e-6),
            InitializerRange = reader.Number("initializer_range", 0.02),
            LinearBias = bias,
            FeedForward = FeedForwardKind.SwiGlu,
            TieEmbeddings = reader.Flag("tie_word_embeddings", false),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_bias", config.LinearBias);
        writer.Add("attention_dropout", 0.0);
        writer.Add("head_dim", config.ResolvedHeadSize);
        writer.Add("hidden_act", "silu");
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("intermediate_size", config.ResolvedFeedForwardSize);
        writer.Add("max_position_embeddings", config.ContextLength);
        writer.Add("mlp_bias", config.LinearBias);
        writer.Add("num_attention_heads", config.HeadCount);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("num_key_value_heads", config.ResolvedKeyValueHeadCount);
        writer.Add("pretraining_tp", 1);
        writer.Add("rms_norm_eps", config.NormalizationEpsilon);
        // Both spellings: releases of transformers before 5 read the first, later ones the second.
        writer.Add("rope_theta", config.RotaryBase);
        writer.Add("rope_parameters", w =>
        {
            w.WriteStartObject();
            w.WriteNumber("rope_theta", config.RotaryBase);
            w.WriteString("rope_type", "default");
            w.WriteEndObject();
        });
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        int D = config.ResolvedHeadSize, H = config.HeadCount * D, G = config.ResolvedKeyValueHeadCount * D, F = config.ResolvedFeedForwardSize;
        yield return new("embedding.tokens.weight", "model.embed_tokens.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"model.layers.{l}.";
            yield return new(ours + "attention_norm.weight", theirs + "input_layernorm.weight");
            yield return new(ours + "feed_forward_norm.weight", theirs + "post_attention_layernorm.weight");
            foreach (string part in config.LinearBias ? [".weight", ".bias"] : (string[])[".weight"])
            {
                yield return new(ours + "attention.query_key_value" + part, theirs + "self_attn.q_proj" + part, FirstRow: 0, RowCount: H);
                yield return new(ours + "attention.query_key_value" + part, theirs + "self_attn.k_proj" + part, FirstRow: H, RowCount: G);
                yield return new(ours + "attention.query_key_value" + part, theirs + "self_attn.v_proj" + part, FirstRow: H + G, RowCount: G);
                yield return new(ours + "attention.output" + part, theirs + "self_attn.o_proj" + part);
                yield return new(ours + "feed_forward.expand" + part, theirs + "mlp.gate_proj" + part, FirstRow: 0, RowCount: F);
                yield return new(ours + "feed_forward.expand" + part, theirs + "mlp.up_proj" + part, FirstRow: F, RowCount: F);
                yield return new(ours + "feed_forward.contract" + part, theirs + "mlp.down_proj" + part);
            }
        }
        yield return new("norm.weight", "model.norm.weight");
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }
}

using Weft.Models.Decoder;
using Weft.Tensors.Files.Gguf;

namespace Weft.Models.Families.Gguf;

/// <summary>Architectures whose keys and tensors are named as Llama's: what they share, and the places where they differ.</summary>
public abstract class GgufLlamaLayout : GgufFamily
{
    /// <summary>Whether rows of queries and keys are in llama.cpp's Llama order, with rotary pairs side by side.</summary>
    private protected virtual bool HasNeighbourPairs => false;

    /// <summary>What the file has added to the gains of norms.</summary>
    private protected virtual float AddedToGains => 0;

    /// <summary>Adds what the architecture has beyond Llama's layers.</summary>
    private protected virtual DecoderConfig Complete(DecoderConfig common) => common;

    /// <summary>How the file stretches rotary positions; null where it does not.</summary>
    private protected virtual RotaryScaling? ReadScaling(GgufKeys keys, int headSize, double rotaryBase, int contextLength) => null;

    /// <inheritdoc/>
    public sealed override DecoderConfig ReadConfig(GgufKeys keys)
    {
        int hidden = keys.RequiredInteger("embedding_length"), heads = keys.RequiredInteger("attention.head_count");
        int headSize = keys.Integer("attention.key_length", hidden / heads)!.Value;
        if (keys.Integer("attention.value_length", headSize) != headSize) throw keys.Unsupported("attention.value_length", $"not the key length {headSize}");
        if (keys.Integer("rope.dimension_count", headSize) is var turned && turned != headSize) throw keys.Unsupported("rope.dimension_count", $"{turned} of {headSize}");
        if (keys.Text("rope.scaling.type", "none") is not "none" and var scaling) throw keys.Unsupported("rope.scaling.type", $"'{scaling}'");
        if (keys.Integer("expert_count", 0) is > 0 and var experts) throw keys.Unsupported("expert_count", $"{experts}");
        keys.Ignore("expert_used_count", "vocab_size");
        int contextLength = keys.RequiredInteger("context_length");
        double rotaryBase = keys.Number("rope.freq_base", 10_000);
        return Complete(new DecoderConfig
        {
            VocabularySize = keys.ShapeOf("token_embd.weight")[0],
            ContextLength = contextLength,
            HiddenSize = hidden,
            BlockCount = keys.RequiredInteger("block_count"),
            HeadCount = heads,
            KeyValueHeadCount = keys.Integer("attention.head_count_kv", heads)!.Value,
            HeadSize = headSize,
            FeedForwardSize = keys.RequiredInteger("feed_forward_length"),
            Positions = PositionScheme.Rotary,
            RotaryBase = rotaryBase,
            RotaryScaling = ReadScaling(keys, headSize, rotaryBase, contextLength),
            Normalization = NormalizationKind.RmsNorm,
            NormalizationEpsilon = keys.Number("attention.layer_norm_rms_epsilon", 1e-5),
            LinearBias = false,
            FeedForward = FeedForwardKind.SwiGlu,
            TieEmbeddings = !keys.HasTensor("output.weight"),
            BeginOfTextId = keys.TokenId("bos_token_id"),
            EndOfTextId = keys.TokenId("eos_token_id"),
            PaddingId = keys.TokenId("padding_token_id"),
        });
    }

    /// <inheritdoc/>
    public sealed override void WriteKeys(GgufWriter writer, DecoderConfig config)
    {
        Set(writer, "block_count", config.BlockCount);
        Set(writer, "context_length", config.ContextLength);
        Set(writer, "embedding_length", config.HiddenSize);
        Set(writer, "feed_forward_length", config.ResolvedFeedForwardSize);
        Set(writer, "attention.head_count", config.HeadCount);
        Set(writer, "attention.head_count_kv", config.ResolvedKeyValueHeadCount);
        Set(writer, "rope.freq_base", config.RotaryBase);
        Set(writer, "attention.layer_norm_rms_epsilon", config.NormalizationEpsilon);
        Set(writer, "attention.key_length", config.ResolvedHeadSize);
        Set(writer, "attention.value_length", config.ResolvedHeadSize);
        Set(writer, "vocab_size", config.VocabularySize);
        Set(writer, "rope.dimension_count", config.ResolvedHeadSize);
    }

    /// <inheritdoc/>
    public sealed override IEnumerable<GgufWeight> Weights(DecoderConfig config)
    {
        int D = config.ResolvedHeadSize, H = config.HeadCount * D, G = config.ResolvedKeyValueHeadCount * D, F = config.ResolvedFeedForwardSize, pairs = HasNeighbourPairs ? D : 0;
        yield return new("embedding.tokens.weight", "token_embd.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"blk.{l}.";
            yield return Norm(ours + "attention_norm.weight", theirs + "attn_norm.weight");
            foreach (string part in config.ResolvedQueryKeyValueBias ? (string[])[".weight", ".bias"] : [".weight"])
            {
                yield return new(ours + "attention.query_key_value" + part, theirs + "attn_q" + part, 0, H, pairs);
                yield return new(ours + "attention.query_key_value" + part, theirs + "attn_k" + part, H, G, pairs);
                yield return new(ours + "attention.query_key_value" + part, theirs + "attn_v" + part, H + G, G);
            }
            yield return new(ours + "attention.output.weight", theirs + "attn_output.weight");
            yield return Norm(ours + "feed_forward_norm.weight", theirs + "ffn_norm.weight");
            yield return new(ours + "feed_forward.expand.weight", theirs + "ffn_gate.weight", 0, F);
            yield return new(ours + "feed_forward.expand.weight", theirs + "ffn_up.weight", F, F);
            yield return new(ours + "feed_forward.contract.weight", theirs + "ffn_down.weight");
        }
        yield return Norm("norm.weight", "output_norm.weight");
        if (!config.TieEmbeddings) yield return new("head.weight", "output.weight");
    }

    private GgufWeight Norm(string parameter, string tensor) => new(parameter, tensor, Added: AddedToGains);
}

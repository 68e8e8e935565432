using Weft.Models.Decoder;
using Weft.Tensors.Files.Gguf;

namespace Weft.Models.Families.Gguf;

/// <summary>GPT-2: learned positions, layer norm, matrices stored as [Out, In] here.</summary>
public sealed class GgufGpt2 : GgufFamily
{
    /// <inheritdoc/>
    public override string Architecture => "gpt2";

    /// <inheritdoc/>
    public override bool CanExpress(DecoderConfig config) =>
        new Gpt2Family().CanExpress(config) && config is { FeedForward: FeedForwardKind.GeluTanh, NormalizationBias: true, LinearBias: true };

    /// <inheritdoc/>
    public override DecoderConfig ReadConfig(GgufKeys keys) => new()
    {
        VocabularySize = keys.ShapeOf("token_embd.weight")[0],
        ContextLength = keys.RequiredInteger("context_length"),
        HiddenSize = keys.RequiredInteger("embedding_length"),
        BlockCount = keys.RequiredInteger("block_count"),
        HeadCount = keys.RequiredInteger("attention.head_count"),
        FeedForwardSize = keys.RequiredInteger("feed_forward_length"),
        NormalizationEpsilon = keys.Number("attention.layer_norm_epsilon", 1e-5),
        TieEmbeddings = !keys.HasTensor("output.weight"),
        BeginOfTextId = keys.TokenId("bos_token_id"),
        EndOfTextId = keys.TokenId("eos_token_id"),
        PaddingId = keys.TokenId("padding_token_id"),
    };

    /// <inheritdoc/>
    public override void WriteKeys(GgufWriter writer, DecoderConfig config)
    {
        Set(writer, "block_count", config.BlockCount);
        Set(writer, "context_length", config.ContextLength);
        Set(writer, "embedding_length", config.HiddenSize);
        Set(writer, "feed_forward_length", config.ResolvedFeedForwardSize);
        Set(writer, "attention.head_count", config.HeadCount);
        Set(writer, "attention.layer_norm_epsilon", config.NormalizationEpsilon);
    }

    /// <inheritdoc/>
    public override IEnumerable<GgufWeight> Weights(DecoderConfig config)
    {
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"blk.{l}.";
            foreach (string part in (string[])[".bias", ".weight"])
            {
                yield return new(ours + "attention.query_key_value" + part, theirs + "attn_qkv" + part);
                yield return new(ours + "attention.output" + part, theirs + "attn_output" + part);
                yield return new(ours + "attention_norm" + part, theirs + "attn_norm" + part);
                yield return new(ours + "feed_forward_norm" + part, theirs + "ffn_norm" + part);
                yield return new(ours + "feed_forward.expand" + part, theirs + "ffn_up" + part);
                yield return new(ours + "feed_forward.contract" + part, theirs + "ffn_down" + part);
            }
        }
        yield return new("norm.bias", "output_norm.bias");
        yield return new("norm.weight", "output_norm.weight");
        yield return new("embedding.positions.weight", "position_embd.weight");
        yield return new("embedding.tokens.weight", "token_embd.weight");
        if (!config.TieEmbeddings) yield return new("head.weight", "output.weight");
    }
}

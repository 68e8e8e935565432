using Weft.Models.Decoder;
using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>Families whose files name things as Llama's do: what they share, and the places where they differ.</summary>
public abstract class LlamaLayout : DecoderFamily
{
    /// <summary>What transformers assumes where a key is absent.</summary>
    private protected sealed record Defaults
    {
        internal int ContextLength { get; init; } = 2048;
        internal int? KeyValueHeadCount { get; init; } // null: as many as query heads
        internal int HeadSize { get; init; }           // 0: hidden size / heads
        internal double Epsilon { get; init; } = 1e-6;
        internal double RotaryBase { get; init; } = 10_000;
        internal bool TieEmbeddings { get; init; }
        internal string Activation { get; init; } = "silu";
    }

    // Far beyond any model; a file that claims more would have lists of that length made before its weights are missed.
    private const int MostBlocks = 65_536;

    private protected virtual Defaults Missing => new();

    /// <summary>Block norms: Weft's name and the checkpoint's.</summary>
    private protected virtual (string Ours, string Theirs)[] BlockNorms => [("attention_norm", "input_layernorm"), ("feed_forward_norm", "post_attention_layernorm")];

    /// <summary>The key of the nonlinearity.</summary>
    private protected virtual string ActivationKey => "hidden_act";

    /// <summary>Adds what the family has beyond the common keys.</summary>
    private protected abstract DecoderConfig Read(ConfigReader reader, DecoderConfig common);

    /// <summary>Writes what the family has beyond the common keys.</summary>
    private protected abstract void Write(ConfigWriter writer, DecoderConfig config);

    private protected virtual DecoderConfig ReadRotary(ConfigReader reader, DecoderConfig config) => RopeKeys.Read(reader, config, Missing.RotaryBase);

    private protected virtual void WriteRotary(ConfigWriter writer, DecoderConfig config) => RopeKeys.Write(writer, config);

    private protected virtual string ReadActivation(ConfigReader reader) => reader.Text(ActivationKey) ?? Missing.Activation;

    /// <inheritdoc/>
    public sealed override DecoderConfig ReadConfig(ConfigReader reader)
    {
        Defaults missing = Missing;
        reader.Ignore("attention_dropout", "gradient_checkpointing");
        string name = ReadActivation(reader);
        ActivationKind activation = ActivationKinds.Find(name) ?? throw reader.Unsupported(ActivationKey, $"'{name}'");
        int heads = reader.RequiredInteger("num_attention_heads"), blocks = reader.RequiredInteger("num_hidden_layers");
        if (blocks > MostBlocks) throw reader.Unsupported("num_hidden_layers", $"{blocks}");
        DecoderConfig config = new()
        {
            VocabularySize = reader.RequiredInteger("vocab_size"),
            ContextLength = reader.Integer("max_position_embeddings", missing.ContextLength)!.Value,
            HiddenSize = reader.RequiredInteger("hidden_size"),
            BlockCount = blocks,
            HeadCount = heads,
            KeyValueHeadCount = reader.Integer("num_key_value_heads", missing.KeyValueHeadCount ?? heads)!.Value,
            HeadSize = reader.Integer("head_dim", missing.HeadSize)!.Value,
            FeedForwardSize = reader.RequiredInteger("intermediate_size"),
            Normalization = NormalizationKind.RmsNorm,
            NormalizationEpsilon = reader.Number("rms_norm_eps", missing.Epsilon),
            InitializerRange = reader.Number("initializer_range", 0.02),
            LinearBias = false,
            FeedForward = activation == ActivationKind.Silu ? FeedForwardKind.SwiGlu : FeedForwardKind.Gated,
            Activation = activation,
            TieEmbeddings = reader.Flag("tie_word_embeddings", missing.TieEmbeddings),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
        return Read(reader, ReadRotary(reader, config));
    }

    /// <inheritdoc/>
    public sealed override void WriteConfig(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("attention_dropout", 0.0);
        writer.Add("head_dim", config.ResolvedHeadSize);
        writer.Add(ActivationKey, config.ResolvedActivation.Name());
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("intermediate_size", config.ResolvedFeedForwardSize);
        writer.Add("max_position_embeddings", config.ContextLength);
        writer.Add("num_attention_heads", config.HeadCount);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("num_key_value_heads", config.ResolvedKeyValueHeadCount);
        writer.Add("rms_norm_eps", config.NormalizationEpsilon);
        WriteRotary(writer, config);
        Write(writer, config);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(DecoderConfig config)
    {
        yield return new("embedding.tokens.weight", "model.embed_tokens.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.", theirs = $"model.layers.{l}.";
            foreach ((string our, string their) in BlockNorms) yield return new(ours + our + ".weight", theirs + their + ".weight");
            foreach (WeightMapping mapping in AttentionWeights(config, ours + "attention.", theirs + "self_attn.")) yield return mapping;
            IEnumerable<WeightMapping> feedForward = config.HasExperts(l)
                ? ExpertWeights(config, config.Experts!, ours + "feed_forward.", theirs)
                : FeedForwardWeights(config.ResolvedFeedForwardSize, config.ResolvedFeedForwardBias, ours + "feed_forward.", theirs + "mlp.");
            foreach (WeightMapping mapping in feedForward) yield return mapping;
        }
        yield return new("norm.weight", "model.norm.weight");
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }

    private protected virtual IEnumerable<WeightMapping> AttentionWeights(DecoderConfig config, string ours, string theirs)
    {
        foreach (WeightMapping mapping in QueryKeyValueRows(config, ours, theirs)) yield return mapping;
        foreach (WeightMapping mapping in Map(ours + "output", theirs + "o_proj", config.ResolvedAttentionOutputBias)) yield return mapping;
        if (config.Attention.QueryKeyNorm == QueryKeyNormKind.None) yield break;
        yield return new(ours + "query_norm.weight", theirs + "q_norm.weight");
        yield return new(ours + "key_norm.weight", theirs + "k_norm.weight");
    }

    private protected virtual IEnumerable<WeightMapping> FeedForwardWeights(int width, bool bias, string ours, string theirs) => GatedRows(width, bias, ours, theirs, "gate_proj", "up_proj", "down_proj");

    private protected virtual IEnumerable<WeightMapping> ExpertWeights(DecoderConfig config, ExpertsConfig experts, string ours, string theirs)
    {
        theirs += "mlp.";
        yield return new(ours + "router.weight", theirs + "gate.weight");
        for (int e = 0; e < experts.Count; e++)
            foreach (WeightMapping mapping in ExpertRows(config, experts, e, ours, $"{theirs}experts.{e}.", "gate_proj", "up_proj", "down_proj")) yield return mapping;
    }

    /// <summary>The rows of one expert in the parameters of all.</summary>
    private protected static IEnumerable<WeightMapping> ExpertRows(DecoderConfig config, ExpertsConfig experts, int e, string ours, string theirs, string gate, string up, string down)
    {
        int F = experts.FeedForwardSize, C = config.HiddenSize;
        yield return new(ours + "experts.expand.weight", $"{theirs}{gate}.weight", FirstRow: e * 2 * F, RowCount: F);
        yield return new(ours + "experts.expand.weight", $"{theirs}{up}.weight", FirstRow: e * 2 * F + F, RowCount: F);
        yield return new(ours + "experts.contract.weight", $"{theirs}{down}.weight", FirstRow: e * C, RowCount: C);
    }

    internal static IEnumerable<WeightMapping> GatedRows(int width, bool bias, string ours, string theirs, string gate, string up, string down)
    {
        foreach (string part in Parts(bias))
        {
            yield return new(ours + "expand" + part, theirs + gate + part, FirstRow: 0, RowCount: width);
            yield return new(ours + "expand" + part, theirs + up + part, FirstRow: width, RowCount: width);
            yield return new(ours + "contract" + part, theirs + down + part);
        }
    }

    private protected static bool[] SlidingLayers(ConfigReader reader, int count, Func<int, bool> usual)
    {
        if (reader.Texts("layer_types") is not { } types) return [.. Enumerable.Range(0, count).Select(usual)];
        if (types.Count < count) throw reader.Unsupported("layer_types", $"a list of {types.Count} for {count} layers");
        return [.. types.Take(count).Select(type => type switch
        {
            "sliding_attention" => true,
            "full_attention" => false,
            _ => throw reader.Unsupported("layer_types", $"'{type}', not one of full_attention, sliding_attention"),
        })];
    }

    /// <summary>The window of each block from which blocks have one; null where none has.</summary>
    private protected static IReadOnlyList<int>? Windows(bool[] sliding, int? window) =>
        window is not { } size || !sliding.Contains(true) ? null : [.. sliding.Select(s => s ? size : 0)];

    /// <summary>Writes the kind of each layer.</summary>
    private protected static void WriteLayerTypes(ConfigWriter writer, DecoderConfig config) =>
        writer.Add("layer_types", Enumerable.Range(0, config.BlockCount).Select(l => config.Window(l) > 0 ? "sliding_attention" : "full_attention"));

    /// <summary>The one window of a model; null where it has none.</summary>
    private protected static int? OneWindow(DecoderConfig config) => config.Windows?.FirstOrDefault(static w => w > 0) is { } window and > 0 ? window : null;
}

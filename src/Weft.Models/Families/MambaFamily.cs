using Weft.Models.Layers;
using Weft.Models.StateSpace;

namespace Weft.Models.Families;

/// <summary>Mamba (Gu and Dao 2023, arXiv:2312.00752).</summary>
public class MambaFamily : CheckpointFamily<StateSpaceConfig>
{
    /// <inheritdoc/>
    public override string ModelType => "mamba";

    private protected virtual string ClassName => "MambaForCausalLM";

    /// <inheritdoc/>
    public override string Architecture(StateSpaceConfig config) => ClassName;

    /// <inheritdoc/>
    public override StateSpaceConfig ReadConfig(ConfigReader reader)
    {
        // How first weights are drawn, in which type sums are kept, and which program computes the scan.
        reader.Ignore("time_step_init_scheme", "time_step_max", "time_step_min", "time_step_floor", "time_step_scale", "rescale_prenorm_residual", "residual_in_fp32", "use_mambapy",
            "use_associative_scan", "use_falcon_mambapy", "expand", "d_inner", "d_model", "n_layer", "fused_add_norm", "rms_norm", "ssm_cfg", "pad_vocab_size_multiple");
        if (ArchitectureOf(reader, ClassName) is var name && name != ClassName) throw reader.Unsupported("architectures", $"'{name}', not {ClassName}");
        int C = reader.RequiredInteger("hidden_size");
        bool automatic = reader.Element("time_step_rank") is { ValueKind: System.Text.Json.JsonValueKind.String } rank && rank.GetString() == "auto";
        return new StateSpaceConfig
        {
            Family = ModelType,
            VocabularySize = reader.RequiredInteger("vocab_size"),
            HiddenSize = C,
            BlockCount = reader.RequiredInteger("num_hidden_layers"),
            ChannelCount = reader.Integer("intermediate_size", (int)(reader.Number("expand", 2) * C))!.Value,
            StateSize = reader.Integer("state_size", 16)!.Value,
            ConvolutionSize = reader.Integer("conv_kernel", 4)!.Value,
            StepRank = automatic || !reader.Has("time_step_rank") ? (C + 15) / 16 : reader.RequiredInteger("time_step_rank"),
            LinearBias = reader.Flag("use_bias", false),
            ConvolutionBias = reader.Flag("use_conv_bias", true),
            Activation = reader.ReadActivation("hidden_act", "silu"),
            NormalizationEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            TieEmbeddings = reader.Flag("tie_word_embeddings", true),
            InitializerRange = reader.Number("initializer_range", 0.1),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
            PaddingId = reader.TokenId("pad_token_id"),
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, StateSpaceConfig config)
    {
        WriteCommon(writer, ModelType, ClassName, config.VocabularySize, config.BeginOfTextId, config.EndOfTextId, config.PaddingId, config.TieEmbeddings);
        writer.Add("conv_kernel", config.ConvolutionSize);
        writer.Add("expand", (config.ChannelCount + config.HiddenSize - 1) / config.HiddenSize);
        writer.Add("hidden_act", config.Activation.Name());
        writer.Add("hidden_size", config.HiddenSize);
        writer.Add("initializer_range", config.InitializerRange);
        writer.Add("layer_norm_epsilon", config.NormalizationEpsilon);
        writer.Add("num_hidden_layers", config.BlockCount);
        writer.Add("residual_in_fp32", true);
        writer.Add("state_size", config.StateSize);
        writer.Add("use_bias", config.LinearBias);
        writer.Add("use_conv_bias", config.ConvolutionBias);
        if (config.HeadCount > 0) return;
        writer.Add("intermediate_size", config.ChannelCount);
        writer.Add("time_step_rank", config.StepRank);
    }

    /// <inheritdoc/>
    public override IEnumerable<WeightMapping> Weights(StateSpaceConfig config)
    {
        yield return new("embedding.tokens.weight", "backbone.embeddings.weight");
        for (int l = 0; l < config.BlockCount; l++)
        {
            string ours = $"blocks.{l}.mixer.", theirs = $"backbone.layers.{l}.mixer.";
            yield return new($"blocks.{l}.norm.weight", $"backbone.layers.{l}.norm.weight");
            List<WeightMapping> mappings = [.. Map(ours + "input", theirs + "in_proj", config.LinearBias), .. Map(ours + "convolution", theirs + "conv1d", config.ConvolutionBias)];
            mappings.Add(new(ours + "log_decay", theirs + "A_log"));
            mappings.Add(new(ours + "skip", theirs + "D"));
            if (config.HeadCount == 0) mappings.AddRange([.. Map(ours + "selection", theirs + "x_proj", bias: false), .. Map(ours + "step", theirs + "dt_proj")]);
            else mappings.AddRange([new(ours + "step_bias", theirs + "dt_bias"), new(ours + "norm.weight", theirs + "norm.weight")]);
            mappings.AddRange(Map(ours + "output", theirs + "out_proj", config.LinearBias));
            foreach (WeightMapping mapping in mappings) yield return mapping;
        }
        yield return new("norm.weight", "backbone.norm_f.weight");
        if (!config.TieEmbeddings) yield return new("head.weight", "lm_head.weight");
    }
}

/// <summary>Falcon Mamba (Zuo et al. 2024, arXiv:2410.05355): Mamba whose step sizes and maps are normalised.</summary>
public sealed class FalconMambaFamily : MambaFamily
{
    /// <inheritdoc/>
    public override string ModelType => "falcon_mamba";

    private protected override string ClassName => "FalconMambaForCausalLM";

    /// <inheritdoc/>
    public override StateSpaceConfig ReadConfig(ConfigReader reader)
    {
        double epsilon = reader.Number("mixer_rms_eps", 1e-6);
        return base.ReadConfig(reader) with { NormalizesSelection = true, SelectionEpsilon = epsilon };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, StateSpaceConfig config)
    {
        base.WriteConfig(writer, config);
        writer.Add("mixer_rms_eps", config.SelectionEpsilon);
    }
}

using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Rotary positions in <c>config.json</c>, in the spelling of transformers 5 (<c>rope_parameters</c>) and in that of before (<c>rope_theta</c>, <c>rope_scaling</c>).</summary>
internal static class RopeKeys
{
    /// <summary>Reads the base, the share of elements that turn and the scaling.</summary>
    /// <param name="reader">The configuration.</param>
    /// <param name="config">What is known so far.</param>
    /// <param name="rotaryBase">The family's base where none is given.</param>
    /// <param name="share">The family's share where none is given; null if the family always turns whole heads.</param>
    /// <param name="scaling">The family's scaling where nothing is said.</param>
    internal static DecoderConfig Read(ConfigReader reader, DecoderConfig config, double rotaryBase, double? share = null, RotaryScaling? scaling = null)
    {
        rotaryBase = reader.Number("rope_theta", rotaryBase);
        double part = reader.Number("partial_rotary_factor", share ?? 1);
        int? original = reader.Integer("original_max_position_embeddings");
        if (reader.Has("rope_scaling") || reader.Has("rope_parameters")) scaling = null;
        // Read the older spelling first: where both stand, the newer counts.
        foreach (string key in (ReadOnlySpan<string>)["rope_scaling", "rope_parameters"])
        {
            if (reader.Section(key) is not { } rope) continue;
            rotaryBase = rope.Number("rope_theta", rotaryBase);
            part = rope.Number("partial_rotary_factor", part);
            scaling = ReadScaling(rope, original);
        }
        if (share is null && part != 1) throw reader.Unsupported("partial_rotary_factor", $"{part}");
        return config with { Positions = PositionScheme.Rotary, RotaryBase = rotaryBase, RotaryShare = part, RotaryScaling = scaling };
    }

    /// <summary>Reads a scaling; null for the kind "default".</summary>
    internal static RotaryScaling? ReadScaling(ConfigReader rope, int? originalContext)
    {
        string type = rope.Text("rope_type") ?? rope.Text("type") ?? "default";
        rope.Ignore("rope_type", "type", "rope_theta", "partial_rotary_factor");
        if (type == "default")
        {
            rope.Ignore("factor", "original_max_position_embeddings"); // said by some files, used by none
            return null;
        }
        RotaryScalingKind kind = type switch
        {
            "linear" => RotaryScalingKind.Linear,
            "dynamic" => RotaryScalingKind.Dynamic,
            "yarn" => RotaryScalingKind.Yarn,
            "longrope" or "su" => RotaryScalingKind.LongRope, // "su" is Phi-3's first name for it
            "llama3" => RotaryScalingKind.Llama3,
            _ => throw rope.Unsupported("rope_type", $"'{type}', not one of default, linear, dynamic, yarn, longrope, llama3"),
        };
        RotaryScaling scaling = new() { Kind = kind, Factor = rope.OptionalNumber("factor"), OriginalContext = rope.Integer("original_max_position_embeddings") ?? originalContext };
        return kind switch
        {
            RotaryScalingKind.Yarn => scaling with
            {
                BetaFast = Truthy(rope.Number("beta_fast", 32), 32),
                BetaSlow = Truthy(rope.Number("beta_slow", 1), 1),
                Truncate = rope.Flag("truncate", true),
                AttentionFactor = rope.OptionalNumber("attention_factor"),
                Mscale = rope.OptionalNumber("mscale"),
                MscaleAllDimensions = rope.OptionalNumber("mscale_all_dim"),
            },
            RotaryScalingKind.LongRope => scaling with
            {
                ShortFactors = rope.Numbers("short_factor"),
                LongFactors = rope.Numbers("long_factor"),
                AttentionFactor = rope.OptionalNumber("attention_factor"),
            },
            RotaryScalingKind.Llama3 => scaling with { LowFrequencyFactor = rope.Number("low_freq_factor", 1), HighFrequencyFactor = rope.Number("high_freq_factor", 4) },
            _ => scaling,
        };
    }

    /// <summary>Writes both spellings: releases of transformers before 5 read the first, later ones the second.</summary>
    internal static void Write(ConfigWriter writer, DecoderConfig config)
    {
        writer.Add("rope_theta", config.RotaryBase);
        writer.Add("rope_parameters", Parameters(config.RotaryBase, config.RotaryShare, config.RotaryScaling));
        if (config.RotaryShare != 1) writer.Add("partial_rotary_factor", config.RotaryShare);
        if (config.RotaryScaling is not { } scaling) return;
        ConfigWriter old = new();
        WriteScaling(old, scaling);
        writer.Add("rope_scaling", old);
    }

    /// <summary>An entry of the newer spelling.</summary>
    internal static ConfigWriter Parameters(double rotaryBase, double share, RotaryScaling? scaling)
    {
        ConfigWriter rope = new();
        rope.Add("rope_theta", rotaryBase);
        if (share != 1) rope.Add("partial_rotary_factor", share);
        if (scaling is null) rope.Add("rope_type", "default");
        else WriteScaling(rope, scaling);
        return rope;
    }

    /// <summary>Writes the settings that the kind uses.</summary>
    internal static void WriteScaling(ConfigWriter rope, RotaryScaling scaling)
    {
        rope.Add("rope_type", scaling.Kind switch
        {
            RotaryScalingKind.Linear => "linear",
            RotaryScalingKind.Dynamic => "dynamic",
            RotaryScalingKind.Yarn => "yarn",
            RotaryScalingKind.LongRope => "longrope",
            _ => "llama3",
        });
        if (scaling.Factor is { } factor) rope.Add("factor", factor);
        if (scaling.OriginalContext is { } original) rope.Add("original_max_position_embeddings", original);
        if (scaling.AttentionFactor is { } attention) rope.Add("attention_factor", attention);
        switch (scaling.Kind)
        {
            case RotaryScalingKind.Yarn:
                rope.Add("beta_fast", scaling.BetaFast);
                rope.Add("beta_slow", scaling.BetaSlow);
                rope.Add("truncate", scaling.Truncate);
                if (scaling.Mscale is { } mscale) rope.Add("mscale", mscale);
                if (scaling.MscaleAllDimensions is { } all) rope.Add("mscale_all_dim", all);
                break;
            case RotaryScalingKind.LongRope:
                rope.Add("short_factor", scaling.ShortFactors);
                rope.Add("long_factor", scaling.LongFactors);
                break;
            case RotaryScalingKind.Llama3:
                rope.Add("low_freq_factor", scaling.LowFrequencyFactor);
                rope.Add("high_freq_factor", scaling.HighFrequencyFactor);
                break;
        }
    }

    // transformers takes a zero for "not given" here.
    private static double Truthy(double value, double fallback) => value == 0 ? fallback : value;
}

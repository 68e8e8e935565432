using System.Text.Json;
using Weft.Models.StateSpace;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>Mamba 2 (Dao and Gu 2024, arXiv:2405.21060).</summary>
public sealed class Mamba2Family : MambaFamily
{
    /// <inheritdoc/>
    public override string ModelType => "mamba2";

    private protected override string ClassName => "Mamba2ForCausalLM";

    /// <inheritdoc/>
    public override StateSpaceConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("chunk_size", "norm_before_gate", "time_step_rank", "A_initializer_range", "intermediate_size"); // the size of the pieces in which the reference sums, and what it no longer looks at
        int heads = reader.Integer("num_heads", 128)!.Value, headSize = reader.Integer("head_dim", 64)!.Value;
        (double minimum, double maximum) = Limits(reader);
        return base.ReadConfig(reader) with
        {
            HeadCount = heads,
            ChannelCount = heads * headSize,
            GroupCount = reader.Integer("n_groups", 8)!.Value,
            StateSize = reader.Integer("state_size", 128)!.Value,
            StepRank = 0,
            MinimumStep = minimum,
            MaximumStep = maximum,
            TieEmbeddings = reader.Flag("tie_word_embeddings", false),
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, StateSpaceConfig config)
    {
        base.WriteConfig(writer, config);
        writer.Add("head_dim", config.ChannelCount / config.HeadCount);
        writer.Add("n_groups", config.GroupCount);
        writer.Add("num_heads", config.HeadCount);
        writer.Add("time_step_limit", w =>
        {
            w.WriteStartArray();
            foreach (double limit in (double[])[config.MinimumStep, config.MaximumStep])
            {
                if (double.IsFinite(limit))
                {
                    w.WriteNumberValue(limit);
                    continue;
                }
                w.WriteStartObject();
                w.WriteString("__float__", "Infinity");
                w.WriteEndObject();
            }
            w.WriteEndArray();
        });
    }

    private static (double Minimum, double Maximum) Limits(ConfigReader reader)
    {
        if (reader.Element("time_step_limit") is not { } limits) return (0, double.PositiveInfinity);
        if (limits.ValueKind != JsonValueKind.Array || limits.GetArrayLength() != 2) throw new WeftFileException(reader.Path, 0, "'time_step_limit' is not a list of two numbers.");
        return (Limit(limits[0]), Limit(limits[1]));

        // JSON has no infinity: transformers 5 writes an object for it.
        double Limit(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.Number => value.GetDouble(),
            JsonValueKind.Object when value.TryGetProperty("__float__", out JsonElement name) && name.GetString() == "Infinity" => double.PositiveInfinity,
            _ => throw new WeftFileException(reader.Path, 0, $"'time_step_limit' holds {value.GetRawText()}, which is no number."),
        };
    }
}

using System.Text.Json;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>One family of published checkpoints: how its files name what Weft computes.</summary>
/// <typeparam name="TConfig">The architecture that its models have.</typeparam>
public abstract class CheckpointFamily<TConfig>
{
    /// <summary>The value of <c>model_type</c> in <c>config.json</c>.</summary>
    public abstract string ModelType { get; }

    /// <summary>The class that <c>architectures</c> names for a model.</summary>
    public abstract string Architecture(TConfig config);

    /// <summary>Reads the architecture.</summary>
    /// <exception cref="WeftFileException">A key is missing, wrong or not understood.</exception>
    public abstract TConfig ReadConfig(ConfigReader reader);

    /// <summary>Writes the family's own keys, in any order.</summary>
    public abstract void WriteConfig(ConfigWriter writer, TConfig config);

    /// <summary>Every tensor of a checkpoint.</summary>
    public abstract IEnumerable<WeightMapping> Weights(TConfig config);

    /// <summary>A map's matrix and, where it has one, its offset.</summary>
    private protected static IEnumerable<WeightMapping> Map(string ours, string theirs, bool bias = true)
    {
        yield return new WeightMapping(ours + ".weight", theirs + ".weight");
        if (bias) yield return new WeightMapping(ours + ".bias", theirs + ".bias");
    }

    /// <summary>The class that a configuration names, or a fallback.</summary>
    private protected static string ArchitectureOf(ConfigReader reader, string fallback)
    {
        if (reader.Element("architectures") is not { ValueKind: JsonValueKind.Array } names || names.GetArrayLength() == 0) return fallback;
        return names[0].ValueKind == JsonValueKind.String ? names[0].GetString()! : throw new WeftFileException(reader.Path, 0, "'architectures' is not a list of texts.");
    }

    /// <summary>The labels of a classifier in the order of their numbers; null where the configuration names none.</summary>
    private protected static IReadOnlyList<string>? LabelsOf(ConfigReader reader)
    {
        if (reader.Element("id2label") is not { ValueKind: JsonValueKind.Object } map) return null;
        SortedDictionary<int, string> labels = [];
        foreach (JsonProperty property in map.EnumerateObject())
        {
            if (!int.TryParse(property.Name, out int number) || property.Value.ValueKind != JsonValueKind.String || !labels.TryAdd(number, property.Value.GetString()!))
                throw new WeftFileException(reader.Path, 0, $"'id2label' has the entry '{property.Name}', which is no number with a text.");
        }
        return [.. labels.Values];
    }

    /// <summary>Writes what every configuration has.</summary>
    private protected static void WriteCommon(ConfigWriter writer, string modelType, string architecture, int vocabularySize, int? begin, int? end, int? padding, bool tied)
    {
        writer.Add("architectures", w =>
        {
            w.WriteStartArray();
            w.WriteStringValue(architecture);
            w.WriteEndArray();
        });
        writer.Add("bos_token_id", begin);
        writer.Add("dtype", "float32");
        writer.Add("eos_token_id", end);
        writer.Add("model_type", modelType);
        writer.Add("pad_token_id", padding);
        writer.Add("tie_word_embeddings", tied);
        writer.Add("transformers_version", DecoderFamily.TransformersVersion);
        writer.Add("use_cache", true);
        writer.Add("vocab_size", vocabularySize);
    }

    /// <summary>Writes a classifier's labels, as transformers does where there are other than two.</summary>
    private protected static void WriteLabels(ConfigWriter writer, int count, IReadOnlyList<string>? labels)
    {
        string Label(int i) => labels is not null && i < labels.Count ? labels[i] : $"LABEL_{i}";
        writer.Add("id2label", w =>
        {
            w.WriteStartObject();
            for (int i = 0; i < count; i++) w.WriteString($"{i}", Label(i));
            w.WriteEndObject();
        });
        writer.Add("label2id", w =>
        {
            w.WriteStartObject();
            for (int i = 0; i < count; i++) w.WriteNumber(Label(i), i);
            w.WriteEndObject();
        });
    }
}

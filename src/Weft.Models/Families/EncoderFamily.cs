using Weft.Models.Encoder;

namespace Weft.Models.Families;

/// <summary>What the families of encoders have in common.</summary>
public abstract class EncoderFamily : CheckpointFamily<EncoderConfig>
{
    /// <summary>What the names of the model's own tensors begin with where a head stands above it, such as <c>bert.</c>.</summary>
    public abstract string Prefix { get; }

    /// <summary>The names of the classes before their heads, such as <c>Bert</c>.</summary>
    private protected abstract string ClassName { get; }

    /// <summary>The heads that checkpoints of the family have, with the ends of their classes' names.</summary>
    private protected abstract IReadOnlyDictionary<string, EncoderHead> Heads { get; }

    /// <inheritdoc/>
    public override string Architecture(EncoderConfig config) => ClassName + Heads.First(pair => pair.Value == config.Head).Key;

    /// <summary>The head that a configuration's class has.</summary>
    private protected EncoderHead HeadOf(ConfigReader reader)
    {
        string name = ArchitectureOf(reader, ClassName + "Model");
        if (name.StartsWith(ClassName, StringComparison.Ordinal) && Heads.TryGetValue(name[ClassName.Length..], out EncoderHead head)) return head;
        throw reader.Unsupported("architectures", $"'{name}', not one of {string.Join(", ", Heads.Keys.Select(end => ClassName + end))}");
    }

    /// <summary>What a head adds to an architecture: labels and how many.</summary>
    private protected static EncoderConfig WithLabels(ConfigReader reader, EncoderConfig config)
    {
        IReadOnlyList<string>? labels = LabelsOf(reader);
        return config with
        {
            Labels = labels,
            LabelCount = labels?.Count ?? reader.Integer("num_labels", 2)!.Value,
            MultiLabel = reader.Text("problem_type") == "multi_label_classification",
            InitializerRange = reader.Number("initializer_range", 0.02),
            TieEmbeddings = reader.Flag("tie_word_embeddings", true),
            BeginOfTextId = reader.TokenId("bos_token_id"),
            EndOfTextId = reader.TokenId("eos_token_id"),
        };
    }

    /// <summary>Writes what every encoder's configuration has.</summary>
    private protected void WriteShared(ConfigWriter writer, EncoderConfig config)
    {
        WriteCommon(writer, ModelType, Architecture(config), config.VocabularySize, config.BeginOfTextId, config.EndOfTextId, config.PaddingId, config.TieEmbeddings);
        writer.Add("initializer_range", config.InitializerRange);
        if (config.LabelCount != 2 || config.Labels is not null) WriteLabels(writer, config.LabelCount, config.Labels);
        if (config.MultiLabel) writer.Add("problem_type", "multi_label_classification");
    }
}

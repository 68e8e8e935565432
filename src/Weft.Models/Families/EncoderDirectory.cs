using Weft.Models.Encoder;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>An encoder as a folder in the Hugging Face layout: <c>config.json</c> and <c>model.safetensors</c>.</summary>
public static class EncoderDirectory
{
    /// <summary>The families of encoders that Weft reads and writes.</summary>
    public static IReadOnlyList<EncoderFamily> Families { get; } = [new BertFamily(), new RobertaFamily(), new XlmRobertaFamily(), new DistilBertFamily(), new ElectraFamily()];

    /// <summary>Reads an encoder, with its head if it has one.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="dtype">The type to compute in; the file's own is converted.</param>
    /// <exception cref="FileNotFoundException">The folder holds no model.</exception>
    /// <exception cref="WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static EncoderModel Load(string path, DType dtype = DType.Float32)
    {
        EncoderConfig config = LoadConfig(path);
        using CheckpointFile file = CheckpointFile.Open(path);
        EncoderFamily family = FamilyOf(config);
        // A bare encoder's file may come without the pooler, which sentence encoders do not use.
        if (config.Head == EncoderHead.None && config.HasPooler && ModelDirectory.Find(file, "pooler.dense.weight", family.Prefix) is null) config = config with { HasPooler = false };
        EncoderModel model = new(config, dtype);
        ModelDirectory.Fill(model.Parameters, family.Weights(config), file, path, family.Prefix);
        return model;
    }

    /// <summary>Reads the architecture alone.</summary>
    public static EncoderConfig LoadConfig(string path)
    {
        ConfigReader reader = ModelDirectory.OpenConfig(path);
        return reader.Read(reader.FamilyAmong(Families, static f => f.ModelType), static (f, r) => f.ReadConfig(r), static c => c.Validate());
    }

    /// <summary>Writes an encoder. Files are replaced whole or not at all, the weights last.</summary>
    public static void Save(EncoderModel model, string path)
    {
        Directory.CreateDirectory(path);
        EncoderFamily family = FamilyOf(model.Config);
        ConfigWriter writer = new();
        family.WriteConfig(writer, model.Config);
        AtomicFile.WriteText(Path.Combine(path, ModelDirectory.ConfigFile), writer.ToJson());
        ModelDirectory.Write(model.Parameters, family.Weights(model.Config), Path.Combine(path, ModelDirectory.WeightsFile));
    }

    /// <summary>Every tensor of an encoder's checkpoint.</summary>
    public static IEnumerable<WeightMapping> Weights(EncoderConfig config) => FamilyOf(config).Weights(config);

    private static EncoderFamily FamilyOf(EncoderConfig config) =>
        Families.FirstOrDefault(f => f.ModelType == config.Family) ?? throw new ArgumentException($"Family '{config.Family}' must be one of {string.Join(", ", Families.Select(static f => f.ModelType))}.");
}

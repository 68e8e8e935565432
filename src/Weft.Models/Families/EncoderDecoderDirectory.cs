using Weft.Models.EncoderDecoder;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>An encoder-decoder as a folder in the Hugging Face layout: <c>config.json</c>, <c>generation_config.json</c> and <c>model.safetensors</c>.</summary>
public static class EncoderDecoderDirectory
{
    /// <summary>The families of encoder-decoders that Weft reads and writes.</summary>
    public static IReadOnlyList<CheckpointFamily<EncoderDecoderConfig>> Families { get; } = [new T5Family(), new Mt5Family(), new BartFamily(), new MBartFamily(), new MarianFamily()];

    /// <summary>Reads a model.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="dtype">The type to compute in; the file's own is converted.</param>
    /// <exception cref="FileNotFoundException">The folder holds no model.</exception>
    /// <exception cref="WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static EncoderDecoderModel Load(string path, DType dtype = DType.Float32)
    {
        EncoderDecoderConfig config = LoadConfig(path);
        EncoderDecoderModel model = new(config, dtype);
        using CheckpointFile file = CheckpointFile.Open(path);
        ModelDirectory.Fill(model.Parameters.Concat(model.Buffers), Weights(config), file, path);
        return model;
    }

    /// <summary>Reads the architecture alone.</summary>
    public static EncoderDecoderConfig LoadConfig(string path)
    {
        ConfigReader reader = ModelDirectory.OpenConfig(path);
        return reader.Read(reader.FamilyAmong(Families, static f => f.ModelType), static (f, r) => f.ReadConfig(r), static c => c.Validate());
    }

    /// <summary>Writes a model. Files are replaced whole or not at all, the weights last.</summary>
    public static void Save(EncoderDecoderModel model, string path)
    {
        Directory.CreateDirectory(path);
        ConfigWriter writer = new();
        FamilyOf(model.Config).WriteConfig(writer, model.Config);
        AtomicFile.WriteText(Path.Combine(path, ModelDirectory.ConfigFile), writer.ToJson());
        ConfigWriter generation = new();
        generation.Add("bos_token_id", model.Config.BeginOfTextId);
        generation.Add("decoder_start_token_id", model.Config.StartId);
        generation.Add("eos_token_id", model.Config.EndOfTextId);
        generation.Add("pad_token_id", model.Config.PaddingId);
        generation.Add("transformers_version", DecoderFamily.TransformersVersion);
        AtomicFile.WriteText(Path.Combine(path, "generation_config.json"), generation.ToJson());
        ModelDirectory.Write(model.Parameters.Concat(model.Buffers), Weights(model.Config), Path.Combine(path, ModelDirectory.WeightsFile));
    }

    /// <summary>Every tensor of a model's checkpoint.</summary>
    public static IEnumerable<WeightMapping> Weights(EncoderDecoderConfig config) => FamilyOf(config).Weights(config);

    private static CheckpointFamily<EncoderDecoderConfig> FamilyOf(EncoderDecoderConfig config) =>
        Families.FirstOrDefault(f => f.ModelType == config.Family) ?? throw new ArgumentException($"Family '{config.Family}' must be one of {string.Join(", ", Families.Select(static f => f.ModelType))}.");
}

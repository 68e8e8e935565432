using Weft.Models.StateSpace;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>A state-space model as a folder in the Hugging Face layout: <c>config.json</c>, <c>generation_config.json</c> and <c>model.safetensors</c>.</summary>
public static class StateSpaceDirectory
{
    /// <summary>The families of state-space models that Weft reads and writes.</summary>
    public static IReadOnlyList<CheckpointFamily<StateSpaceConfig>> Families { get; } = [new MambaFamily(), new Mamba2Family(), new FalconMambaFamily()];

    /// <summary>Reads a model.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="dtype">The type to compute in; the file's own is converted.</param>
    /// <exception cref="FileNotFoundException">The folder holds no model.</exception>
    /// <exception cref="WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static StateSpaceModel Load(string path, DType dtype = DType.Float32)
    {
        StateSpaceConfig config = LoadConfig(path);
        StateSpaceModel model = new(config, dtype);
        using CheckpointFile file = CheckpointFile.Open(path);
        ModelDirectory.Fill(model.Parameters, Weights(config), file, path);
        return model;
    }

    /// <summary>Reads the architecture alone.</summary>
    public static StateSpaceConfig LoadConfig(string path)
    {
        ConfigReader reader = ModelDirectory.OpenConfig(path);
        return reader.Read(reader.FamilyAmong(Families, static f => f.ModelType), static (f, r) => f.ReadConfig(r), static c => c.Validate());
    }

    /// <summary>Writes a model. Files are replaced whole or not at all, the weights last.</summary>
    public static void Save(StateSpaceModel model, string path)
    {
        Directory.CreateDirectory(path);
        ConfigWriter writer = new();
        FamilyOf(model.Config).WriteConfig(writer, model.Config);
        AtomicFile.WriteText(Path.Combine(path, ModelDirectory.ConfigFile), writer.ToJson());
        ConfigWriter generation = new();
        generation.Add("bos_token_id", model.Config.BeginOfTextId);
        generation.Add("eos_token_id", model.Config.EndOfTextId);
        generation.Add("pad_token_id", model.Config.PaddingId);
        generation.Add("transformers_version", DecoderFamily.TransformersVersion);
        AtomicFile.WriteText(Path.Combine(path, "generation_config.json"), generation.ToJson());
        ModelDirectory.Write(model.Parameters, Weights(model.Config), Path.Combine(path, ModelDirectory.WeightsFile));
    }

    /// <summary>Every tensor of a model's checkpoint.</summary>
    public static IEnumerable<WeightMapping> Weights(StateSpaceConfig config) => FamilyOf(config).Weights(config);

    private static CheckpointFamily<StateSpaceConfig> FamilyOf(StateSpaceConfig config) =>
        Families.FirstOrDefault(f => f.ModelType == config.Family) ?? throw new ArgumentException($"Family '{config.Family}' must be one of {string.Join(", ", Families.Select(static f => f.ModelType))}.");
}

using System.Text.Json;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>A model as a folder in the Hugging Face layout: <c>config.json</c>, <c>generation_config.json</c>, <c>model.safetensors</c>.</summary>
public static class ModelDirectory
{
    /// <summary>The file of the architecture.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>The file of the weights.</summary>
    public const string WeightsFile = "model.safetensors";

    private const string GenerationFile = "generation_config.json";

    /// <summary>Reads a model.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="dtype">The type to compute in; the file's own is converted.</param>
    /// <exception cref="FileNotFoundException">The folder holds no model.</exception>
    /// <exception cref="WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static DecoderModel Load(string path, DType dtype = DType.Float32)
    {
        ConfigReader reader = OpenConfig(path);
        DecoderFamily family = FamilyCatalogue.Of(reader);
        if (reader.Element("architectures") is { ValueKind: JsonValueKind.Array } names && names.EnumerateArray().Any(n => n.ValueKind == JsonValueKind.String && n.GetString() == family.ClassifierArchitecture))
            throw new WeftFileException(reader.Path, 0, $"'{family.ClassifierArchitecture}' is a classifier, which writes no text: SequenceClassifier loads it, and the command classify uses it.");
        DecoderConfig config = ReadConfig(reader, family);
        using CheckpointFile file = CheckpointFile.Open(path);
        // Before anything is made: the configuration may lie about sizes.
        foreach (WeightMapping mapping in family.Weights(config)) if (mapping.Parameter is not null) Require(file, mapping, path);
        DecoderModel model = new(config, dtype);
        Fill(model.Parameters.Concat(model.Buffers), family.Weights(config), file, path);
        return model;
    }

    /// <summary>Reads the architecture alone.</summary>
    public static DecoderConfig LoadConfig(string path)
    {
        ConfigReader reader = OpenConfig(path);
        return ReadConfig(reader, FamilyCatalogue.Of(reader));
    }

    /// <summary>Writes a model as the first family that can express it. Files are replaced whole or not at all, the weights last.</summary>
    public static void Save(DecoderModel model, string path)
    {
        Directory.CreateDirectory(path);
        SaveConfig(model.Config, path);
        SaveWeights(model, path);
    }

    /// <summary>Writes the architecture and the generation defaults.</summary>
    public static void SaveConfig(DecoderConfig config, string path)
    {
        DecoderFamily family = FamilyCatalogue.For(config);
        ConfigWriter writer = new();
        family.WriteConfig(writer, config);
        AddCommonKeys(writer, config, family, family.Architecture);
        AtomicFile.WriteText(Path.Combine(path, ConfigFile), writer.ToJson());

        ConfigWriter generation = new();
        generation.Add("bos_token_id", config.BeginOfTextId);
        generation.Add("eos_token_id", config.EndOfTextId);
        generation.Add("pad_token_id", config.PaddingId);
        generation.Add("transformers_version", DecoderFamily.TransformersVersion);
        AtomicFile.WriteText(Path.Combine(path, GenerationFile), generation.ToJson());
    }

    /// <summary>Writes the weights alone.</summary>
    public static void SaveWeights(DecoderModel model, string path) =>
        Write(model.Parameters.Concat(model.Buffers), FamilyCatalogue.For(model.Config).Weights(model.Config), Path.Combine(path, WeightsFile));

    internal static ConfigReader OpenConfig(string path)
    {
        string file = Path.Combine(path, ConfigFile);
        if (!File.Exists(file)) throw new FileNotFoundException($"{path} holds no model: {ConfigFile} is missing.", file);
        return ConfigReader.Open(file);
    }

    internal static DecoderConfig ReadConfig(ConfigReader reader, DecoderFamily family)
    {
        try
        {
            DecoderConfig config = family.ReadConfig(reader) with { Family = family.ModelType };
            reader.RefuseUnknown();
            config.Validate();
            return config;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or FormatException)
        {
            throw new WeftFileException(reader.Path, 0, exception.Message, exception, FileFault.BadValue);
        }
    }

    internal static void AddCommonKeys(ConfigWriter writer, DecoderConfig config, DecoderFamily family, string architecture)
    {
        writer.Add("architectures", w =>
        {
            w.WriteStartArray();
            w.WriteStringValue(architecture);
            w.WriteEndArray();
        });
        writer.Add("bos_token_id", config.BeginOfTextId);
        writer.Add("dtype", "float32");
        writer.Add("eos_token_id", config.EndOfTextId);
        writer.Add("model_type", family.ModelType);
        writer.Add("pad_token_id", config.PaddingId);
        writer.Add("tie_word_embeddings", config.TieEmbeddings);
        writer.Add("transformers_version", DecoderFamily.TransformersVersion);
        writer.Add("use_cache", true);
        writer.Add("vocab_size", config.VocabularySize);
    }

    // Where a tensor of this name lies, also where the file spells it in an older way (gamma and beta in normalisations), or leaves
    // out or adds the word that stands before the names of the bare model (`transformer.`, `bert.`).
    internal static CheckpointEntry? Find(CheckpointFile file, string name, string prefix = "")
    {
        int word = name.IndexOf('.', StringComparison.Ordinal) + 1;
        ReadOnlySpan<string> spellings = [name, prefix + name, name[word..], name.Replace("predictions.decoder.bias", "predictions.bias", StringComparison.Ordinal)];
        foreach (string spelling in spellings)
            foreach (string old in (ReadOnlySpan<string>)[spelling, Old(spelling)])
                if (file.Entries.TryGetValue(old, out CheckpointEntry? entry)) return entry;
        return null;

        static string Old(string name) =>
            name.EndsWith("LayerNorm.weight", StringComparison.Ordinal) ? name[..^"weight".Length] + "gamma"
            : name.EndsWith("LayerNorm.bias", StringComparison.Ordinal) ? name[..^"bias".Length] + "beta"
            : name;
    }

    internal static void Fill(IEnumerable<Tensor> parameters, IEnumerable<WeightMapping> mappings, CheckpointFile file, string path, string prefix = "")
    {
        Dictionary<string, Tensor> byName = parameters.ToDictionary(static p => p.Name!);
        HashSet<string> filled = [];
        foreach (WeightMapping mapping in mappings)
        {
            if (mapping.Parameter is null) continue;
            CheckpointEntry entry = Require(file, mapping, path, prefix);
            Tensor target = byName[mapping.Parameter];
            Shape stored = mapping.StoredShape(target);
            if (!stored.AsSpan().SequenceEqual(entry.Shape))
                throw new WeftFileException(path, entry.Offset, $"the tensor '{entry.Name}' has shape [{string.Join(", ", entry.Shape)}], but the configuration asks for {stored}.");
            using MemoryScope scope = MemoryScope.Enter(); // what is laid out anew on the way shares its memory with the next such tensor
            Tensor rows = mapping.IsPlain ? mapping.Rows(target) : Tensor.Uninitialized(stored, target.DType);
            if (target.DType == DType.Float32) file.ReadAsSingle(entry, rows.AsSpan<float>());
            else file.ReadAsDouble(entry, rows.AsSpan<double>());
            if (!mapping.IsPlain) mapping.Fill(target, rows);
            filled.Add(mapping.Parameter);
        }
        string? missing = byName.Keys.FirstOrDefault(name => !filled.Contains(name));
        if (missing is not null) throw new WeftFileException(path, 0, $"the weights hold nothing for '{missing}'.");
    }

    internal static void Write(IEnumerable<Tensor> parameters, IEnumerable<WeightMapping> mappings, string file)
    {
        Dictionary<string, Tensor> byName = parameters.ToDictionary(static p => p.Name!);
        SafetensorsWriter writer = new();
        foreach (WeightMapping mapping in mappings.OrderBy(static m => m.Checkpoint, StringComparer.Ordinal))
        {
            if (mapping.Parameter is null)
            {
                writer.AddSingles(mapping.Checkpoint, [mapping.Size], new float[mapping.Size]);
                continue;
            }
            Tensor source = mapping.ToStored(byName[mapping.Parameter]);
            writer.Add(mapping.Checkpoint, SafetensorsType.F32, source.Shape.AsSpan(), stream =>
            {
                using MemoryScope scope = MemoryScope.Enter(); // a transposed matrix is laid out anew: its memory serves the next one, and the next save
                SafetensorsWriter.WriteSingles(stream, source.DType == DType.Float32 ? source.Contiguous().AsSpan<float>() : Array.ConvertAll(source.ToArray<double>(), static v => (float)v), SafetensorsType.F32);
            });
        }
        writer.Save(file);
    }

    private static CheckpointEntry Require(CheckpointFile file, WeightMapping mapping, string path, string prefix = "") =>
        Find(file, mapping.Checkpoint, prefix) ?? throw new WeftFileException(path, 0, $"the weights lack the tensor '{mapping.Checkpoint}'.");
}

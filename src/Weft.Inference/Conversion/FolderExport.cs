using System.Text.Json;
using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;
using Weft.Tokenizers;

namespace Weft.Inference.Conversion;

/// <summary>Writes folders in the Hugging Face layout from GGUF files and from other folders.</summary>
public static class FolderExport
{
    /// <summary>Writes a folder: configuration, weights, tokenizer and chat template.</summary>
    /// <param name="source">A GGUF file, or a model folder.</param>
    /// <param name="folder">The folder to write; it is made if it is not there.</param>
    /// <param name="type">F32, F16 or BF16; null keeps what the source has, and dequantizes the rest to F32.</param>
    /// <param name="maximumFileBytes">How many bytes of tensors a file holds at most.</param>
    /// <param name="progress">Told each tensor as it is written.</param>
    /// <returns>The names of the weight files.</returns>
    public static IReadOnlyList<string> Write(string source, string folder, SafetensorsType? type = null, long maximumFileBytes = 5_000_000_000, IProgress<string>? progress = null)
    {
        LanguageModel language = LanguageModel.Load(source);
        using GgufFile? file = Directory.Exists(source) ? null : GgufFile.Open(source);
        Func<string, int, SafetensorsType> stored = type is { } fixedType ? (_, _) => fixedType : file is null ? Types(source) : Types(file);
        Directory.CreateDirectory(folder);
        DecoderConfig config = language.Model.Config;
        ModelDirectory.SaveConfig(config, folder);
        language.Tokenizer.Save(Path.Combine(folder, "tokenizer.json"));
        WriteTokenizerConfig(language, Path.Combine(folder, "tokenizer_config.json"));
        if (language.ChatTemplate is { } template) AtomicFile.WriteText(Path.Combine(folder, "chat_template.jinja"), template.Source);

        SafetensorsWriter writer = new();
        Dictionary<string, Tensor> parameters = language.Model.Parameters.Concat(language.Model.Buffers).ToDictionary(static p => p.Name!);
        foreach (WeightMapping mapping in FamilyCatalogue.For(config).Weights(config).OrderBy(static m => m.Checkpoint, StringComparer.Ordinal))
        {
            if (mapping.Parameter is null)
            {
                writer.AddSingles(mapping.Checkpoint, [mapping.Size], new float[mapping.Size]);
                continue;
            }
            SafetensorsType own = stored(mapping.Parameter, mapping.FirstRow);
            Tensor parameter = parameters[mapping.Parameter].Detach();
            int[] shape = mapping.StoredShape(parameter).ToArray();
            writer.Add(mapping.Checkpoint, own, shape, stream =>
            {
                progress?.Report($"{mapping.Checkpoint} {own.FormatName()} [{string.Join(", ", shape)}]");
                Tensor values = mapping.ToStored(parameter);
                SafetensorsWriter.WriteSingles(stream, values.Contiguous().AsSpan<float>(), own);
            });
        }
        return writer.SaveSharded(folder, maximumFileBytes);
    }

    // Files with F16 or BF16 matrices hold their vectors in F32; where all values fit the matrices' type they came from it, and go back to it.
    private static Func<string, int, SafetensorsType> Types(GgufFile file)
    {
        DecoderConfig config = GgufModel.ReadConfig(file, out GgufFamily family);
        Dictionary<(string, int), SafetensorsType> types = [];
        SafetensorsType matrices = TypeOf(file.Entries["token_embd.weight"].Type);
        foreach (GgufWeight weight in family.Weights(config))
        {
            GgufEntry entry = file.Entries[weight.Tensor];
            SafetensorsType own = TypeOf(entry.Type);
            if (entry.Type == GgufType.F32 && matrices != SafetensorsType.F32 && Fits(file, entry, weight, matrices)) own = matrices;
            types[(weight.Parameter, weight.FirstRow)] = own;
        }
        return (parameter, row) => types.TryGetValue((parameter, row), out SafetensorsType type) ? type : types[(parameter, 0)];
    }

    private static SafetensorsType TypeOf(GgufType type) => type switch
    {
        GgufType.F16 => SafetensorsType.F16,
        GgufType.BF16 => SafetensorsType.BF16,
        _ => SafetensorsType.F32,
    };

    private static bool Fits(GgufFile file, GgufEntry entry, GgufWeight weight, SafetensorsType type)
    {
        float[] values = GgufModel.ReadVector(file, weight, entry), rounded = new float[values.Length];
        GgufType stored = type == SafetensorsType.F16 ? GgufType.F16 : GgufType.BF16;
        byte[] bytes = new byte[stored.ByteLength(values.Length)];
        Quantizer.Run(stored, values, bytes);
        Dequantizer.Run(stored, bytes, rounded);
        return values.AsSpan().SequenceEqual(rounded);
    }

    private static Func<string, int, SafetensorsType> Types(string folder)
    {
        using SafetensorsSet set = SafetensorsSet.Open(folder);
        Dictionary<(string, int), SafetensorsType> types = [];
        DecoderConfig config = ModelDirectory.LoadConfig(folder);
        foreach (WeightMapping mapping in FamilyCatalogue.For(config).Weights(config))
            if (mapping.Parameter is { } parameter && set.Entries.TryGetValue(mapping.Checkpoint, out SafetensorsEntry? entry))
                types[(parameter, mapping.FirstRow)] = entry.Type is SafetensorsType.F16 or SafetensorsType.BF16 ? entry.Type : SafetensorsType.F32;
        return (parameter, row) => types.TryGetValue((parameter, row), out SafetensorsType type) ? type : types[(parameter, 0)];
    }

    private static void WriteTokenizerConfig(LanguageModel language, string path)
    {
        Tokenizer tokenizer = language.Tokenizer;
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            if (tokenizer.BeginOfTextId is { } begin) writer.WriteString("bos_token", tokenizer.Token(begin));
            if (tokenizer.EndOfTextId is { } end) writer.WriteString("eos_token", tokenizer.Token(end));
            writer.WriteNumber("model_max_length", language.Model.Config.ContextLength);
            writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            writer.WriteEndObject();
        }
        AtomicFile.WriteText(path, System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n");
    }
}

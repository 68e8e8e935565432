using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;
using Weft.Tokenizers;

namespace Weft.Inference.Conversion;

/// <summary>Writes GGUF files from model folders and from other GGUF files, in another type if wanted.</summary>
public static class GgufExport
{
    private const string FileTypeKey = "general.file_type", TemplateKey = "tokenizer.chat_template";
    private const int QuantizationVersion = 2; // of ggml's block layouts, unchanged since 2023

    /// <summary>Writes a GGUF file.</summary>
    /// <param name="source">A model folder in the Hugging Face layout, or a GGUF file.</param>
    /// <param name="target">The file to write.</param>
    /// <param name="mixture">The types to write; null keeps what the source has.</param>
    /// <param name="importance">Given the model's parameters by name, their columns' importance; null for none.</param>
    /// <param name="maximumFileBytes">Splits into parts of at most so many bytes.</param>
    /// <param name="progress">Told each tensor as it is written.</param>
    /// <returns>The files that were written.</returns>
    /// <exception cref="NotSupportedException">The model or its tokenizer has no form in GGUF.</exception>
    public static IReadOnlyList<string> Write(string source, string target, GgufMixture? mixture, Func<string, float[]?>? importance = null, long? maximumFileBytes = null, IProgress<string>? progress = null)
    {
        GgufWriter writer = new();
        if (Directory.Exists(source))
        {
            FromFolder(source, writer, mixture, importance, progress);
            return Save(writer, target, maximumFileBytes);
        }
        using GgufFile file = GgufFile.Open(source);
        FromFile(file, writer, mixture, importance, progress);
        return Save(writer, target, maximumFileBytes);
    }

    private static IReadOnlyList<string> Save(GgufWriter writer, string target, long? maximumFileBytes)
    {
        if (maximumFileBytes is { } most) return writer.SaveSplit(target, most);
        writer.Save(target);
        return [target];
    }

    // Rows stay in the file's order, so nothing but the types changes.
    private static void FromFile(GgufFile file, GgufWriter writer, GgufMixture? mixture, Func<string, float[]?>? importance, IProgress<string>? progress)
    {
        foreach ((string key, GgufValue value) in file.Metadata) if (!key.StartsWith("split.", StringComparison.Ordinal)) writer.Set(key, value);
        if (mixture is null)
        {
            foreach (GgufEntry entry in file.Entries.Values)
            {
                writer.Add(entry.Name, entry.Type, entry.Shape, stream =>
                {
                    progress?.Report(entry.ToString());
                    CopyRows(file, entry, stream);
                });
            }
            return;
        }
        DecoderConfig config = GgufModel.ReadConfig(file, out GgufFamily family);
        Dictionary<string, string> parameterOf = family.Weights(config).ToDictionary(static w => w.Tensor, static w => w.Parameter);
        writer.Set(FileTypeKey, (uint)mixture.FileType);
        writer.Set("general.quantization_version", QuantizationVersion);
        foreach (GgufEntry entry in file.Entries.Values)
        {
            float[]? weights = parameterOf.TryGetValue(entry.Name, out string? parameter) ? importance?.Invoke(parameter) : null;
            GgufType type = TypeOf(mixture, entry.Name, entry.Shape, config, importance is not null);
            writer.Add(entry.Name, type, entry.Shape, stream =>
            {
                progress?.Report($"{entry} -> {type}");
                if (type == entry.Type) CopyRows(file, entry, stream);
                else RowWriter.Write(stream, type, entry.RowLength, entry.RowCount, (row, values) => file.ReadRowsAsSingle(entry, row, values), weights);
            });
        }
    }

    private static void FromFolder(string folder, GgufWriter writer, GgufMixture? mixture, Func<string, float[]?>? importance, IProgress<string>? progress)
    {
        DecoderModel model = ModelDirectory.Load(folder);
        DecoderConfig config = model.Config;
        GgufFamily family = GgufModel.For(config);
        writer.Set("general.architecture", family.Architecture);
        writer.Set("general.type", "model");
        writer.Set("general.name", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
        family.WriteKeys(writer, config);
        SetTokenizer(writer, folder, config);
        Dictionary<string, GgufType> storedTypes = mixture is null ? StoredTypes(folder, config) : [];
        writer.Set("general.quantization_version", QuantizationVersion);
        writer.Set(FileTypeKey, (uint)(mixture?.FileType ?? GgufMixture.All.First(m => m.Type == storedTypes["embedding.tokens.weight"]).FileType));
        Dictionary<string, Tensor> parameters = model.Parameters.ToDictionary(static p => p.Name!);
        foreach ((string tensor, float[] values) in family.Settings(config)) writer.Add(tensor, GgufType.F32, [values.Length], stream => stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan())));
        foreach (GgufWeight weight in family.Weights(config))
        {
            Tensor parameter = parameters[weight.Parameter].Detach();
            if (weight.RowCount > 0) parameter = parameter.Narrow(0, weight.FirstRow, weight.RowCount);
            int[] shape = parameter.Shape.ToArray();
            // What the mixture F16 keeps in F32 (vectors, position tables) is F32 in every file: other programs expect it.
            GgufMixture own = mixture ?? GgufMixture.All.First(m => m.Type == storedTypes[weight.Parameter]);
            GgufType type = TypeOf(own, weight.Tensor, shape, config, importance is not null);
            if (weight.Added != 0 && type == GgufType.F32) KeepRest(writer, parameter, weight);
            writer.Add(weight.Tensor, type, shape, stream =>
            {
                progress?.Report($"{weight.Tensor} {type} [{string.Join(", ", shape)}]");
                int columns = shape.Length == 1 ? shape[0] : shape[^1], rows = shape.Length == 1 ? 1 : shape[0];
                RowWriter.Write(stream, type, columns, rows, (row, values) => ReadRow(parameter, weight, (int)row, values), importance?.Invoke(weight.Parameter));
            });
        }
    }

    // Into the file's order of rows: neighbours 2i and 2i + 1 of a head are i and i + D/2 here.
    private static void ReadRow(Tensor parameter, GgufWeight weight, int row, Span<float> values)
    {
        ReadOnlySpan<float> all = parameter.AsSpan<float>();
        if (parameter.Rank == 1)
        {
            for (int i = 0; i < values.Length; i++) values[i] = all[Place(i, weight.PermutedHeadSize)] + weight.Added;
            return;
        }
        all.Slice(Place(row, weight.PermutedHeadSize) * values.Length, values.Length).CopyTo(values);
    }

    // What rounding takes from a vector to which something is added; nothing is written where that is nothing.
    private static void KeepRest(GgufWriter writer, Tensor parameter, GgufWeight weight)
    {
        float[] stored = new float[parameter.Count], rest = new float[stored.Length];
        ReadRow(parameter, weight, 0, stored);
        ReadRow(parameter, weight with { Added = 0 }, 0, rest);
        for (int i = 0; i < rest.Length; i++) rest[i] -= stored[i] - weight.Added;
        if (rest.AsSpan().IndexOfAnyExcept(0f) >= 0) writer.Set(GgufModel.RestKey(weight.Tensor), rest);
    }

    private static int Place(int row, int head) => head == 0 ? row : row / head * head + row % head % 2 * (head / 2) + row % head / 2;

    private static GgufType TypeOf(GgufMixture mixture, string tensor, int[] shape, DecoderConfig config, bool hasImportance) =>
        mixture.TypeOf(tensor, shape, config.BlockCount, config.HeadCount / config.ResolvedKeyValueHeadCount, config.TieEmbeddings, hasImportance);

    private static void CopyRows(GgufFile file, GgufEntry entry, Stream stream)
    {
        int rowsAtOnce = (int)Math.Max(1, (1 << 22) / Math.Max(1, entry.RowBytes));
        for (long row = 0; row < entry.RowCount; row += rowsAtOnce) stream.Write(file.Rows(entry, row, (int)Math.Min(rowsAtOnce, entry.RowCount - row)));
    }

    // What the folder's tensors are stored as, by parameter.
    private static Dictionary<string, GgufType> StoredTypes(string folder, DecoderConfig config)
    {
        using SafetensorsSet set = SafetensorsSet.Open(folder);
        Dictionary<string, GgufType> types = new(StringComparer.Ordinal);
        foreach (WeightMapping mapping in FamilyCatalogue.For(config).Weights(config))
        {
            if (mapping.Parameter is null || !set.Entries.TryGetValue(mapping.Checkpoint, out SafetensorsEntry? entry)) continue;
            types[mapping.Parameter] = entry.Type switch
            {
                SafetensorsType.F16 => GgufType.F16,
                SafetensorsType.BF16 => GgufType.BF16,
                _ => GgufType.F32,
            };
        }
        return types;
    }

    private static void SetTokenizer(GgufWriter writer, string folder, DecoderConfig config)
    {
        const string Prefix = "tokenizer.ggml.";
        GgufVocabulary vocabulary = GgufVocabulary.FromFolder(folder);
        int missing = config.VocabularySize - vocabulary.Tokens.Count;
        string[] padding = [.. Enumerable.Range(vocabulary.Tokens.Count, Math.Max(0, missing)).Select(static id => $"[PAD{id}]")];
        writer.Set(Prefix + "model", vocabulary.Model);
        writer.Set(Prefix + "pre", vocabulary.PreTokenizer);
        writer.Set(Prefix + "tokens", [.. vocabulary.Tokens, .. padding]);
        if (vocabulary.Scores.Count > 0) writer.Set(Prefix + "scores", [.. vocabulary.Scores, .. padding.Select(static _ => 0f)]);
        writer.Set(Prefix + "token_type", [.. vocabulary.TokenTypes, .. padding.Select(static _ => 5)]);
        if (vocabulary.Merges.Count > 0) writer.Set(Prefix + "merges", vocabulary.Merges);
        if ((config.BeginOfTextId ?? vocabulary.BeginOfTextId) is { } begin) writer.Set(Prefix + "bos_token_id", (uint)begin);
        if ((config.EndOfTextId ?? vocabulary.EndOfTextId) is { } end) writer.Set(Prefix + "eos_token_id", (uint)end);
        if (config.PaddingId is { } pad) writer.Set(Prefix + "padding_token_id", (uint)pad);
        if (vocabulary.Model == "llama") writer.Set(Prefix + "add_space_prefix", vocabulary.AddSpacePrefix);
        if (ChatTemplate.FromFolder(folder) is { } template) writer.Set(TemplateKey, template.Source);
    }
}

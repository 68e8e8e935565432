using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;

namespace Weft.Models.Families.Gguf;

/// <summary>How the products of a quantized model are computed.</summary>
public enum ComputePath
{
    /// <summary>Weights are dequantized to the model's type when they are first used: exact.</summary>
    Exact,

    /// <summary>Weights stay as they are stored; activations are rounded to eight bits: a quarter or less of the memory, and faster.</summary>
    Int8,
}

/// <summary>A model in a GGUF file.</summary>
public static class GgufModel
{
    /// <summary>The architectures that are read; the first that can express a model is the one it is written as.</summary>
    public static IReadOnlyList<GgufFamily> Families { get; } = [new GgufLlama(), new GgufQwen2(), new GgufGemma(), new GgufGpt2()];

    /// <summary>Reads a model. Its weights stay in the mapped file until they are used.</summary>
    /// <param name="file">The file. The model keeps it mapped; do not dispose it while the model is used.</param>
    /// <param name="dtype">The type to compute in.</param>
    /// <param name="path">How quantized weights are used; <see cref="ComputePath.Int8"/> needs Float32.</param>
    /// <exception cref="WeftFileException">The file holds an architecture, a key or a tensor that is not known, or lacks one.</exception>
    public static DecoderModel Load(GgufFile file, DType dtype = DType.Float32, ComputePath path = ComputePath.Exact)
    {
        DecoderConfig config = ReadConfig(file, out GgufFamily family);
        foreach (GgufWeight weight in family.Weights(config)) Require(file, weight.Tensor); // before anything is made: the metadata may lie about sizes
        DecoderModel model = Create(file, config, dtype);
        Dictionary<string, Tensor> parameters = model.Parameters.ToDictionary(static p => p.Name!);
        HashSet<string> used = new(family.Settings(config).Select(static s => s.Tensor), StringComparer.Ordinal);
        foreach (IGrouping<string, GgufWeight> weights in family.Weights(config).GroupBy(static w => w.Parameter))
        {
            if (!parameters.Remove(weights.Key, out Tensor? parameter)) throw new InvalidOperationException($"{family.Architecture}: the model has no parameter '{weights.Key}'.");
            GgufWeight[] parts = [.. weights.OrderBy(static w => w.FirstRow)];
            GgufEntry[] entries = [.. parts.Select(w => Entry(file, w, parameter))];
            foreach (GgufWeight part in parts) used.Add(part.Tensor);
            if (parameter.Rank == 2)
            {
                StoredMatrix matrix = new([.. parts.Zip(entries, (part, entry) => new StoredRows(file, entry, part.PermutedHeadSize))]);
                parameter.KeepStored(matrix, path == ComputePath.Int8);
            }
            else
            {
                parameter.FillOnFirstUse(tensor => ReadVector(file, parts, entries, tensor));
            }
        }
        if (parameters.Count > 0) throw new WeftFileException(file.Path, 0, $"holds nothing for '{parameters.Keys.First()}'.");
        string? unknown = file.Entries.Keys.FirstOrDefault(name => !used.Contains(name));
        if (unknown is not null) throw new WeftFileException(file.Path, file.Entries[unknown].Offset, $"has the tensor '{unknown}', which is not known for '{family.Architecture}' and may change what the model computes.");
        return model;
    }

    /// <summary>The architecture that a model is written as.</summary>
    /// <exception cref="NotSupportedException">None can express it.</exception>
    public static GgufFamily For(DecoderConfig config) => Families.FirstOrDefault(f => f.CanExpress(config))
        ?? throw new NotSupportedException($"This model cannot be written as a GGUF file: its layers are none of {string.Join(", ", Families.Select(static f => f.Architecture))}.");

    /// <summary>Reads the architecture alone.</summary>
    /// <exception cref="WeftFileException">It is not known, or a key is missing, wrong or not understood.</exception>
    public static DecoderConfig ReadConfig(GgufFile file, out GgufFamily family)
    {
        GgufKeys keys = new(file);
        family = Families.FirstOrDefault(f => f.Architecture == keys.Architecture)
            ?? throw new WeftFileException(file.Path, 0, $"the architecture '{keys.Architecture}' is not known; known are {string.Join(", ", Families.Select(static f => f.Architecture))}.");
        DecoderConfig config = family.ReadConfig(keys);
        keys.RefuseUnknown();
        try
        {
            config.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new WeftFileException(file.Path, 0, exception.Message, exception);
        }
        return config;
    }

    private static GgufEntry Entry(GgufFile file, GgufWeight weight, Tensor parameter)
    {
        GgufEntry entry = Require(file, weight.Tensor);
        int[] expected = parameter.Shape.ToArray();
        if (weight.RowCount > 0) expected[0] = weight.RowCount;
        if (!expected.AsSpan().SequenceEqual(entry.Shape))
            throw new WeftFileException(file.Path, entry.Offset, $"the tensor '{entry.Name}' has shape [{string.Join(", ", entry.Shape)}], but the metadata ask for [{string.Join(", ", expected)}].", fault: FileFault.ShapeMismatch);
        if (entry.Type.IsInteger()) throw new WeftFileException(file.Path, entry.Offset, $"the tensor '{entry.Name}' holds {entry.Type}, not weights.", fault: FileFault.BadTensorType);
        return entry;
    }

    private static DecoderModel Create(GgufFile file, DecoderConfig config, DType dtype)
    {
        try
        {
            return new DecoderModel(config, dtype);
        }
        catch (Exception exception) when (exception is ArgumentException or OverflowException)
        {
            throw new WeftFileException(file.Path, 0, $"its metadata ask for a model that cannot be: {exception.Message}", exception, FileFault.BadValue);
        }
    }

    private static GgufEntry Require(GgufFile file, string tensor) =>
        file.Entries.TryGetValue(tensor, out GgufEntry? entry) ? entry : throw new WeftFileException(file.Path, 0, $"lacks the tensor '{tensor}'.");

    /// <summary>The key under which what rounding took from a vector is kept.</summary>
    public static string RestKey(string tensor) => $"weft.rest.{tensor}";

    /// <summary>A vector without what the file has added to it, in the file's order.</summary>
    /// <remarks>
    /// In single precision adding 1 rounds the last bits of a gain away. Weft writes them as metadata, which other programs pass over:
    /// (stored - added) + rest is exactly what it was.
    /// </remarks>
    /// <exception cref="WeftFileException">The rest does not fit the vector.</exception>
    public static float[] ReadVector(GgufFile file, GgufWeight weight, GgufEntry entry)
    {
        float[] values = new float[entry.ElementCount];
        file.ReadAsSingle(entry, values);
        GgufValue? kept = weight.Added != 0 && file.Metadata.TryGetValue(RestKey(weight.Tensor), out GgufValue? found) ? found : null;
        if (kept is not null && (kept.ElementType != GgufValueType.F32 || kept.Count != values.Length))
            throw new WeftFileException(file.Path, kept.Offset, $"'{RestKey(weight.Tensor)}' must hold {values.Length} single-precision numbers, but holds {kept.Count} of type {kept.ElementType}.", fault: FileFault.BadValue);
        ReadOnlySpan<float> rest = kept is null ? [] : System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(kept.RawBytes);
        for (int i = 0; i < values.Length; i++)
        {
            float limit = MathF.BitIncrement(MathF.Abs(values[i])) - MathF.Abs(values[i]);
            values[i] -= weight.Added;
            if (rest.IsEmpty) continue;
            if (!(MathF.Abs(rest[i]) <= limit)) throw new WeftFileException(file.Path, kept!.Offset, $"'{RestKey(weight.Tensor)}' is more than rounding has taken from element {i}.", fault: FileFault.BadValue);
            values[i] += rest[i];
        }
        return values;
    }

    private static void ReadVector(GgufFile file, GgufWeight[] parts, GgufEntry[] entries, Tensor target)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            float[] values = ReadVector(file, parts[i], entries[i]);
            if (parts[i].PermutedHeadSize is > 0 and var head) values = Unpermute(values, head);
            if (target.DType == DType.Float32) values.CopyTo(target.AsSpan<float>()[parts[i].FirstRow..]);
            else for (int j = 0; j < values.Length; j++) target.AsSpan<double>()[parts[i].FirstRow + j] = values[j];
        }
    }

    // As StoredRows does it for rows of matrices.
    private static float[] Unpermute(float[] values, int head) =>
        [.. Enumerable.Range(0, values.Length).Select(row => values[row / head * head + row % head % (head / 2) * 2 + row % head / (head / 2)])];
}

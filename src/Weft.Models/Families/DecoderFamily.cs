using System.Text.Json;
using Weft.Models.Decoder;

namespace Weft.Models.Families;

/// <summary>Where a parameter, or some rows of it, stands in a checkpoint.</summary>
/// <param name="Parameter">The parameter's name in Weft; null for a tensor that only the format needs, which is written as zeros.</param>
/// <param name="Checkpoint">The tensor's name in the checkpoint.</param>
/// <param name="Transposed">Whether the checkpoint holds the matrix as [In, Out].</param>
/// <param name="FirstRow">The first of the rows that this tensor holds.</param>
/// <param name="RowCount">How many rows it holds; 0 means all.</param>
/// <param name="Size">The length of a tensor that only the format needs.</param>
public sealed record WeightMapping(string? Parameter, string Checkpoint, bool Transposed = false, int FirstRow = 0, int RowCount = 0, int Size = 0);

/// <summary>One family of published decoder checkpoints: how its files name what Weft computes.</summary>
public abstract class DecoderFamily
{
    // The release of transformers whose spelling of the keys is followed.
    internal const string TransformersVersion = "5.23.0";

    /// <summary>The value of <c>model_type</c> in <c>config.json</c>.</summary>
    public abstract string ModelType { get; }

    /// <summary>The class that <c>architectures</c> names for a language model.</summary>
    public abstract string Architecture { get; }

    /// <summary>The class that <c>architectures</c> names for a classifier of texts.</summary>
    public abstract string ClassifierArchitecture { get; }

    /// <summary>Whether a model of this architecture can be saved as this family without changing what it computes.</summary>
    public abstract bool CanExpress(DecoderConfig config);

    /// <summary>Reads the architecture.</summary>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A key is missing, wrong or not understood.</exception>
    public abstract DecoderConfig ReadConfig(ConfigReader reader);

    /// <summary>Writes the family's own keys, in any order.</summary>
    public abstract void WriteConfig(ConfigWriter writer, DecoderConfig config);

    /// <summary>Every tensor of a checkpoint.</summary>
    public abstract IEnumerable<WeightMapping> Weights(DecoderConfig config);
}

/// <summary>Collects the keys of a <c>config.json</c> and writes them in alphabetical order, as transformers does.</summary>
public sealed class ConfigWriter
{
    private readonly SortedDictionary<string, Action<Utf8JsonWriter>> _values = new(StringComparer.Ordinal);

    /// <summary>Adds a text, or null.</summary>
    public void Add(string key, string? value) => _values[key] = w => w.WriteStringValue(value);

    /// <summary>Adds a whole number.</summary>
    public void Add(string key, int value) => _values[key] = w => w.WriteNumberValue(value);

    /// <summary>Adds a whole number, or null.</summary>
    public void Add(string key, int? value) => _values[key] = w => WriteNullable(w, value);

    /// <summary>Adds a number; a whole one keeps its decimal point, as Python writes floats.</summary>
    public void Add(string key, double value) => _values[key] = w => w.WriteRawValue(PythonFloat(value));

    /// <summary>Adds a truth value.</summary>
    public void Add(string key, bool value) => _values[key] = w => w.WriteBooleanValue(value);

    /// <summary>Adds a nested value.</summary>
    public void Add(string key, Action<Utf8JsonWriter> write) => _values[key] = write;

    /// <summary>The file's text.</summary>
    public string ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            writer.WriteStartObject();
            foreach ((string key, Action<Utf8JsonWriter> write) in _values)
            {
                writer.WritePropertyName(key);
                write(writer);
            }
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void WriteNullable(Utf8JsonWriter writer, int? value)
    {
        if (value is { } number) writer.WriteNumberValue(number);
        else writer.WriteNullValue();
    }

    private static string PythonFloat(double value)
    {
        string text = value.ToString("R", System.Globalization.CultureInfo.InvariantCulture).Replace("E-", "e-", StringComparison.Ordinal).Replace("E+", "e+", StringComparison.Ordinal);
        return text.AsSpan().ContainsAny(".e") ? text : text + ".0";
    }
}

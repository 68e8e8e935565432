using System.Text.Json;
using Weft.Models.Decoder;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

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

    /// <summary>Reads the architecture.</summary>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A key is missing, wrong or not understood.</exception>
    public abstract DecoderConfig ReadConfig(ConfigReader reader);

    /// <summary>Writes the family's own keys, in any order.</summary>
    public abstract void WriteConfig(ConfigWriter writer, DecoderConfig config);

    /// <summary>Every tensor of a checkpoint.</summary>
    public abstract IEnumerable<WeightMapping> Weights(DecoderConfig config);

    // A linear map: its matrix and, where it has one, its offset.
    private protected static IEnumerable<WeightMapping> Map(string ours, string theirs, bool bias) => Parts(bias).Select(part => new WeightMapping(ours + part, theirs + part));

    // Queries, keys and values as three maps of the checkpoint.
    private protected static IEnumerable<WeightMapping> QueryKeyValueRows(DecoderConfig config, string ours, string theirs)
    {
        int D = config.ResolvedHeadSize, H = config.HeadCount * D, G = config.ResolvedKeyValueHeadCount * D;
        foreach (string part in Parts(config.ResolvedQueryKeyValueBias))
        {
            yield return new(ours + "query_key_value" + part, theirs + "q_proj" + part, FirstRow: 0, RowCount: H);
            yield return new(ours + "query_key_value" + part, theirs + "k_proj" + part, FirstRow: H, RowCount: G);
            yield return new(ours + "query_key_value" + part, theirs + "v_proj" + part, FirstRow: H + G, RowCount: G);
        }
    }

    // Queries, keys and values in one map of the checkpoint, head by head.
    private protected static IEnumerable<WeightMapping> QueryKeyValueByHead(DecoderConfig config, string ours, string theirs)
    {
        int H = config.HeadCount, D = config.ResolvedHeadSize, C = config.HiddenSize;
        yield return new(ours + ".weight", theirs + ".weight", Layout: new([3, H, D, C], [1, 0, 2, 3], [3 * H * D, C]));
        if (config.ResolvedQueryKeyValueBias) yield return new(ours + ".bias", theirs + ".bias", Layout: new([3, H, D], [1, 0, 2], [3 * H * D]));
    }

    private protected static string[] Parts(bool bias) => bias ? [".weight", ".bias"] : [".weight"];

    /// <summary>Whether a model of this architecture can be saved as this family without changing what it computes: whether what is written reads back as the same.</summary>
    public bool CanExpress(DecoderConfig config)
    {
        ConfigWriter writer = new();
        WriteConfig(writer, config);
        ModelDirectory.AddCommonKeys(writer, config, this, Architecture);
        try
        {
            DecoderConfig again = ReadConfig(ConfigReader.Parse(ModelDirectory.ConfigFile, writer.ToJson()));
            return WeftFamily.Meaning(again) == WeftFamily.Meaning(config);
        }
        catch (WeftFileException)
        {
            return false;
        }
    }
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

    /// <summary>Adds a number, or null.</summary>
    public void Add(string key, double? value) => _values[key] = w => WriteNullable(w, value);

    /// <summary>Adds a truth value, or null.</summary>
    public void Add(string key, bool? value) => _values[key] = w =>
    {
        if (value is { } flag) w.WriteBooleanValue(flag);
        else w.WriteNullValue();
    };

    /// <summary>Adds a list of numbers, or null.</summary>
    public void Add(string key, IEnumerable<double>? values) => _values[key] = w => WriteList(w, values, static (w, v) => w.WriteRawValue(PythonFloat(v)));

    /// <summary>Adds a list of whole numbers, or null.</summary>
    public void Add(string key, IEnumerable<int>? values) => _values[key] = w => WriteList(w, values, static (w, v) => w.WriteNumberValue(v));

    /// <summary>Adds a list of truth values, or null.</summary>
    public void Add(string key, IEnumerable<bool>? values) => _values[key] = w => WriteList(w, values, static (w, v) => w.WriteBooleanValue(v));

    /// <summary>Adds a list of texts, or null.</summary>
    public void Add(string key, IEnumerable<string>? values) => _values[key] = w => WriteList(w, values, static (w, v) => w.WriteStringValue(v));

    /// <summary>Adds an object, or null.</summary>
    public void Add(string key, ConfigWriter? section) => _values[key] = w =>
    {
        if (section is null) w.WriteNullValue();
        else section.Write(w);
    };

    /// <summary>Adds a nested value.</summary>
    public void Add(string key, Action<Utf8JsonWriter> write) => _values[key] = write;

    /// <summary>The file's text.</summary>
    public string ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            Write(writer);
        }
        return System.Text.Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach ((string key, Action<Utf8JsonWriter> write) in _values)
        {
            writer.WritePropertyName(key);
            write(writer);
        }
        writer.WriteEndObject();
    }

    private static void WriteList<T>(Utf8JsonWriter writer, IEnumerable<T>? values, Action<Utf8JsonWriter, T> write)
    {
        if (values is null)
        {
            writer.WriteNullValue();
            return;
        }
        writer.WriteStartArray();
        foreach (T value in values) write(writer, value);
        writer.WriteEndArray();
    }

    private static void WriteNullable(Utf8JsonWriter writer, int? value)
    {
        if (value is { } number) writer.WriteNumberValue(number);
        else writer.WriteNullValue();
    }

    private static void WriteNullable(Utf8JsonWriter writer, double? value)
    {
        if (value is { } number) writer.WriteRawValue(PythonFloat(number));
        else writer.WriteNullValue();
    }

    private static string PythonFloat(double value)
    {
        string text = value.ToString("R", System.Globalization.CultureInfo.InvariantCulture).Replace("E-", "e-", StringComparison.Ordinal).Replace("E+", "e+", StringComparison.Ordinal);
        return text.AsSpan().ContainsAny(".e") ? text : text + ".0";
    }
}

using System.Text.Json;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>Reads a model's <c>config.json</c> and notices every key that nobody asked about.</summary>
/// <remarks>A key that is not understood may change what the model computes, so it is refused by name instead of ignored.</remarks>
public sealed class ConfigReader
{
    // Keys of every Hugging Face configuration that say nothing about the computation.
    private static readonly HashSet<string> s_inert = new(StringComparer.Ordinal)
    {
        "_name_or_path", "_attn_implementation_autoset", "architectures", "auto_map", "chunk_size_feed_forward", "dtype", "torch_dtype", "transformers_version", "use_cache",
        "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id", "finetuning_task", "id2label", "label2id", "problem_type",
        "initializer_range", "initializer_factor", "output_attentions", "output_hidden_states", "return_dict", "task_specific_params", "tie_word_embeddings", "tokenizer_class",
        "pretraining_tp", "model_type", "keys_to_ignore_at_inference", "max_length", "_commit_hash", "torchscript", "use_bfloat16", "unsloth_version", "unsloth_fixed",
    };

    private readonly JsonElement _root;
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ConfigReader> _sections = new(StringComparer.Ordinal);
    private readonly string _prefix;

    private ConfigReader(string path, JsonElement root, string prefix = "", string? modelType = null)
    {
        Path = path;
        _root = root;
        _prefix = prefix;
        ModelType = modelType ?? (root.TryGetProperty("model_type", out JsonElement type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : "");
    }

    // Named in errors, those of sections too.
    private string ModelType { get; }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Opens a configuration.</summary>
    /// <exception cref="WeftFileException">The file is not a JSON object.</exception>
    public static ConfigReader Open(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        if (!System.Text.Unicode.Utf8.IsValid(bytes)) throw new WeftFileException(path, 0, "is not valid UTF-8.", fault: FileFault.BadUnicode);
        return Parse(path, System.Text.Encoding.UTF8.GetString(bytes));
    }

    /// <summary>Reads a configuration from a text.</summary>
    /// <param name="path">What errors call it.</param>
    /// <param name="json">The text.</param>
    /// <exception cref="WeftFileException">The text is not a JSON object.</exception>
    public static ConfigReader Parse(string path, string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new WeftFileException(path, 0, "is not a JSON object.");
            return new ConfigReader(path, document.RootElement.Clone());
        }
        catch (JsonException exception)
        {
            throw new WeftFileException(path, exception.BytePositionInLine ?? 0, $"is not valid JSON (line {exception.LineNumber + 1}).", exception);
        }
    }

    /// <summary>A text; the fallback where the key is absent or null.</summary>
    public string? Text(string key, string? fallback = null) => Find(key) is not { } value ? fallback : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(key, value, "a text");

    /// <summary>A whole number; the fallback where the key is absent or null.</summary>
    public int? Integer(string key, int? fallback = null) =>
        Find(key) is not { } value ? fallback : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Wrong(key, value, "a whole number");

    /// <summary>A whole number that has to be there.</summary>
    public int RequiredInteger(string key) => Integer(key) ?? throw new WeftFileException(Path, 0, $"lacks the key '{_prefix}{key}'.");

    /// <summary>A number; the fallback where the key is absent or null.</summary>
    public double Number(string key, double fallback) =>
        Find(key) is not { } value ? fallback : value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Wrong(key, value, "a number");

    /// <summary>A truth value; the fallback where the key is absent or null.</summary>
    public bool Flag(string key, bool fallback) => Find(key) is not { } value ? fallback : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(key, value, "true or false"),
    };

    /// <summary>A token id, or the first of a list of them.</summary>
    public int? TokenId(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array ? value.GetArrayLength() == 0 ? null : value[0].GetInt32()
        : Integer(key);

    /// <summary>A number; null where the key is absent or null.</summary>
    public double? OptionalNumber(string key) => Find(key) is null ? null : Number(key, 0);

    /// <summary>A list of numbers; null where the key is absent or null.</summary>
    public IReadOnlyList<double>? Numbers(string key) => List(key, "a list of numbers", static v => v.ValueKind == JsonValueKind.Number ? v.GetDouble() : (double?)null);

    /// <summary>A list of whole numbers; null where the key is absent or null.</summary>
    public IReadOnlyList<int>? Integers(string key) => List(key, "a list of whole numbers", static v => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out int number) ? number : (int?)null);

    /// <summary>A list of truth values; null where the key is absent or null.</summary>
    public IReadOnlyList<bool>? Flags(string key) =>
        List(key, "a list of true and false", static v => v.ValueKind is JsonValueKind.True or JsonValueKind.False ? v.GetBoolean() : (bool?)null);

    /// <summary>A list of texts; null where the key is absent or null.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(static v => v.ValueKind != JsonValueKind.String)) throw Wrong(key, value, "a list of texts");
        return [.. value.EnumerateArray().Select(static v => v.GetString()!)];
    }

    /// <summary>A nested object, whose own unknown keys are refused too; null where the key is absent or null.</summary>
    public ConfigReader? Section(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Wrong(key, value, "an object");
        if (!_sections.TryGetValue(key, out ConfigReader? section)) _sections.Add(key, section = new ConfigReader(Path, value, $"{_prefix}{key}.", ModelType));
        return section;
    }

    /// <summary>Whether the key is there, null or not; it counts as asked about.</summary>
    public bool Has(string key)
    {
        _asked.Add(key);
        return _root.TryGetProperty(key, out _);
    }

    /// <summary>A nested object or array; null where the key is absent or null.</summary>
    public JsonElement? Element(string key) => Find(key);

    /// <summary>Notes keys that are known to have no effect here.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys) _asked.Add(key);
    }

    /// <summary>Refuses a setting that is understood but not built.</summary>
    public WeftFileException Unsupported(string key, string value) => new(Path, 0, $"'{_prefix}{key}' is {value}, which is not supported for model_type '{ModelType}'.");

    /// <summary>The family of a list that <c>model_type</c> names.</summary>
    /// <exception cref="WeftFileException">It names none of them; the message lists them.</exception>
    internal TFamily FamilyAmong<TFamily>(IReadOnlyList<TFamily> families, Func<TFamily, string> modelType) where TFamily : class
    {
        string? type = Text("model_type");
        return families.FirstOrDefault(f => modelType(f) == type) ?? throw new WeftFileException(Path, 0,
            type is null ? "lacks the key 'model_type'." : $"'model_type' is '{type}', which is not known here; known are {string.Join(", ", families.Select(modelType))}.");
    }

    /// <summary>Reads an architecture, refuses keys that were not asked about, and checks the values.</summary>
    /// <exception cref="WeftFileException">A key is missing, wrong or not understood.</exception>
    internal TConfig Read<TFamily, TConfig>(TFamily family, Func<TFamily, ConfigReader, TConfig> read, Action<TConfig> validate)
    {
        TConfig config = read(family, this);
        RefuseUnknown();
        try
        {
            validate(config);
        }
        catch (ArgumentException exception)
        {
            throw new WeftFileException(Path, 0, exception.Message, exception);
        }
        return config;
    }

    /// <summary>Refuses keys that nobody asked about.</summary>
    /// <exception cref="WeftFileException">There is one; the message names it.</exception>
    public void RefuseUnknown()
    {
        foreach (JsonProperty property in _root.EnumerateObject())
        {
            if (_asked.Contains(property.Name) || (_prefix.Length == 0 && s_inert.Contains(property.Name))) continue;
            throw new WeftFileException(Path, 0, $"has the key '{_prefix}{property.Name}', which is not known for model_type '{ModelType}' and may change what the model computes.");
        }
        foreach (ConfigReader section in _sections.Values) section.RefuseUnknown();
    }

    internal JsonElement? Find(string key)
    {
        _asked.Add(key);
        return _root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private IReadOnlyList<T>? List<T>(string key, string expected, Func<JsonElement, T?> one) where T : struct
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(key, value, expected);
        return [.. value.EnumerateArray().Select(v => one(v) ?? throw Wrong(key, value, expected))];
    }

    private WeftFileException Wrong(string key, JsonElement value, string expected) => new(Path, 0, $"'{_prefix}{key}' is {value.GetRawText()}, but must be {expected}.");
}

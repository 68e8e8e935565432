using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Tensors.Files;

namespace Weft.Training;

/// <summary>Reads settings from JSON and from <c>key=value</c>, and says which key was meant when one is unknown.</summary>
public static class ConfigFile
{
    /// <summary>The keys that a configuration can have.</summary>
    public static IReadOnlyList<string> Keys { get; } = [.. TrainingJson.Default.TrainingConfig.Properties.Select(static p => p.Name)];

    /// <summary>Puts a file's settings over a base.</summary>
    /// <exception cref="WeftFileException">The file is not JSON, or a key or value is wrong.</exception>
    public static TrainingConfig Apply(TrainingConfig config, string path)
    {
        JsonObject settings;
        try
        {
            settings = JsonNode.Parse(File.ReadAllBytes(path), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject
                ?? throw new WeftFileException(path, 0, "is not a JSON object of settings.");
        }
        catch (JsonException exception)
        {
            throw new WeftFileException(path, exception.BytePositionInLine ?? 0, $"is not valid JSON: line {exception.LineNumber + 1}.", exception);
        }
        try
        {
            return Merge(config, settings);
        }
        catch (ArgumentException exception)
        {
            throw new WeftFileException(path, 0, exception.Message, exception);
        }
    }

    /// <summary>Puts settings of the form <c>key=value</c> over a base.</summary>
    /// <exception cref="ArgumentException">A setting is not of that form, its key is unknown, or its value is wrong.</exception>
    public static TrainingConfig Apply(TrainingConfig config, IEnumerable<string> settings)
    {
        JsonObject parsed = [];
        foreach (string setting in settings)
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) throw new ArgumentException($"'{setting}' is not of the form key=value.");
            parsed[setting[..equals].Trim()] = Value(setting[(equals + 1)..].Trim());
        }
        return Merge(config, parsed);
    }

    /// <summary>The configuration as JSON, every setting included.</summary>
    public static string ToJson(TrainingConfig config) => JsonSerializer.Serialize(config, TrainingJson.Default.TrainingConfig) + "\n";

    /// <summary>The settings in which two configurations differ: key, first value, second value.</summary>
    public static IEnumerable<(string Key, string First, string Second)> Differences(TrainingConfig a, TrainingConfig b)
    {
        JsonObject first = JsonSerializer.SerializeToNode(a, TrainingJson.Default.TrainingConfig)!.AsObject(), second = JsonSerializer.SerializeToNode(b, TrainingJson.Default.TrainingConfig)!.AsObject();
        foreach ((string key, JsonNode? value) in first)
            if (!JsonNode.DeepEquals(value, second[key])) yield return (key, value?.ToString() ?? "null", second[key]?.ToString() ?? "null");
    }

    private static TrainingConfig Merge(TrainingConfig config, JsonObject settings)
    {
        JsonObject all = JsonSerializer.SerializeToNode(config, TrainingJson.Default.TrainingConfig)!.AsObject();
        foreach ((string key, JsonNode? value) in settings)
        {
            string known = Keys.FirstOrDefault(k => string.Equals(k, key, StringComparison.OrdinalIgnoreCase))
                ?? throw new ArgumentException($"There is no setting '{key}'; did you mean '{Nearest(key)}'?");
            all[known] = value?.DeepClone();
            try
            {
                JsonSerializer.Deserialize(all, TrainingJson.Default.TrainingConfig);
            }
            catch (JsonException)
            {
                Type type = TrainingJson.Default.TrainingConfig.Properties.First(p => p.Name == known).PropertyType;
                throw new ArgumentException($"{known} cannot be '{value}': it must be {Description(type)}.");
            }
        }
        return JsonSerializer.Deserialize(all, TrainingJson.Default.TrainingConfig)!;
    }

    internal static JsonNode? Value(string text)
    {
        // Numbers and truth values are meant as such; everything else is a text.
        if (text.Length > 0 && (char.IsAsciiDigit(text[0]) || text[0] is '-' or 't' or 'f'))
        {
            try
            {
                return JsonNode.Parse(text);
            }
            catch (JsonException)
            {
            }
        }
        return JsonValue.Create(text);
    }

    private static string Description(Type type) =>
        type.IsEnum ? "one of " + string.Join(", ", Enum.GetNames(type).Select(static n => char.ToLowerInvariant(n[0]) + n[1..]))
        : type == typeof(bool) ? "true or false"
        : type == typeof(string) ? "a text"
        : type == typeof(double) || type == typeof(double?) ? "a number"
        : "a whole number";

    private static string Nearest(string key) => Keys.MinBy(k => EditDistance.Of(k, key))!;
}

using System.Text.Json;
using System.Text.Json.Serialization;
using Weft.Tensors.Files;
using Weft.Training.Runs;

namespace Weft.Cli;

/// <summary>What the command knows of a run beyond its settings and measures: kept in the run's folder, so that its report can be written again.</summary>
internal sealed record RunFacts
{
    /// <summary>The full path of the text; null for the embedded stories.</summary>
    public string? Text { get; init; }

    /// <summary>What the run learns from, in a few words.</summary>
    public string? Description { get; init; }

    /// <summary>The source's own loss, where it is known.</summary>
    public double? EntropyFloor { get; init; }

    /// <summary>UTF-8 bytes per held-out token.</summary>
    public double? BytesPerToken { get; init; }

    /// <summary>The number of weights.</summary>
    public long? ParameterCount { get; init; }

    /// <summary>The command line that began the run or went on with it last.</summary>
    public string? Command { get; init; }

    /// <summary>The best model's loss on all held-out text, once the run has ended.</summary>
    public double? HeldOutLoss { get; init; }

    internal void Save(RunDirectory directory) => AtomicFile.WriteText(directory.Source, JsonSerializer.Serialize(this, RunFactsJson.Default.RunFacts) + "\n");

    /// <summary>Reads the facts; a folder without them gives none.</summary>
    /// <exception cref="WeftFileException">The file is damaged.</exception>
    internal static RunFacts Load(RunDirectory directory)
    {
        if (!File.Exists(directory.Source)) return new RunFacts();
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(directory.Source), RunFactsJson.Default.RunFacts) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            throw new WeftFileException(directory.Source, 0, "is damaged; name the text again: weft train TEXT --resume.", exception);
        }
    }
}

/// <summary>How <see cref="RunFacts"/> are written.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NewLine = "\n", NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunFacts))]
internal sealed partial class RunFactsJson : JsonSerializerContext;

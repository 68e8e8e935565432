using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Guide.Reproduce;

/// <summary>Writes a report as JSON for programs.</summary>
/// <remarks>Bounds that do not exist are null. A measured value that is not a finite number is the string "NaN", "Infinity" or "-Infinity".</remarks>
public static class ReportJson
{
    /// <summary>Writes the report as one indented object with a line end.</summary>
    public static void Write(ReproduceReport report, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(writer);
        ReportDocument document = new(report.Version, report.Machine, report.Passed, [.. report.Runs.Select(Document)]);
        writer.Write(JsonSerializer.Serialize(document, ReportJsonContext.Default.ReportDocument) + "\n");
    }

    private static RunDocument Document(ExperimentRun run) =>
        new(run.Experiment.Name, run.Experiment.Claim, run.Experiment.Source, run.Experiment.Procedure,
            run.Experiment.Pace, run.Passed, run.Seconds, run.Error,
            [.. run.Results.Select(result => new FigureDocument(
                result.Expected.Name, result.Expected.Unit, Bound(result.Expected.Minimum), Bound(result.Expected.Maximum),
                result.Measured, result.Agrees, result.Expected.Why))]);

    private static double? Bound(double value) => double.IsInfinity(value) ? null : value;
}

internal sealed record ReportDocument(string Version, string Machine, bool Passed, RunDocument[] Experiments);

internal sealed record RunDocument(
    string Name, string Claim, string Source, string Procedure, ExperimentPace Pace, bool Passed, double Seconds, string? Error, FigureDocument[] Figures);

internal sealed record FigureDocument(string Name, string Unit, double? Minimum, double? Maximum, double Measured, bool Agrees, string Why);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n", UseStringEnumConverter = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(ReportDocument))]
internal sealed partial class ReportJsonContext : JsonSerializerContext;

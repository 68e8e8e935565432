using System.Globalization;
using System.Text.Json;
using Weft.Training;
using Weft.Training.Runs;

namespace Weft.Cli;

/// <summary>Puts a run's page together from what lies in its folder.</summary>
internal static class RunReports
{
    /// <summary>Writes the page and says what the curves show.</summary>
    internal static (MetricHistory Metrics, FitDiagnosis Fit) Write(RunDirectory directory)
    {
        TrainingConfig config = TrainingRun.LoadConfig(directory);
        RunFacts facts = RunFacts.Load(directory);
        MetricHistory metrics = MetricsLog.Read(directory.Metrics);
        FitDiagnosis fit = FitDiagnosis.Of(metrics, facts.EntropyFloor);
        double? best = facts.HeldOutLoss ?? metrics.Points.Min(static p => p.ValidationLoss);
        RunReport.Write(directory.Report, new RunSummary
        {
            Title = Path.GetFileName(Path.GetFullPath(directory.Path).TrimEnd(Path.DirectorySeparatorChar)),
            Subtitle = facts.Description,
            Started = new DateTimeOffset(File.GetLastWriteTimeUtc(Path.Combine(directory.Model, "tokenizer.json")), TimeSpan.Zero), // written once, at the beginning
            Metrics = metrics,
            ParameterCount = facts.ParameterCount,
            BestValidationLoss = best,
            BitsPerByte = best / facts.BytesPerToken / Math.Log(2),
            FloorLoss = facts.EntropyFloor,
            Diagnosis = best is { } loss && facts.EntropyFloor is { } floor
                ? string.Create(CultureInfo.InvariantCulture, $"{fit} The source's own loss on this held-out text is known exactly: {floor:F4} nats per token. The model is {loss - floor:F4} nats per token above that floor.")
                : fit.ToString(),
            Samples = File.Exists(directory.Samples) ? SampleLog.Read(directory.Samples) : [],
            Settings = Settings(config),
            Machine = MachineDescription.Collect(),
            Command = facts.Command,
        });
        return (metrics, fit);
    }

    private static List<KeyValuePair<string, string>> Settings(TrainingConfig config)
    {
        using JsonDocument json = JsonDocument.Parse(ConfigFile.ToJson(config));
        return [.. json.RootElement.EnumerateObject().Select(static p => KeyValuePair.Create(p.Name, p.Value.ToString()))];
    }

    /// <summary>The command line without the path of the program, which says nothing to others.</summary>
    internal static string Shown(string command)
    {
        int end = command.IndexOf(" train", StringComparison.Ordinal);
        return "weft" + (end < 0 ? " train" : command[end..]).ToString(CultureInfo.InvariantCulture);
    }
}

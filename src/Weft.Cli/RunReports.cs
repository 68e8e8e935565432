using System.Globalization;
using System.Text.Json;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Runs;

namespace Weft.Cli;

/// <summary>Puts a run's page together from what lies in its folder.</summary>
internal static class RunReports
{
    internal static void Write(RunDirectory directory, TrainingRun run, Corpus corpus, RunOutcome outcome, string command)
    {
        MetricHistory metrics = MetricsLog.Read(directory.Metrics);
        double? best = outcome.Completed ? outcome.HeldOutLoss : metrics.Points.Min(static p => p.ValidationLoss);
        RunReport.Write(directory.Report, new RunSummary
        {
            Title = Path.GetFileName(Path.GetFullPath(directory.Path)),
            Subtitle = corpus.Description,
            Started = new DateTimeOffset(File.GetLastWriteTimeUtc(Path.Combine(directory.Model, "tokenizer.json")), TimeSpan.Zero), // written once, at the beginning
            Metrics = metrics,
            ParameterCount = run.Model.ParameterCount,
            BestValidationLoss = best,
            BitsPerByte = best / corpus.BytesPerToken / Math.Log(2),
            TokenCount = outcome.Step * run.Config.BatchSize * run.Config.ContextLength * run.Config.AccumulationSteps,
            Seconds = outcome.Seconds,
            FloorLoss = corpus.EntropyFloor,
            Diagnosis = best is { } loss && corpus.EntropyFloor is { } floor
                ? string.Create(CultureInfo.InvariantCulture, $"The source's own loss on this held-out text is known exactly: {floor:F4} nats per token. The model is {loss - floor:F4} nats per token above that floor.")
                : null,
            Samples = SampleLog.Read(directory.Samples),
            Settings = Settings(run.Config),
            Machine = MachineDescription.Collect(),
            Command = Shown(command),
        });
    }

    private static List<KeyValuePair<string, string>> Settings(TrainingConfig config)
    {
        using JsonDocument json = JsonDocument.Parse(ConfigFile.ToJson(config));
        return [.. json.RootElement.EnumerateObject().Select(static p => KeyValuePair.Create(p.Name, p.Value.ToString()))];
    }

    // The path of the program says nothing to others.
    private static string Shown(string command)
    {
        int end = command.IndexOf(" train", StringComparison.Ordinal);
        return "weft" + (end < 0 ? " train" : command[end..]).ToString(CultureInfo.InvariantCulture);
    }
}

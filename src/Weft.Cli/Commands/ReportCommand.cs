using System.CommandLine;
using Weft.Cli.Terminal;
using Weft.Training.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft report</c>: says from a run's curves how it fits, and what to try.</summary>
internal static class ReportCommand
{
    internal static Command Create()
    {
        Argument<string?> run = new("run") { Description = "A run's folder. Default: the newest in ./runs.", Arity = ArgumentArity.ZeroOrOne };
        Command command = new("report", "Say whether a run underfits, overfits, diverges or has converged; write its page anew.") { run };
        command.SetAction(parsed => Show(parsed.GetValue(run)));
        return command.WithExamples("weft report", "weft report runs/my-run");
    }

    private static int Show(string? path)
    {
        RunDirectory directory = path is null ? RunFolders.Newest() : new RunDirectory(path);
        if (!directory.Exists) throw new FileNotFoundException($"{directory.Path} holds no run: a run's folder has training.json and metrics.jsonl.");
        (MetricHistory metrics, FitDiagnosis fit) = RunReports.Write(directory);
        Console.WriteLine(directory.Path);
        Console.WriteLine();
        Console.Write(TextChart.Draw(
        [
            new("training loss", '.', Points(metrics, static p => p.Loss)),
            new("held-out loss", 'o', Points(metrics, static p => p.ValidationLoss)),
        ]));
        Console.WriteLine();
        Console.WriteLine($"{fit.Sentence} {fit.Reason}");
        if (fit.Advice.Count > 0) Console.WriteLine("What to try:");
        foreach (string advice in fit.Advice) Console.WriteLine($"  - {advice}");
        Console.WriteLine($"Report: {directory.Report}");
        return 0;
    }

    private static List<(double X, double Y)> Points(MetricHistory metrics, Func<MetricPoint, double?> measure) =>
        [.. metrics.Points.Where(p => measure(p) is not null).Select(p => ((double)p.Step, measure(p)!.Value))];
}

using System.CommandLine;
using Spectre.Console;
using Weft.Cli.Terminal;
using Weft.Guide.Reproduce;
using Weft.Tensors.Files;

namespace Weft.Cli.Commands;

/// <summary><c>weft reproduce</c>: runs the guide's claims and compares what comes out with what should.</summary>
internal static class ReproduceCommand
{
    internal static Command Create()
    {
        Argument<string[]> names = new("names") { Description = "Experiments to run, or all, or quick. Without a name: list them.", Arity = ArgumentArity.ZeroOrMore };
        Option<string?> json = new("--json") { Description = "Also write the results to this file as JSON; - prints them." };
        Option<string?> markdown = new("--markdown") { Description = "Also write the results to this file as Markdown; - prints them." };
        Option<int?> threads = Shared.Threads();
        Command command = new("reproduce", "Run the guide's experiments: measured against expected. Exits 1 if one is off.") { names, json, markdown, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            string[] asked = parsed.GetValue(names) ?? [];
            return asked.Length == 0 ? List() : CommandLine.Interruptible(stop => Run(Choose(asked), parsed.GetValue(json), parsed.GetValue(markdown), stop));
        });
        return command.WithExamples("weft reproduce", "weft reproduce quick", "weft reproduce story-entropy --json results.json");
    }

    private static int List()
    {
        Table table = new() { Border = TableBorder.Simple };
        table.AddColumn(new TableColumn("name").NoWrap());
        table.AddColumn("claim");
        table.AddColumn(new TableColumn("time").NoWrap().RightAligned());
        foreach (Experiment experiment in ExperimentCatalogue.All)
            table.AddRow(Markup.Escape(experiment.Name), Markup.Escape(experiment.Claim), $"{experiment.ExpectedSeconds:0} s{(experiment.Pace == ExperimentPace.Nightly ? ", nightly" : "")}");
        AnsiConsole.Write(table);
        Console.WriteLine("Run them with: weft reproduce NAME | quick | all    (quick: all that are not nightly)");
        return 0;
    }

    private static List<Experiment> Choose(string[] names)
    {
        List<Experiment> chosen = [];
        foreach (string name in names)
        {
            chosen.AddRange(name switch
            {
                "all" => ExperimentCatalogue.All,
                "quick" => ExperimentCatalogue.OfPace(ExperimentPace.Quick),
                _ => [ExperimentCatalogue.Find(name) ?? throw new UsageException($"There is no experiment '{name}'; 'weft reproduce' lists those there are.")],
            });
        }
        foreach (Experiment experiment in chosen.Where(static e => e.Missing is not null))
        {
            if (names.Contains(experiment.Name)) throw new UsageException($"{experiment.Name}: {experiment.Missing}");
            Console.Error.WriteLine($"left out: {experiment.Name}: {experiment.Missing}");
        }
        return [.. chosen.Distinct().Where(static e => e.Missing is null)];
    }

    private static int Run(List<Experiment> experiments, string? json, string? markdown, CancellationToken stop)
    {
        if (experiments.Count == 1 && json != "-" && markdown != "-") Explain(experiments[0]);
        using ProgressLine line = new();
        ReproduceReport report = ReproduceReport.Run(experiments, new LineProgress(line), cancellation: stop);
        line.Dispose();
        if (json == "-") ReportJson.Write(report, Console.Out);
        else if (markdown == "-") ReportMarkdown.Write(report, Console.Out);
        else ReportText.Write(report, Console.Out);
        if (json is not null and not "-") AtomicFile.WriteText(json, Text(report, ReportJson.Write));
        if (markdown is not null and not "-") AtomicFile.WriteText(markdown, Text(report, ReportMarkdown.Write));
        return report.Passed ? 0 : CommandLine.Failed;
    }

    private static void Explain(Experiment experiment)
    {
        Console.WriteLine($"Claim:  {experiment.Claim}");
        Console.WriteLine($"Source: {experiment.Source}");
        Console.WriteLine($"Runs:   {experiment.Procedure}");
        Console.WriteLine();
    }

    private static string Text(ReproduceReport report, Action<ReproduceReport, TextWriter> write)
    {
        using StringWriter writer = new();
        write(report, writer);
        return writer.ToString();
    }

    private sealed class LineProgress(ProgressLine line) : IProgress<string>
    {
        public void Report(string value)
        {
            if (line.IsDue && !Console.IsOutputRedirected) line.Show(value);
        }
    }
}

using System.Globalization;

namespace Weft.Guide.Reproduce;

/// <summary>Writes a report as Markdown: a table, then for each experiment what is claimed, from where, what ran and why that figure.</summary>
public static class ReportMarkdown
{
    /// <summary>Writes the report. Lines end with a line feed on every platform, so that a committed report does not change by itself.</summary>
    public static void Write(ReproduceReport report, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(writer);
        Line("# Reproduction report");
        Line();
        Line(Escape(report.Summary));
        Line();
        Line("| | experiment | figure | expected | measured | seconds |");
        Line("| --- | --- | --- | --- | ---: | ---: |");
        foreach (ExperimentRun run in report.Runs)
        {
            string seconds = run.Seconds.ToString("F1", CultureInfo.InvariantCulture);
            if (run.Error is not null) Row("FAIL", run.Experiment.Name, run.Error, "", "", seconds);
            foreach (FigureResult result in run.Results)
                Row(result.Agrees ? "ok" : "FAIL", run.Experiment.Name, result.Expected.Name,
                    $"{result.Expected.Range} {result.Expected.Unit}".TrimEnd(), ExpectedFigure.Format(result.Measured), seconds);
        }
        foreach (Experiment experiment in report.Runs.Select(run => run.Experiment))
        {
            Line();
            Line($"## {experiment.Name}");
            Line();
            Line(Escape(experiment.Claim));
            Line();
            Line($"- Source: {Escape(experiment.Source)}");
            Line($"- What runs: {Escape(experiment.Procedure)}");
            foreach (ExpectedFigure figure in experiment.Figures)
                Line($"- Expected {Escape(figure.Name)}: {Escape($"{figure.Range} {figure.Unit}".TrimEnd())}. {Escape(figure.Why)}");
        }

        void Row(params string[] cells) => Line($"| {string.Join(" | ", cells.Select(Escape))} |");
        void Line(string text = "") => writer.Write(text + "\n");
    }

    // A bar would end a table cell, a line end the table, and < would begin HTML.
    private static string Escape(string text) =>
        text.Replace("\r", "", StringComparison.Ordinal).Replace('\n', ' ').Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}

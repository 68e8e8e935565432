using System.Globalization;

namespace Weft.Guide.Reproduce;

/// <summary>Writes a report as a plain table, one line a figure, for a console without colours or a log.</summary>
public static class ReportText
{
    /// <summary>Writes the report.</summary>
    public static void Write(ReproduceReport report, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(writer);
        List<string[]> rows = [["", "experiment", "figure", "expected", "measured", "seconds"]];
        foreach (ExperimentRun run in report.Runs)
        {
            string seconds = run.Seconds.ToString("F1", CultureInfo.InvariantCulture);
            if (run.Error is not null) rows.Add(["FAIL", run.Experiment.Name, run.Error, "", "", seconds]);
            for (int i = 0; i < run.Results.Count; i++)
            {
                FigureResult result = run.Results[i];
                rows.Add(
                [
                    result.Agrees ? "ok" : "FAIL",
                    i == 0 ? run.Experiment.Name : "",
                    result.Expected.Name,
                    $"{result.Expected.Range} {result.Expected.Unit}".TrimEnd(),
                    ExpectedFigure.Format(result.Measured),
                    i == 0 ? seconds : "",
                ]);
            }
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
            writer.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        writer.WriteLine();
        writer.WriteLine(report.Summary);
    }
}

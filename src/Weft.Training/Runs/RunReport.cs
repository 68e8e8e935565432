using System.Globalization;
using System.Text;
using Weft.Tensors.Files;

namespace Weft.Training.Runs;

/// <summary>Writes a run's report: one HTML page that needs nothing beside it.</summary>
/// <remarks>
/// Style, script and pictures are inside the page, and it forbids itself every request, so it opens offline and can be mailed.
/// The curves are SVG, complete without script; script adds the label under the pointer. Every text is escaped: samples are
/// what a model wrote, and a model writes anything.
/// </remarks>
public static class RunReport
{
    /// <summary>Writes the page beside its target and renames it over.</summary>
    /// <exception cref="IOException">The file could not be written; an older one is untouched.</exception>
    public static void Write(string path, RunSummary summary) => AtomicFile.WriteText(path, Create(summary));

    /// <summary>The page as text.</summary>
    public static string Create(RunSummary summary)
    {
        ArgumentNullException.ThrowIfNull(summary);
        RunFigures figures = new(summary);
        StringBuilder html = new(1 << 16);
        html.Append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n");
        html.Append(CultureInfo.InvariantCulture, $"<title>{E(summary.Title)}</title>\n<style>\n{RunReportPage.Style}\n</style>\n</head>\n<body>\n<main>\n");

        html.Append(CultureInfo.InvariantCulture, $"<header>\n<div class=\"brand\">{RunReportPage.Mark}<span>Weft training run</span></div>\n<h1>{E(summary.Title)}</h1>\n");
        string started = summary.Started is DateTimeOffset time ? "Started " + time.ToString(time.Offset == TimeSpan.Zero ? "d MMMM yyyy, HH:mm 'UTC'" : "d MMMM yyyy, HH:mm 'UTC'zzz", CultureInfo.InvariantCulture) + "." : "";
        if (summary.Subtitle is not null || started.Length > 0) html.Append(CultureInfo.InvariantCulture, $"<p>{E($"{summary.Subtitle} {started}".Trim())}</p>\n");
        html.Append("</header>\n");

        WriteTiles(html, summary, figures);
        if (figures.FirstNotFinite is long step)
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"diagnosis alarm\"><b>The loss stopped being a number</b>From step {step:#,0} on, at least one training loss is NaN or infinite.</p>\n");
        if (!string.IsNullOrWhiteSpace(summary.Diagnosis))
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"diagnosis\"><b>What the curves say</b>{E(summary.Diagnosis)}</p>\n");

        WriteCharts(html, summary, figures);
        WriteSamples(html, summary.Samples);
        if (!string.IsNullOrWhiteSpace(summary.Command))
            html.Append(CultureInfo.InvariantCulture, $"<h2>Repeat this run</h2>\n<div class=\"command\"><pre>{E(summary.Command)}</pre><button type=\"button\">copy</button></div>\n");
        if (summary.Settings.Count + summary.Machine.Count > 0)
        {
            html.Append("<div class=\"tables\">\n");
            WriteTable(html, "Settings", summary.Settings);
            WriteTable(html, "Machine", summary.Machine);
            html.Append("</div>\n");
        }
        html.Append("<footer>Losses are means in nats per token. Perplexity is e to the loss. This page loads nothing from anywhere.</footer>\n");
        html.Append(CultureInfo.InvariantCulture, $"</main>\n<script>\n{RunReportPage.Script}\n</script>\n</body>\n</html>\n");
        return html.ToString();
    }

    private static void WriteTiles(StringBuilder html, RunSummary summary, RunFigures figures)
    {
        List<(string Label, string Value, string Unit, string Note)> tiles = [];
        if (figures.BestValidationLoss is double best)
        {
            string at = figures.BestValidationStep is long step ? string.Create(CultureInfo.InvariantCulture, $"at step {step:#,0}") : "";
            tiles.Add(("Best validation loss", ReportText.Loss(best), "nats", at));
            tiles.Add(("Perplexity", ReportText.Loss(Math.Exp(best)), "", "on held-out text"));
        }
        if (summary.BitsPerByte is double bits) tiles.Add(("Bits per byte", ReportText.Loss(bits), "", "on held-out text"));
        if (figures.LastTrainingLoss is double loss) tiles.Add(("Training loss", ReportText.Loss(loss), "nats", "at the end, smoothed"));
        if (figures.Tokens is long tokens) tiles.Add(("Tokens seen", ReportText.Count(tokens), "", figures.LastStep is long last ? string.Create(CultureInfo.InvariantCulture, $"in {last:#,0} steps") : ""));
        if (figures.TokensPerSecond is double speed) tiles.Add(("Speed", ReportText.Count(speed), "tokens/s", "on average"));
        if (figures.Seconds is double seconds) tiles.Add(("Time", ReportText.Duration(seconds), "", "of training"));
        if (summary.ParameterCount is long parameters) tiles.Add(("Parameters", ReportText.Count(parameters), "", string.Create(CultureInfo.InvariantCulture, $"{parameters:#,0}")));
        if (tiles.Count == 0) return;

        int columns = tiles.Count <= 5 ? tiles.Count : (tiles.Count + 1) / 2;
        html.Append(CultureInfo.InvariantCulture, $"<section class=\"tiles\" style=\"--columns: {columns}\" aria-label=\"Figures of the run\">\n");
        for (int i = 0; i < tiles.Count; i++)
        {
            (string label, string value, string unit, string note) = tiles[i];
            string lead = i == 0 && figures.BestValidationLoss is not null ? " lead" : "";
            html.Append(CultureInfo.InvariantCulture, $"<div class=\"tile{lead}\"><div class=\"label\">{label}</div><div class=\"value\">{value}{(unit.Length > 0 ? $" <small>{unit}</small>" : "")}</div><div class=\"note\">{(note.Length > 0 ? note : "&nbsp;")}</div></div>\n");
        }
        html.Append("</section>\n");
    }

    private static void WriteCharts(StringBuilder html, RunSummary summary, RunFigures figures)
    {
        if (figures.LossChart(summary) is LineChart loss)
        {
            html.Append("<h2>Curves</h2>\n");
            loss.Write(html, "loss");
        }
        List<LineChart> small = figures.SmallCharts();
        if (small.Count == 0) return;
        html.Append("<div class=\"charts\">\n");
        for (int i = 0; i < small.Count; i++) small[i].Write(html, string.Create(CultureInfo.InvariantCulture, $"chart-{i + 1}"));
        html.Append("</div>\n");
    }

    // The newest first and open: it shows what the model can do now; the older ones show the way there.
    private static void WriteSamples(StringBuilder html, IReadOnlyList<RunSample> samples)
    {
        if (samples.Count == 0) return;
        html.Append("<h2>What it wrote</h2>\n");
        for (int i = samples.Count - 1; i >= 0; i--)
        {
            RunSample sample = samples[i];
            string open = i >= samples.Count - 2 ? " open" : "";
            string start = (sample.Prompt + sample.Text).Trim();
            html.Append(CultureInfo.InvariantCulture, $"<details class=\"sample\"{open}><summary><b>step {sample.Step:#,0}</b><span>{E(start[..Math.Min(start.Length, 120)].ReplaceLineEndings(" "))}</span></summary><pre>");
            if (sample.Prompt.Length > 0) html.Append(CultureInfo.InvariantCulture, $"<mark>{E(sample.Prompt)}</mark>");
            html.Append(CultureInfo.InvariantCulture, $"{E(sample.Text)}</pre></details>\n");
        }
    }

    private static void WriteTable(StringBuilder html, string title, IReadOnlyList<KeyValuePair<string, string>> rows)
    {
        if (rows.Count == 0) return;
        html.Append(CultureInfo.InvariantCulture, $"<section><h2>{title}</h2>\n<table>\n");
        foreach ((string name, string value) in rows) html.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{E(name)}</th><td>{E(value)}</td></tr>\n");
        html.Append("</table></section>\n");
    }

    private static string E(string text) => ReportText.Escape(text);
}

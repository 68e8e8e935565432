using System.Globalization;
using System.Text;
using Weft.Tensors.Files;
using Weft.Training.Schedules;

namespace Weft.Training.Runs;

/// <summary>Shows a range test: the loss over the logarithm of the rate, as a page and in the terminal.</summary>
public static class RateFindingPage
{
    private const int BarWidth = 48;

    /// <summary>Writes the page beside its target and renames it over.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Write(string path, RateFinding finding, string subtitle)
    {
        StringBuilder html = new();
        html.Append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n");
        html.Append(CultureInfo.InvariantCulture, $"<title>Learning rate</title>\n<style>\n{RunReportPage.Style}\n</style>\n</head>\n<body>\n<main>\n");
        html.Append(CultureInfo.InvariantCulture, $"<header>\n<div class=\"brand\">{RunReportPage.Mark}<span>Weft learning-rate test</span></div>\n<h1>{(double.IsNaN(finding.Suggestion) ? "No rate found" : string.Create(CultureInfo.InvariantCulture, $"Begin with {finding.Suggestion:G2}"))}</h1>\n<p>{ReportText.Escape(subtitle)}</p>\n</header>\n");
        html.Append(CultureInfo.InvariantCulture, $"<p class=\"diagnosis\"><b>What the curve says</b>{ReportText.Escape(finding.Reason)}</p>\n<h2>Curve</h2>\n");
        double[] x = [.. finding.Trials.Select(static t => Math.Log10(t.Rate))];
        double first = finding.Trials.Count > 0 ? finding.Trials[0].Smoothed : 1;
        new LineChart
        {
            Title = "Loss by learning rate", Unit = "nats per token", Width = 1000, Height = 360, LogarithmicX = true,
            HighestShown = first * 1.5, // the explosion itself would flatten what matters
            Curves = [new ChartCurve("each batch", "training-raw", x, [.. finding.Trials.Select(static t => t.Loss)], InTooltip: false), new ChartCurve("smoothed", "training", x, [.. finding.Trials.Select(static t => t.Smoothed)], InTooltip: false)],
            Mark = double.IsNaN(finding.Suggestion) ? null : (Math.Log10(finding.Suggestion), Nearest(finding), string.Create(CultureInfo.InvariantCulture, $"{finding.Suggestion:G2}")),
            Caption = "The rate grows with every step (Smith 2017, arXiv:1506.01186).",
        }.Write(html, "rates");
        html.Append(CultureInfo.InvariantCulture, $"</main>\n<script>\n{RunReportPage.Script}\n</script>\n</body>\n</html>\n");
        AtomicFile.WriteText(path, html.ToString());
    }

    /// <summary>The curve in a few lines of text: a bar for the smoothed loss at about sixteen rates.</summary>
    public static IEnumerable<string> Lines(RateFinding finding)
    {
        double[] shown = [.. finding.Trials.Select(static t => t.Smoothed).Where(double.IsFinite)];
        if (shown.Length == 0) yield break;
        double low = shown.Min(), high = Math.Max(finding.Trials[0].Smoothed, low) * 1.1;
        int stride = Math.Max(1, finding.Trials.Count / 16);
        for (int i = 0; i < finding.Trials.Count; i += stride)
        {
            RateTrial trial = finding.Trials[i];
            int bar = (int)Math.Clamp((trial.Smoothed - low) / Math.Max(high - low, 1e-12) * BarWidth, 0, BarWidth);
            bool here = !double.IsNaN(finding.Suggestion) && trial.Rate <= finding.Suggestion && (i + stride >= finding.Trials.Count || finding.Trials[i + stride].Rate > finding.Suggestion);
            yield return string.Create(CultureInfo.InvariantCulture, $"{trial.Rate,9:0.0E+0}  {trial.Smoothed,8:F4}  {new string('#', bar)}{(here ? "  <- begin here" : "")}");
        }
    }

    private static double Nearest(RateFinding finding) => finding.Trials.MinBy(t => Math.Abs(Math.Log(t.Rate / finding.Suggestion))).Smoothed;
}

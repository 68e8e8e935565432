using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Weft.Training.Runs;

/// <summary>One curve of a chart.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Style">Its class in the page's style sheet, which gives colour and weight.</param>
/// <param name="X">Where its points lie, ascending.</param>
/// <param name="Y">Their values; the curve breaks where one is not finite.</param>
/// <param name="Dots">Whether each point is marked.</param>
/// <param name="InTooltip">Whether the hover label shows it.</param>
internal sealed record ChartCurve(string Name, string Style, double[] X, double[] Y, bool Dots = false, bool InTooltip = true);

/// <summary>A line chart as inline SVG that is complete without script; the page's script adds the hover label.</summary>
internal sealed class LineChart
{
    // A picture is about this wide in dots; more points than that cannot be told apart.
    private const int MaximumPoints = 900;

    private const int Left = 58, Right = 18, Top = 14, Bottom = 40;

    public required string Title { get; init; }
    public required string Unit { get; init; }
    public required int Width { get; init; }
    public required int Height { get; init; }
    public required IReadOnlyList<ChartCurve> Curves { get; init; }

    /// <summary>A horizontal line with a name, drawn dashed.</summary>
    public (double Value, string Name)? Floor { get; init; }

    /// <summary>A point that is marked with a ring and a label.</summary>
    public (double X, double Y, string Label)? Mark { get; init; }

    /// <summary>Whether the lowest tick is zero.</summary>
    public bool FromZero { get; init; }

    /// <summary>Whether X holds the decimal logarithms of learning rates rather than steps.</summary>
    public bool LogarithmicX { get; init; }

    /// <summary>Values above this do not widen the vertical range; they are cut off at the frame.</summary>
    public double HighestShown { get; init; } = double.PositiveInfinity;

    /// <summary>Whether curves are named above the picture, where there is more than one.</summary>
    public bool LegendShown { get; init; } = true;

    /// <summary>What a reader must know beside the picture.</summary>
    public string? Caption { get; init; }

    public void Write(StringBuilder html, string id)
    {
        (double x0, double x1) = RangeX();
        (double y0, double y1) = RangeY();
        double stepX = Math.Max(1, NiceStep(x1 - x0, Width / 110)), stepY = NiceStep(y1 - y0, Math.Max(3, Height / 52));
        double grain = stepY / 5; // The range ends on a fifth of a tick: a whole one would leave much of the picture empty.
        y0 = Math.Floor(y0 / grain + 1e-9) * grain;
        y1 = Math.Ceiling(y1 / grain - 1e-9) * grain;
        int firstTick = (int)Math.Ceiling(y0 / stepY - 1e-9), lastTick = (int)Math.Floor(y1 / stepY + 1e-9);
        double innerWidth = Width - Left - Right, innerHeight = Height - Top - Bottom;
        double MapX(double x) => Left + (x - x0) / (x1 - x0) * innerWidth;
        double MapY(double y) => Top + (y1 - y) / (y1 - y0) * innerHeight;

        html.Append(CultureInfo.InvariantCulture, $"<figure class=\"chart\" id=\"{id}\">\n<figcaption><h3>{ReportText.Escape(Title)}</h3><span class=\"unit\">{ReportText.Escape(Unit)}</span>");
        WriteLegend(html);
        html.Append("</figcaption>\n<div class=\"plot\">");
        html.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{ReportText.Escape(Title)}{(LogarithmicX ? "" : " by step")}\">");
        html.Append(CultureInfo.InvariantCulture, $"<defs><clipPath id=\"{id}-clip\"><rect x=\"{Left}\" y=\"{Top - 4}\" width=\"{innerWidth + 5}\" height=\"{innerHeight + 8}\"/></clipPath></defs>\n<g class=\"grid\">");
        for (int i = firstTick; i <= lastTick; i++)
        {
            string at = F(MapY(i * stepY));
            html.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{at}\" y2=\"{at}\"/>");
        }
        html.Append("</g>\n<g class=\"ticks\">");
        for (int i = firstTick; i <= lastTick; i++)
            html.Append(CultureInfo.InvariantCulture, $"<text class=\"ty\" x=\"{Left - 8}\" y=\"{F(MapY(i * stepY) + 4)}\">{Tick(i * stepY, stepY)}</text>");
        for (double x = Math.Ceiling(x0 / stepX) * stepX; x <= x1 + stepX * 1e-6; x += stepX)
            html.Append(CultureInfo.InvariantCulture, $"<line class=\"tick\" x1=\"{F(MapX(x))}\" x2=\"{F(MapX(x))}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom + 5}\"/><text class=\"tx\" x=\"{F(MapX(x))}\" y=\"{Height - Bottom + 19}\">{(LogarithmicX ? string.Create(CultureInfo.InvariantCulture, $"1e{x:0}") : Tick(x, stepX))}</text>");
        html.Append(CultureInfo.InvariantCulture, $"<text class=\"axis\" x=\"{Width - Right}\" y=\"{Height - 5}\">{(LogarithmicX ? "learning rate" : "step")}</text></g>\n");
        html.Append(CultureInfo.InvariantCulture, $"<line class=\"frame\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom}\"/>\n");

        if (Floor is (double floor, string floorName))
        {
            html.Append(CultureInfo.InvariantCulture, $"<g class=\"floor\"><line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{F(MapY(floor))}\" y2=\"{F(MapY(floor))}\"/>");
            html.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + 8}\" y=\"{F(MapY(floor) - 6)}\">{ReportText.Escape(floorName)} {ReportText.Loss(floor)}</text></g>\n");
        }

        html.Append(CultureInfo.InvariantCulture, $"<g clip-path=\"url(#{id}-clip)\">\n");
        List<ChartCurve> drawn = [.. Curves.Select(curve => curve.Dots ? curve : Thin(curve))];
        foreach (ChartCurve curve in drawn) WriteCurve(html, curve, MapX, MapY);
        html.Append("</g>\n");

        if (Mark is (double markX, double markY, string label))
        {
            bool right = MapX(markX) > Left + innerWidth * 0.75, low = MapY(markY) > Top + innerHeight - 26;
            html.Append(CultureInfo.InvariantCulture, $"<g class=\"mark\"><circle cx=\"{F(MapX(markX))}\" cy=\"{F(MapY(markY))}\" r=\"6\"/>");
            html.Append(CultureInfo.InvariantCulture, $"<text x=\"{F(MapX(markX) + (right ? -4 : 4))}\" y=\"{F(MapY(markY) + (low ? -14 : 22))}\" text-anchor=\"{(right ? "end" : "start")}\">{ReportText.Escape(label)}</text></g>\n");
        }
        html.Append("<g class=\"hover\"></g></svg><div class=\"tip\" hidden></div></div>\n");
        if (Caption is not null) html.Append(CultureInfo.InvariantCulture, $"<p class=\"caption\">{ReportText.Escape(Caption)}</p>\n");
        html.Append(CultureInfo.InvariantCulture, $"<script type=\"application/json\">{Json(drawn, [x0, x1, y0, y1])}</script>\n</figure>\n");
    }

    private void WriteLegend(StringBuilder html)
    {
        if (!LegendShown || Curves.Count < 2) return;
        html.Append("<span class=\"legend\">");
        foreach (ChartCurve curve in Curves)
            html.Append(CultureInfo.InvariantCulture, $"<span><i class=\"key {curve.Style}\"></i>{ReportText.Escape(curve.Name)}</span>");
        html.Append("</span>");
    }

    private static void WriteCurve(StringBuilder html, ChartCurve curve, Func<double, double> mapX, Func<double, double> mapY)
    {
        html.Append(CultureInfo.InvariantCulture, $"<path class=\"curve {curve.Style}\" d=\"");
        bool down = false;
        for (int i = 0; i < curve.X.Length; i++)
        {
            if (!double.IsFinite(curve.Y[i])) { down = false; continue; }
            html.Append(down ? 'L' : 'M').Append(F(mapX(curve.X[i]))).Append(' ').Append(F(mapY(curve.Y[i])));
            down = true;
        }
        html.Append("\"/>\n");
        if (!curve.Dots || curve.X.Length > 80) return;
        html.Append(CultureInfo.InvariantCulture, $"<g class=\"dots {curve.Style}\">");
        for (int i = 0; i < curve.X.Length; i++)
            if (double.IsFinite(curve.Y[i])) html.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{F(mapX(curve.X[i]))}\" cy=\"{F(mapY(curve.Y[i]))}\" r=\"2.6\"/>");
        html.Append("</g>\n");
    }

    // Of each stretch of points the lowest and the highest are kept, in their order, so that no peak is lost.
    private static ChartCurve Thin(ChartCurve curve)
    {
        if (curve.X.Length <= MaximumPoints) return curve;
        List<double> xs = [], ys = [];
        int stretches = MaximumPoints / 2;
        for (int s = 0; s < stretches; s++)
        {
            int from = (int)((long)curve.X.Length * s / stretches), to = (int)((long)curve.X.Length * (s + 1) / stretches);
            int low = from, high = from;
            bool broken = false;
            for (int i = from; i < to; i++)
            {
                broken |= !double.IsFinite(curve.Y[i]);
                if (!(curve.Y[i] >= curve.Y[low])) low = i;
                if (!(curve.Y[i] <= curve.Y[high])) high = i;
            }
            if (broken) low = high = Array.FindIndex(curve.Y, from, y => !double.IsFinite(y));
            foreach (int i in low == high ? (int[])[low] : [Math.Min(low, high), Math.Max(low, high)])
            {
                xs.Add(curve.X[i]);
                ys.Add(curve.Y[i]);
            }
        }
        return curve with { X = [.. xs], Y = [.. ys] };
    }

    private (double, double) RangeX()
    {
        IEnumerable<double> all = Curves.SelectMany(curve => curve.X);
        double low = LogarithmicX ? all.DefaultIfEmpty(0).Min() : Math.Min(0, all.DefaultIfEmpty(0).Min()), high = all.DefaultIfEmpty(1).Max();
        return (low, high > low ? high : low + 1);
    }

    private (double, double) RangeY()
    {
        List<double> values = [];
        foreach (ChartCurve curve in Curves)
            for (int i = 0; i < curve.Y.Length; i++)
                if (double.IsFinite(curve.Y[i]) && curve.Y[i] <= HighestShown) values.Add(curve.Y[i]);
        if (Floor is (double floor, _)) values.Add(floor);
        if (FromZero) values.Add(0);
        double low = values.DefaultIfEmpty(0).Min(), high = values.DefaultIfEmpty(1).Max();
        if (high - low <= 1e-12 * Math.Max(Math.Abs(low), Math.Abs(high))) (low, high) = high > 0 ? (0, high * 1.2) : (low - 1, high + 1);
        return (low, high);
    }

    // 1, 2 or 5 times a power of ten, so that about `count` ticks fit.
    private static double NiceStep(double range, int count)
    {
        double raw = range / Math.Max(1, count), power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        return (raw / power) switch { <= 1 => power, <= 2 => 2 * power, <= 5 => 5 * power, _ => 10 * power };
    }

    private static string Tick(double value, double step)
    {
        if (Math.Abs(value) < step * 1e-6) return "0";
        if (step >= 1000) return Math.Abs(value) < 1e6 ? value.ToString("#,0", CultureInfo.InvariantCulture) : ReportText.Count(value);
        int digits = 1 + Math.Max(0, (int)Math.Floor(Math.Log10(Math.Abs(value)) + 1e-9) - (int)Math.Floor(Math.Log10(step) + 1e-9));
        return ReportText.Significant(value, digits);
    }

    private static string F(double value) => Math.Clamp(value, -9999, 9999).ToString("0.#", CultureInfo.InvariantCulture);

    // The writer's default encoder escapes < and >, so no name can end the script element.
    private string Json(List<ChartCurve> curves, double[] range)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            Numbers("range", range, "R");
            Numbers("box", [Left, Width - Right, Top, Height - Bottom]);
            json.WriteStartArray("curves");
            foreach (ChartCurve curve in curves.Where(curve => curve.InTooltip))
            {
                json.WriteStartObject();
                json.WriteString("name", curve.Name);
                json.WriteString("style", curve.Style);
                Numbers("x", curve.X, "R");
                Numbers("y", curve.Y);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();

            void Numbers(string name, double[] values, string format = "G6")
            {
                json.WriteStartArray(name);
                foreach (double value in values)
                {
                    if (double.IsFinite(value)) json.WriteRawValue(value.ToString(format, CultureInfo.InvariantCulture));
                    else json.WriteNullValue();
                }
                json.WriteEndArray();
            }
        }
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}

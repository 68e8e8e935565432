using System.Globalization;
using System.Text;

namespace Weft.Cli.Terminal;

/// <summary>Draws curves with characters, for a terminal or a log.</summary>
internal static class TextChart
{
    /// <summary>One curve.</summary>
    /// <param name="Name">What the legend calls it.</param>
    /// <param name="Sign">The character it is drawn with; a later curve is drawn over an earlier one.</param>
    /// <param name="Points">Where it goes; points that are not finite are left out.</param>
    internal readonly record struct Curve(string Name, char Sign, IReadOnlyList<(double X, double Y)> Points);

    /// <summary>Draws curves over a common range.</summary>
    /// <param name="curves">The curves; of several points in one column the mean is drawn.</param>
    /// <param name="width">Columns of the picture, without the labels.</param>
    /// <param name="height">Rows of the picture.</param>
    internal static string Draw(IReadOnlyList<Curve> curves, int width = 64, int height = 14)
    {
        (double X, double Y)[] all = [.. curves.SelectMany(static c => c.Points).Where(static p => double.IsFinite(p.Y))];
        if (all.Length == 0) return "";
        double x0 = all.Min(static p => p.X), x1 = Math.Max(all.Max(static p => p.X), x0 + 1), y0 = all.Min(static p => p.Y);
        // The steep first fall would press the rest flat: the picture reaches as high as the curves after their first twentieth.
        double y1 = all.Where(p => p.X >= x0 + 0.05 * (x1 - x0)).Select(static p => p.Y).DefaultIfEmpty(all.Max(static p => p.Y)).Max();
        if (!(y1 > y0)) y1 = y0 + Math.Max(1e-6, Math.Abs(y0) * 0.01);
        char[][] cells = [.. Enumerable.Range(0, height).Select(_ => Enumerable.Repeat(' ', width).ToArray())];
        foreach (Curve curve in curves)
        {
            foreach (IGrouping<int, (double X, double Y)> column in curve.Points.Where(static p => double.IsFinite(p.Y)).GroupBy(p => (int)Math.Round((p.X - x0) / (x1 - x0) * (width - 1))))
            {
                double y = Math.Min(column.Average(static p => p.Y), y1);
                cells[(int)Math.Round((y1 - y) / (y1 - y0) * (height - 1))][column.Key] = curve.Sign;
            }
        }
        StringBuilder text = new();
        for (int row = 0; row < height; row++)
        {
            string label = row % 3 == 0 || row == height - 1 ? (y1 - (y1 - y0) * row / (height - 1)).ToString("F3", CultureInfo.InvariantCulture) : "";
            text.Append(CultureInfo.InvariantCulture, $"{label,9} |{new string(cells[row]).TrimEnd()}\n");
        }
        string last = x1.ToString("N0", CultureInfo.InvariantCulture);
        text.Append(CultureInfo.InvariantCulture, $"{"",9} +{new string('-', width)}\n{"",11}{x0.ToString("N0", CultureInfo.InvariantCulture).PadRight(width - last.Length)}{last}\n");
        text.Append(CultureInfo.InvariantCulture, $"{"",11}{string.Join("   ", curves.Where(static c => c.Points.Count > 0).Select(static c => $"{c.Sign} {c.Name}"))}\n");
        return text.ToString();
    }
}

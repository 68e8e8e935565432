using System.Globalization;
using System.Text;

namespace Weft.Training.Runs;

/// <summary>Text and numbers as a report shows them.</summary>
internal static class ReportText
{
    /// <summary>Text that is safe between tags and in quoted attributes, whatever a model or a user wrote.</summary>
    /// <remarks>Control characters become their visible pictures, so that a sample shows what it holds; tabs and line ends stay.</remarks>
    public static string Escape(string text)
    {
        StringBuilder html = new(text.Length + 16);
        foreach (char c in text)
        {
            switch (c)
            {
                case '&': html.Append("&amp;"); break;
                case '<': html.Append("&lt;"); break;
                case '>': html.Append("&gt;"); break;
                case '"': html.Append("&quot;"); break;
                case '\'': html.Append("&#39;"); break;
                case '\t' or '\n': html.Append(c); break;
                case '\u007F': html.Append('\u2421'); break;
                case < ' ': html.Append((char)('\u2400' + c)); break;
                case >= '\u0080' and <= '\u009F' or '\uFFFE' or '\uFFFF': html.Append('\uFFFD'); break;
                // Direction overrides and isolates: they could make a text read as another one.
                case >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069': html.Append('\uFFFD'); break;
                default: html.Append(c); break;
            }
        }
        return html.ToString();
    }

    /// <summary>A count in three digits and a unit: 950, 12.3 k, 124 M.</summary>
    public static string Count(double value)
    {
        (double scale, string unit) = Math.Abs(value) switch
        {
            >= 999.5e9 => (1e12, " T"),
            >= 999.5e6 => (1e9, " G"),
            >= 999.5e3 => (1e6, " M"),
            >= 9999.5 => (1e3, " k"),
            _ => (1, ""),
        };
        return Significant(value / scale, 3) + unit;
    }

    /// <summary>Digits that matter, without an exponent for everyday numbers.</summary>
    public static string Significant(double value, int digits)
    {
        if (!double.IsFinite(value)) return double.IsNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
        if (value == 0) return "0";
        double magnitude = Math.Floor(Math.Log10(Math.Abs(value)));
        string text = magnitude is < -4 or > 8
            ? Scientific(value, digits)
            : Math.Round(value, Math.Clamp(digits - 1 - (int)magnitude, 0, 15)).ToString(magnitude >= digits ? "#,0" : "0.###############", CultureInfo.InvariantCulture);
        return text.Replace('-', '−');
    }

    /// <summary>A loss or the like with as many decimals as its neighbours have, trailing zeros too.</summary>
    public static string Loss(double value) => !double.IsFinite(value) || Math.Abs(value) is >= 1000 or < 0.001
        ? Significant(value, 4)
        : value.ToString(Math.Abs(value) switch { >= 100 => "F1", >= 10 => "F2", >= 1 => "F3", _ => "F4" }, CultureInfo.InvariantCulture).Replace('-', '−');

    /// <summary>A duration in its two largest units.</summary>
    public static string Duration(double seconds)
    {
        if (!double.IsFinite(seconds)) return "?";
        if (seconds < 60) return $"{Significant(seconds, 3)} s";
        long whole = (long)Math.Round(seconds);
        return whole switch
        {
            < 3600 => $"{whole / 60} min {whole % 60} s",
            < 86400 => $"{whole / 3600} h {whole % 3600 / 60} min",
            _ => $"{whole / 86400} d {whole % 86400 / 3600} h",
        };
    }

    private static string Scientific(double value, int digits)
    {
        string text = value.ToString("0." + new string('#', digits - 1) + "e0", CultureInfo.InvariantCulture);
        return text;
    }
}

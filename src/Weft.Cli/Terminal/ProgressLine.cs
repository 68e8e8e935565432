using System.Diagnostics;
using System.Globalization;

namespace Weft.Cli.Terminal;

/// <summary>One line that is rewritten on a terminal, and now and then written anew where output goes to a file.</summary>
/// <param name="onError">Whether it goes to standard error: for commands whose output others read.</param>
internal sealed class ProgressLine(bool onError = false) : IDisposable
{
    private static readonly TimeSpan s_terminalInterval = TimeSpan.FromMilliseconds(120), s_fileInterval = TimeSpan.FromSeconds(10);
    private readonly bool _terminal = onError ? !Console.IsErrorRedirected : !Console.IsOutputRedirected;
    private readonly TextWriter _writer = onError ? Console.Error : Console.Out;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _next = TimeSpan.Zero;
    private int _shown;

    /// <summary>Whether it is time to show something: ask before putting a line together.</summary>
    internal bool IsDue => _clock.Elapsed >= _next;

    /// <summary>Shows a line over the last.</summary>
    internal void Show(string line)
    {
        _next = _clock.Elapsed + (_terminal ? s_terminalInterval : s_fileInterval);
        if (!_terminal)
        {
            _writer.WriteLine(line);
            return;
        }
        int width = Width();
        if (line.Length > width) line = line[..width];
        _writer.Write($"\r{line.PadRight(Math.Min(_shown, width))}");
        _shown = line.Length;
    }

    /// <summary>Writes text that stays, above the line.</summary>
    internal void Write(string text)
    {
        Clear();
        _writer.WriteLine(text);
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    /// <summary>A time span as people say it: 1:05, 2:03:00.</summary>
    internal static string Time(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds > 3.6e6) return "?";
        TimeSpan time = TimeSpan.FromSeconds(Math.Max(0, seconds));
        return time.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");
    }

    private void Clear()
    {
        if (!_terminal || _shown == 0) return;
        _writer.Write($"\r{new string(' ', Math.Min(_shown, Width()))}\r");
        _shown = 0;
    }

    private static int Width()
    {
        try
        {
            return Math.Max(20, Console.WindowWidth - 1);
        }
        catch (IOException)
        {
            return 100;
        }
    }
}

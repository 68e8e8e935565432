using System.Diagnostics;
using System.Globalization;
using Weft.Inference.Hub;

namespace Weft.Cli.Terminal;

/// <summary>What a download shows while it runs, on standard error.</summary>
internal sealed class PullDisplay : IProgress<HubProgress>, IDisposable
{
    private readonly ProgressLine _line = new(onError: true);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _first = -1;

    public void Report(HubProgress value)
    {
        if (_first < 0) _first = value.DoneBytes;
        if (!_line.IsDue) return;
        double rate = (value.DoneBytes - _first) / Math.Max(0.1, _clock.Elapsed.TotalSeconds);
        _line.Show(string.Create(CultureInfo.InvariantCulture,
            $"{value.File}  {Size(value.DoneBytes)} of {Size(value.TotalBytes)}  {rate / 1e6:F1} MB/s  {ProgressLine.Time((value.TotalBytes - value.DoneBytes) / rate)} left"));
    }

    public void Dispose() => _line.Dispose();

    /// <summary>A path as it is; or the folder of a hub's model, which is brought here first if need be.</summary>
    internal static string Resolve(string path) => CommandLine.Interruptible(stop =>
    {
        using PullDisplay display = new();
        return HubModels.Resolve(path, static reference => Console.Error.WriteLine($"{reference} is not here yet; pulling it."), display, stop);
    });

    internal static string Size(long bytes) => bytes < 1e6
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:F1} kB")
        : bytes < 1e9 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB") : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F2} GB");
}

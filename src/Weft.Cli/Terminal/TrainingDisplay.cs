using System.Diagnostics;
using System.Globalization;
using Weft.Training;

namespace Weft.Cli.Terminal;

/// <summary>What a training run shows while it runs.</summary>
internal sealed class TrainingDisplay(ProgressLine line, TrainingConfig config, double? floor, long firstStep)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _steps = config.Steps;
    private double? _smoothedLoss; // null before the first step
    private string _heldOut = "";

    internal void Step(StepResult result, double tokensPerSecond)
    {
        _smoothedLoss = _smoothedLoss is { } before ? 0.95 * before + 0.05 * result.Loss : result.Loss;
        if (!line.IsDue) return;
        long done = result.Step + 1;
        double left = (_steps - done) * _clock.Elapsed.TotalSeconds / Math.Max(1, done - firstStep);
        line.Show(string.Create(CultureInfo.InvariantCulture,
            $"step {done:N0}/{(_steps > 0 ? _steps.ToString("N0", CultureInfo.InvariantCulture) : "?")}  loss {_smoothedLoss:F3}{_heldOut}  {tokensPerSecond:N0} tokens/s  {(_steps > 0 ? ProgressLine.Time(left) : "?")} left  lr {result.LearningRate:G3}"));
    }

    internal void Measured(long step, double loss, bool best)
    {
        _heldOut = string.Create(CultureInfo.InvariantCulture, $"  held out {loss:F3}");
        string above = floor is { } f ? string.Create(CultureInfo.InvariantCulture, $" ({loss - f:F3} above the source)") : "";
        line.Write(string.Create(CultureInfo.InvariantCulture, $"step {step,6:N0}  {ProgressLine.Time(_clock.Elapsed.TotalSeconds),6}  {(_smoothedLoss is { } smoothed ? $"loss {smoothed.ToString("F4", CultureInfo.InvariantCulture)}  " : "")}held out {loss:F4}{above}{(best ? "  best" : "")}"));
    }

    internal void Decided(long steps)
    {
        _steps = steps;
        line.Write(string.Create(CultureInfo.InvariantCulture, $"{config.Minutes:G4} minutes are about {steps:N0} steps."));
    }

    internal void Sample(long step, string text)
    {
        string shown = text.ReplaceLineEndings(" ").Trim();
        line.Write($"  sample: {(shown.Length > 300 ? shown[..300] + " …" : shown)}");
        _ = step;
    }
}

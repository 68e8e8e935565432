using System.Diagnostics;

namespace Weft.Guide.Reproduce;

/// <summary>What came out of an experiment.</summary>
/// <param name="Experiment">The experiment.</param>
/// <param name="Results">Measured against expected, one for each figure; empty when it failed to finish.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Error">Why it did not finish, or null.</param>
public sealed record ExperimentRun(Experiment Experiment, IReadOnlyList<FigureResult> Results, double Seconds, string? Error)
{
    /// <summary>Whether it finished and every figure agrees.</summary>
    public bool Passed => Error is null && Results.All(result => result.Agrees);

    /// <summary>Runs one experiment. A fault in the experiment becomes <see cref="Error"/>, so that the others still run.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ExperimentRun Of(Experiment experiment, IProgress<string> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(progress);
        Stopwatch watch = Stopwatch.StartNew();
        try
        {
            IReadOnlyList<double> measured = experiment.Measure(progress, cancellation);
            if (measured.Count != experiment.Figures.Count)
                return Failed($"it gave {measured.Count} figures where {experiment.Figures.Count} are expected");
            return new(experiment, [.. experiment.Figures.Zip(measured, (figure, value) => new FigureResult(figure, value))], watch.Elapsed.TotalSeconds, null);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return Failed($"{e.GetType().Name}: {e.Message}");
        }

        ExperimentRun Failed(string error) => new(experiment, [], watch.Elapsed.TotalSeconds, error);
    }
}

/// <summary>One figure, measured against expected.</summary>
/// <param name="Expected">What was expected.</param>
/// <param name="Measured">What was measured.</param>
public sealed record FigureResult(ExpectedFigure Expected, double Measured)
{
    /// <summary>Whether the measured value is in the expected range.</summary>
    public bool Agrees => Expected.Agrees(Measured);
}

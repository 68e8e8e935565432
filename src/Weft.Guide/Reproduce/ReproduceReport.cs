using System.Globalization;
using System.Runtime.InteropServices;

namespace Weft.Guide.Reproduce;

/// <summary>The outcome of several experiments on one machine.</summary>
/// <param name="Runs">The runs in order.</param>
/// <param name="Machine">The machine and runtime, in words.</param>
/// <param name="Version">The version of Weft.</param>
public sealed record ReproduceReport(IReadOnlyList<ExperimentRun> Runs, string Machine, string Version)
{
    /// <summary>How many experiments passed.</summary>
    public int PassedCount => Runs.Count(run => run.Passed);

    /// <summary>Whether all passed.</summary>
    public bool Passed => PassedCount == Runs.Count;

    /// <summary>The line that sums up: how many passed, and in how long.</summary>
    public string Summary => string.Create(CultureInfo.InvariantCulture,
        $"{PassedCount} of {Runs.Count} experiments reproduced in {Runs.Sum(run => run.Seconds):F1} s. Weft {Version}, {Machine}.");

    /// <summary>Runs experiments one after the other.</summary>
    /// <param name="experiments">What to run.</param>
    /// <param name="progress">Told in words how far it is.</param>
    /// <param name="finished">Told about each run as it ends, so that a table can grow; null: nobody.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ReproduceReport Run(
        IEnumerable<Experiment> experiments, IProgress<string> progress, Action<ExperimentRun>? finished = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(experiments);
        List<ExperimentRun> runs = [];
        foreach (Experiment experiment in experiments)
        {
            cancellation.ThrowIfCancellationRequested();
            ExperimentRun run = ExperimentRun.Of(experiment, progress, cancellation);
            runs.Add(run);
            finished?.Invoke(run);
        }
        return new(runs, DescribeMachine(), typeof(ReproduceReport).Assembly.GetName().Version?.ToString(3) ?? "unknown");
    }

    private static string DescribeMachine() => string.Create(CultureInfo.InvariantCulture,
        $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}, {Environment.ProcessorCount} processors");
}

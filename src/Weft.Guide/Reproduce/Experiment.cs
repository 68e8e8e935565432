namespace Weft.Guide.Reproduce;

/// <summary>A claim that anyone can check by running it: one file says what is claimed, where it comes from, what runs and what must come out.</summary>
/// <remarks>To add one: derive a class in a file of its own under <c>Experiments/</c>, and add a line to <see cref="ExperimentCatalogue"/>.</remarks>
public abstract class Experiment
{
    /// <summary>The name on the command line: lower-case words joined by hyphens.</summary>
    public abstract string Name { get; }

    /// <summary>The claim in one sentence.</summary>
    public abstract string Claim { get; }

    /// <summary>Where the claim comes from: author, year, title or arXiv id and place; or the decision or measurement of this project.</summary>
    public abstract string Source { get; }

    /// <summary>What is run, with sizes and seeds, in a sentence or two.</summary>
    public abstract string Procedure { get; }

    /// <summary>The figures that must come out, at least one.</summary>
    public abstract IReadOnlyList<ExpectedFigure> Figures { get; }

    /// <summary>How long it takes on two ordinary CPU cores, in seconds.</summary>
    public abstract double ExpectedSeconds { get; }

    /// <summary>When it is run. Default: <see cref="ExperimentPace.Quick"/>.</summary>
    public virtual ExperimentPace Pace => ExperimentPace.Quick;

    /// <summary>What it needs and this machine lacks, as a sentence; null if it can be run.</summary>
    public virtual string? Missing => null;

    /// <summary>Runs the experiment.</summary>
    /// <param name="progress">Told in words how far it is.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>The measured figures, in the order of <see cref="Figures"/>.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public abstract IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation);
}

/// <summary>When an experiment is run.</summary>
public enum ExperimentPace
{
    /// <summary>Up to a minute or two: part of <c>weft reproduce</c> and of every build.</summary>
    Quick,

    /// <summary>Longer: run on request and every night.</summary>
    Nightly,
}

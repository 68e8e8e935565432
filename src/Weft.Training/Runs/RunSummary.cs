namespace Weft.Training.Runs;

/// <summary>Everything that a run's report shows, as plain values; what is absent is left out of the page.</summary>
public sealed record RunSummary
{
    /// <summary>The page's heading: what was trained on what.</summary>
    public required string Title { get; init; }

    /// <summary>One sentence below the heading.</summary>
    public string? Subtitle { get; init; }

    /// <summary>When the run was started.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>The measures, as <see cref="MetricsLog.Read"/> gives them.</summary>
    public MetricHistory Metrics { get; init; } = MetricHistory.Empty;

    /// <summary>The number of trained parameters.</summary>
    public long? ParameterCount { get; init; }

    /// <summary>The best loss on held-out text, nats per token; taken from the measures if null.</summary>
    public double? BestValidationLoss { get; init; }

    /// <summary>The best validation loss in bits per byte of text, which compares across tokenizers.</summary>
    public double? BitsPerByte { get; init; }

    /// <summary>Tokens seen in training; taken from the measures if null.</summary>
    public long? TokenCount { get; init; }

    /// <summary>Seconds of training; taken from the measures if null.</summary>
    public double? Seconds { get; init; }

    /// <summary>A loss that no model can beat, nats per token: the entropy of a source that is known. Drawn as a line.</summary>
    public double? FloorLoss { get; init; }

    /// <summary>What <see cref="FloorLoss"/> is, in a few words.</summary>
    public string FloorName { get; init; } = "entropy of the source";

    /// <summary>What the curves say about the fit, in one or two sentences.</summary>
    public string? Diagnosis { get; init; }

    /// <summary>Texts that the model wrote along the way, in the order of their steps.</summary>
    public IReadOnlyList<RunSample> Samples { get; init; } = [];

    /// <summary>The resolved settings, by name, in the order to show them.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    /// <summary>The machine, by property; <see cref="MachineDescription.Collect"/> describes this one.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Machine { get; init; } = [];

    /// <summary>The command line that repeats the run.</summary>
    public string? Command { get; init; }
}

/// <summary>A text that the model wrote during a run.</summary>
/// <param name="Step">The step at which it was written.</param>
/// <param name="Prompt">What the model was given, possibly nothing.</param>
/// <param name="Text">What it wrote after that.</param>
public sealed record RunSample(long Step, string Prompt, string Text);

namespace Weft.Training.Runs;

/// <summary>What was measured at one step of a run; what was not measured there is null.</summary>
/// <remarks>A struct on purpose: a training loop makes one each step and must not allocate.</remarks>
public readonly record struct MetricPoint
{
    /// <summary>How many optimizer updates have been made, this one included.</summary>
    public required long Step { get; init; }

    /// <summary>Tokens seen since the start of the run.</summary>
    public long? Tokens { get; init; }

    /// <summary>Training loss of this step, mean nats per token.</summary>
    public double? Loss { get; init; }

    /// <summary>Loss on the held-out part, mean nats per token.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>The learning rate that this step used.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The global 2-norm of the gradient before clipping.</summary>
    public double? GradientNorm { get; init; }

    /// <summary>Training speed at this step.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds of training since the start of the run, pauses between resumed parts not counted.</summary>
    public double? Seconds { get; init; }
}

/// <summary>A measure that only some objectives have, such as <c>reward_margin</c>.</summary>
/// <param name="Name">Its name in the log: lower case with underscores.</param>
/// <param name="Value">Its value.</param>
public readonly record struct NamedValue(string Name, double Value);

/// <summary>A run's log as read back.</summary>
/// <param name="Points">One for each line, in the order of the file.</param>
/// <param name="Other">The measures beyond those of <see cref="MetricPoint"/>, by name.</param>
public sealed record MetricHistory(IReadOnlyList<MetricPoint> Points, IReadOnlyDictionary<string, IReadOnlyList<(long Step, double Value)>> Other)
{
    /// <summary>A run of which nothing was measured.</summary>
    public static MetricHistory Empty { get; } = new([], new Dictionary<string, IReadOnlyList<(long Step, double Value)>>());
}

using Weft.Guide.Stories;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>The entropy of the story source, computed and sampled.</summary>
public sealed class StoryEntropy : Experiment
{
    private const int StoryCount = 20_000;
    private const ulong Seed = 101; // any; fixed so that the figure is the same everywhere

    /// <inheritdoc/>
    public override string Name => "story-entropy";

    /// <inheritdoc/>
    public override string Claim => "The entropy of the built-in stories, and so the least loss that any model can have on them, is known exactly.";

    /// <inheritdoc/>
    public override string Source => "Shannon 1948, A Mathematical Theory of Communication, sections 6 and 7: entropy is the expected information, and no code is shorter.";

    /// <inheritdoc/>
    public override string Procedure =>
        $"Compute entropy and expected word count of a story by dynamic programming over the grammar; compare with the means over {StoryCount} stories (seed {Seed}).";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Near("entropy, sampled less computed", 0, 3, "standard errors", "A sampled mean is within 3 standard errors of a true expectation 99.7 times of 100."),
        ExpectedFigure.Near("words a story, sampled less computed", 0, 3, "standard errors", "As above."),
        // Rounded from the dynamic programme itself: it guards the published figure against a change of the grammar that goes unnoticed.
        ExpectedFigure.Near("entropy a story", 29.2919, 0.00005, "nats", "The published figure of this grammar, rounded to four decimals; sums of doubles do not reach the fifth."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(progress);
        StoryGrammar grammar = StoryGrammar.Default;
        progress.Report("dynamic programme");
        double entropy = grammar.EntropyPerStory;
        double wordCount = grammar.ExpectedWordCount;

        progress.Report($"{StoryCount} stories");
        double[] nats = new double[StoryCount];
        double[] words = new double[StoryCount];
        for (int i = 0; i < StoryCount; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Story story = grammar.Sample(Seed, i);
            nats[i] = -story.LogProbability;
            words[i] = StoryGrammar.SplitWords(story.Text).Count + 1; // its line end is a word too
        }
        return [StandardErrors(nats, entropy), StandardErrors(words, wordCount), entropy];
    }

    private static double StandardErrors(double[] samples, double expected)
    {
        double mean = samples.Average();
        double variance = samples.Sum(x => (x - mean) * (x - mean)) / (samples.Length - 1);
        return (mean - expected) / Math.Sqrt(variance / samples.Length);
    }
}

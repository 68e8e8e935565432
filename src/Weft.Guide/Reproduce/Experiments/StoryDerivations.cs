using Weft.Guide.Stories;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>No story is written in two ways, so the probability of the way is the probability of the text.</summary>
public sealed class StoryDerivations : Experiment
{
    private const int StoryCount = 5_000;
    private const ulong Seed = 102;

    /// <inheritdoc/>
    public override string Name => "story-derivations";

    /// <inheritdoc/>
    public override string Claim => "The story grammar is unambiguous: every story has exactly one derivation.";

    /// <inheritdoc/>
    public override string Source => "The forward algorithm (Rabiner 1989, A Tutorial on Hidden Markov Models, section III.A) sums over all derivations of a text.";

    /// <inheritdoc/>
    public override string Procedure =>
        $"Write {StoryCount} stories (seed {Seed}), read each back word by word, count its derivations, and compare the probability read with the probability written.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Exactly("most derivations of a story", 1, "", "A second derivation would make the entropy of choices larger than that of texts."),
        ExpectedFigure.AtMost("largest difference of log probability", 1e-9, "nats", "Some 30 logarithms, each rounded at 1e-16 of at most 4, differ by less."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(progress);
        long derivations = 0;
        double difference = 0;
        for (int i = 0; i < StoryCount; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (i % 1_000 == 0) progress.Report($"story {i} of {StoryCount}");
            Story story = StoryGrammar.Default.Sample(Seed, i);
            StoryReader reader = StoryGrammar.Default.Read();
            bool isRead = StoryGrammar.SplitWords(story.Text + "\n").All(reader.TryRead) && reader.IsComplete;
            derivations = Math.Max(derivations, isRead ? reader.DerivationCount : 0);
            difference = isRead ? Math.Max(difference, Math.Abs(reader.LogProbability - story.LogProbability)) : double.PositiveInfinity;
        }
        return [derivations, difference];
    }
}

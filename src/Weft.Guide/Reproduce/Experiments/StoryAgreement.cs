using Weft.Guide.Stories;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>The recogniser lets right stories pass and catches wrong pronouns.</summary>
public sealed class StoryAgreement : Experiment
{
    private const int StoryCount = 1_000;
    private const ulong Seed = 103;

    /// <inheritdoc/>
    public override string Name => "story-agreement";

    /// <inheritdoc/>
    public override string Claim => "The story recogniser accepts every sentence of the source and rejects every sentence whose pronoun does not agree with its story.";

    /// <inheritdoc/>
    public override string Source => "Weft's own measure: the grammatical share of a model's sentences is only as good as the recogniser that counts it.";

    /// <inheritdoc/>
    public override string Procedure =>
        $"Examine {StoryCount} stories (seed {Seed}); then exchange 'he' and 'she' at one place of each and examine them again.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Exactly("grammatical share of right stories", 1, "", "The recogniser and the writer are the same grammar."),
        ExpectedFigure.Exactly("changed stories with a fault found", 1, "", "Every he and she refers to one person whose gender the story has told."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 3;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(progress);
        StoryRecognizer recognizer = new(StoryGrammar.Default);
        int sentences = 0;
        int grammatical = 0;
        int changed = 0;
        int found = 0;
        for (int i = 0; i < StoryCount; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (i % 250 == 0) progress.Report($"story {i} of {StoryCount}");
            string text = StoryGrammar.Default.Sample(Seed, i).Text + "\n";
            StoryReport right = recognizer.Examine(text);
            sentences += right.SentenceCount;
            grammatical += right.GrammaticalCount;

            if (ExchangePronoun(text) is not string wrong) continue;
            changed++;
            if (recognizer.Examine(wrong).FirstFault is not null) found++;
        }
        return [(double)grammatical / sentences, (double)found / changed];
    }

    private static string? ExchangePronoun(string text)
    {
        // The last one: the longer the way back to the name, the harder.
        int he = text.LastIndexOf(" he ", StringComparison.Ordinal);
        int she = text.LastIndexOf(" she ", StringComparison.Ordinal);
        if (he < 0 && she < 0) return null;
        return he > she ? $"{text[..he]} she {text[(he + 4)..]}" : $"{text[..she]} he {text[(she + 5)..]}";
    }
}

using Weft.Guide.Reproduce.Experiments;

namespace Weft.Guide.Reproduce;

/// <summary>Every experiment, in the order in which they are shown. A new one is one line here.</summary>
public static class ExperimentCatalogue
{
    /// <summary>All experiments.</summary>
    public static IReadOnlyList<Experiment> All { get; } =
    [
        new StoryEntropy(),
        new StoryDerivations(),
        new StoryAgreement(),
        new StoryTraining(),
        new CachedGeneration(),
        new ThreadCount(),
        new DescentClosedForms(),
        new NanoGptShakespeare(),
        new MuonSteps(),
        new ChatModelPerplexity(),
        new DropoutMean(),
        new DropoutGap(),
        new EarlyStopping(),
        new EpochCoverage(),
        new FitLabels(),
        new DeepInitialization(),
        new ResidualGradients(),
        new BatchNormStatistics(),
        new NormalizationPlaces(),
        new MetricsWithTies(),
        new TabularClassification(),
        new LeNetDigits(),
        new LeNetMnist(),
        new RecurrentAdding(),
    ];

    /// <summary>The experiment of that name, or null.</summary>
    public static Experiment? Find(string name) => All.FirstOrDefault(experiment => experiment.Name == name);

    /// <summary>The experiments of a pace.</summary>
    public static IEnumerable<Experiment> OfPace(ExperimentPace pace) => All.Where(experiment => experiment.Pace == pace);
}

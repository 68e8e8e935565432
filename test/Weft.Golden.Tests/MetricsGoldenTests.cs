using Weft.Golden.Tests.Metrics;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>metrics</c>: evaluation metrics and statistics.</summary>
public sealed class MetricsGoldenTests
{
    private const string Set = "metrics";

    private static readonly GoldenRunner Runner = CreateRunner();

    public static IEnumerable<TheoryDataRow<string, string>> Cases => GoldenRunner.Rows(Set);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Case_OfTheReference_IsReproduced(string group, string name) => Runner.Run(group, name);

    [Fact]
    public void NotBuiltYet_HoldsNothingBack() => Assert.Empty(Runner.OutdatedRows());

    // One line for each file of handlers.
    private static GoldenRunner CreateRunner()
    {
        GoldenRunner runner = new(Set);
        ClassificationHandlers.Add(runner);
        RegressionHandlers.Add(runner);
        return runner;
    }
}

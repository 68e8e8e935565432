using Weft.Golden.Tests.Nets;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>nets</c>: whole small training runs.</summary>
public sealed class NetsGoldenTests
{
    private const string Set = "nets";

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
        DecoderRunHandlers.Add(runner);
        ShallowRunHandlers.Add(runner);
        RecurrentRunHandlers.Add(runner);
        return runner;
    }
}

using Weft.Golden.Tests.Optim;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>optim</c>: optimizer trajectories, schedules, averaging.</summary>
public sealed class OptimGoldenTests
{
    private const string Set = "optim";

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
        ScheduleHandlers.Add(runner);
        OptimizerHandlers.Add(runner);
        ExtraOptimizerHandlers.Add(runner);
        LbfgsHandler.Add(runner);
        AveragingHandlers.Add(runner);
        return runner;
    }
}

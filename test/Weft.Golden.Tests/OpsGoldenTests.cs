using Weft.Golden.Tests.Ops;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>ops</c>: single operations, forward and backward.</summary>
public sealed class OpsGoldenTests
{
    private const string Set = "ops";

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
        ActivationHandlers.Add(runner);
        ElementwiseHandlers.Add(runner);
        ReduceHandlers.Add(runner);
        ShapeHandlers.Add(runner);
        ProductHandlers.Add(runner);
        LossHandlers.Add(runner);
        NormHandlers.Add(runner);
        PositionHandlers.Add(runner);
        AttentionHandlers.Add(runner);
        GradientHandlers.Add(runner);
        InitializerHandlers.Add(runner);
        SamplingHandlers.Add(runner);
        ConvolutionHandlers.Add(runner);
        RecurrentHandlers.Add(runner);
        LowPrecisionHandlers.Add(runner);
        return runner;
    }
}

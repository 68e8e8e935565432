using Weft.Golden.Tests.Models;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>models</c>: tiny checkpoints of many families.</summary>
public sealed class ModelsGoldenTests
{
    private const string Set = "models";

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
        DecoderHandlers.Add(runner);
        EncoderHandlers.Add(runner);
        EncoderDecoderHandlers.Add(runner);
        StateSpaceHandlers.Add(runner);
        FormatHandlers.Add(runner);
        GenerateHandlers.Add(runner);
        RotaryHandlers.Add(runner);
        return runner;
    }
}

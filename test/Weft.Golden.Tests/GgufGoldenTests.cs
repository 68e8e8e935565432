using Weft.Golden.Tests.Gguf;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>gguf</c>: every tensor type, tiny models, hostile files.</summary>
public sealed class GgufGoldenTests
{
    private const string Set = "gguf";

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
        QuantizationHandlers.Add(runner);
        MalformedHandlers.Add(runner);
        ModelHandlers.Add(runner);
        return runner;
    }
}

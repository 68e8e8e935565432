using Weft.Cli.Terminal;

namespace Weft.Cli.Tests;

/// <summary>The places of characters on a terminal.</summary>
public sealed class LineEditorTests
{
    [Theory]
    [InlineData(0, "")]
    [InlineData(5, "naïve")]
    [InlineData(5, "nai\u0308ve")]
    [InlineData(6, "日本語")]
    [InlineData(3, "x\U0001F999")]
    public void Width_OfAText_IsTheColumnsThatItTakes(int columns, string text) => Assert.Equal(columns, LineEditor.Width(text));
}

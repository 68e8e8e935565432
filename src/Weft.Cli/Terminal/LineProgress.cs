namespace Weft.Cli.Terminal;

/// <summary>Shows what is being worked on in a progress line.</summary>
internal sealed class LineProgress(ProgressLine line) : IProgress<string>
{
    /// <inheritdoc/>
    public void Report(string value)
    {
        if (line.IsDue) line.Show(value);
    }
}

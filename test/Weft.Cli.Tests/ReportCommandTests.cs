using Weft.Cli.Terminal;

namespace Weft.Cli.Tests;

public sealed class ReportCommandTests
{
    [Fact]
    public void Report_OfARun_JudgesItAndWritesThePageAnew()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["text.txt"], string.Concat(Enumerable.Repeat("the cat sat on the mat. ", 60)));
        string[] settings = ["tokenizer=character", "contextLength=16", "hiddenSize=8", "headCount=1", "blockCount=1", "batchSize=2", "logInterval=1", "sampleInterval=0", "warmupSteps=0"];
        Assert.Equal(0, WeftProcess.Run(folder.Path, ["train", "text.txt", "--out", "run", "--steps", "20", .. settings.SelectMany(s => new[] { "--set", s })]).ExitCode);
        string page = File.ReadAllText(folder["run", "report.html"]);
        File.Delete(folder["run", "report.html"]);

        (int code, string output, string errors) = WeftProcess.Run(folder.Path, "report", "run");
        Assert.True(code == 0, errors);
        Assert.Contains("training loss", output, StringComparison.Ordinal);
        Assert.Matches("The run (underfits|overfits|diverges|has converged|is too short to judge)\\.", output);
        // The page is the same as the training wrote, as all it shows lies in the folder.
        Assert.Equal(page, File.ReadAllText(folder["run", "report.html"]));

        (code, _, errors) = WeftProcess.Run(folder.Path, "report", "nothing");
        Assert.Equal(1, code);
        Assert.Equal("weft: nothing holds no run: a run's folder has training.json and metrics.jsonl.\n", errors);
    }

    [Fact]
    public void Draw_TwoPoints_StandInTheirCorners()
    {
        // A fall from 2 to 1 over 10 columns and 4 rows: high on the left, low on the right.
        string[] lines = TextChart.Draw([new("loss", '*', [(0, 1.5), (5, 2), (10, 1), (11, double.NaN)])], width: 11, height: 3).Split('\n');
        Assert.Equal("    2.000 |     *", lines[0]);
        Assert.Equal("          |*", lines[1]);
        Assert.Equal("    1.000 |          *", lines[2]);
        Assert.Equal("", TextChart.Draw([new("loss", '*', [])]));
    }
}

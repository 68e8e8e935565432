using System.Text.Json;
using System.Text.RegularExpressions;
using Weft.Guide.Reproduce;

namespace Weft.Guide.Tests.Reproduce;

public sealed partial class ReproduceTests
{
    private static readonly Progress<string> Silent = new();

    public static TheoryData<string> QuickNames => [.. ExperimentCatalogue.OfPace(ExperimentPace.Quick).Where(e => e.ExpectedSeconds <= 5).Select(e => e.Name)];

    // The short experiments run with the tests; the others run with `weft reproduce`.
    [Theory]
    [MemberData(nameof(QuickNames))]
    public void Of_ShortExperiment_Passes(string name)
    {
        ExperimentRun run = ExperimentRun.Of(ExperimentCatalogue.Find(name)!, Silent, CancellationToken.None);
        Assert.True(run.Passed, run.Error ?? string.Join("; ", run.Results.Select(r => $"{r.Expected.Name}: {r.Measured}, expected {r.Expected.Range}")));
    }

    [Fact]
    public void All_Experiments_AreDescribedCompletely()
    {
        Assert.Equal(ExperimentCatalogue.All.Count, ExperimentCatalogue.All.Select(e => e.Name).Distinct().Count());
        foreach (Experiment experiment in ExperimentCatalogue.All)
        {
            Assert.Matches(NamePattern(), experiment.Name);
            Assert.NotEmpty(experiment.Figures);
            Assert.True(experiment.ExpectedSeconds > 0);
            foreach (string text in new[] { experiment.Claim, experiment.Source, experiment.Procedure }) Assert.EndsWith(".", text, StringComparison.Ordinal);
            foreach (ExpectedFigure figure in experiment.Figures) Assert.NotEmpty(figure.Why);
        }
        Assert.Null(ExperimentCatalogue.Find("no-such-experiment"));
    }

    [Fact]
    public void Agrees_AtAndBesideTheBounds_IsExact()
    {
        ExpectedFigure near = ExpectedFigure.Near("x", 2, 0.5, "", "w");
        Assert.Equal([false, true, true, false, false], new[] { 1.49, 1.5, 2.5, 2.51, double.NaN }.Select(near.Agrees));
        Assert.Equal([true, false], new[] { -1e9, 3.1 }.Select(ExpectedFigure.AtMost("x", 3, "", "w").Agrees));
        Assert.Equal([false, true], new[] { 2.9, 1e9 }.Select(ExpectedFigure.AtLeast("x", 3, "", "w").Agrees));
        Assert.Equal([true, false], new[] { 3, 3.0000001 }.Select(ExpectedFigure.Exactly("x", 3, "", "w").Agrees));
        Assert.Equal("1.5 to 2.5", near.Range);
        Assert.Equal("at most 0.15", ExpectedFigure.AtMost("x", 0.15, "", "w").Range);
        Assert.Throws<ArgumentOutOfRangeException>(() => ExpectedFigure.Near("x", 1, double.NaN, "", "w"));
    }

    [Fact]
    public void Run_FaultyExperiments_AreReportedAndTheOthersRun()
    {
        List<string> finished = [];
        ReproduceReport report = ReproduceReport.Run(
            [new Sketch("breaks", () => throw new InvalidOperationException("no disc")), new Sketch("miscounts", () => [1, 2]), new Sketch("works", () => [1])],
            Silent, run => finished.Add(run.Experiment.Name));
        Assert.Equal(["breaks", "miscounts", "works"], finished);
        Assert.Equal([false, false, true], report.Runs.Select(run => run.Passed));
        Assert.Equal("InvalidOperationException: no disc", report.Runs[0].Error);
        Assert.Equal((1, false), (report.PassedCount, report.Passed));
    }

    [Fact]
    public void Run_Cancelled_Throws() =>
        Assert.Throws<OperationCanceledException>(() => ReproduceReport.Run([new Sketch("works", () => [1])], Silent, null, new CancellationToken(canceled: true)));

    [Fact]
    public void Write_Report_GivesTextMarkdownAndJson()
    {
        ExperimentRun[] runs =
        [
            new(new Sketch("good", () => []), [new(new Sketch("good", () => []).Figures[0], 1.25)], 2.04, null),
            new(new Sketch("bad", () => []), [new(new Sketch("bad", () => []).Figures[0], double.NaN)], 0, null),
            new(new Sketch("broken", () => []), [], 0, "a | b <c>"),
        ];
        ReproduceReport report = new(runs, "a machine", "0.1.0");

        Assert.Equal(
            """
                  experiment  figure     expected         measured  seconds
            ok    good        length     at most 2 metre  1.25      2.0
            FAIL  bad         length     at most 2 metre  NaN       0.0
            FAIL  broken      a | b <c>                             0.0

            1 of 3 experiments reproduced in 2.0 s. Weft 0.1.0, a machine.

            """.ReplaceLineEndings(), Written(ReportText.Write));

        string markdown = Written(ReportMarkdown.Write);
        Assert.Contains("| ok | good | length | at most 2 metre | 1.25 | 2.0 |\n", markdown, StringComparison.Ordinal);
        Assert.Contains("| FAIL | broken | a \\| b &lt;c> |  |  | 0.0 |\n", markdown, StringComparison.Ordinal);
        Assert.Contains("## good\n\nIt is so.\n\n- Source: Nobody 1900.\n- What runs: Nothing.\n- Expected length: at most 2 metre. Because.\n", markdown, StringComparison.Ordinal);

        using JsonDocument json = JsonDocument.Parse(Written(ReportJson.Write));
        Assert.False(json.RootElement.GetProperty("passed").GetBoolean());
        JsonElement good = json.RootElement.GetProperty("experiments")[0];
        Assert.Equal("Quick", good.GetProperty("pace").GetString());
        JsonElement figure = good.GetProperty("figures")[0];
        Assert.Equal(JsonValueKind.Null, figure.GetProperty("minimum").ValueKind);
        Assert.Equal(2, figure.GetProperty("maximum").GetDouble());
        Assert.Equal(1.25, figure.GetProperty("measured").GetDouble());
        Assert.Equal("NaN", json.RootElement.GetProperty("experiments")[1].GetProperty("figures")[0].GetProperty("measured").GetString());

        string Written(Action<ReproduceReport, TextWriter> write)
        {
            StringWriter writer = new();
            write(report, writer);
            return writer.ToString();
        }
    }

    [GeneratedRegex("^[a-z0-9]+(-[a-z0-9]+)*$")]
    private static partial Regex NamePattern();

    private sealed class Sketch(string name, Func<double[]> measure) : Experiment
    {
        public override string Name => name;
        public override string Claim => "It is so.";
        public override string Source => "Nobody 1900.";
        public override string Procedure => "Nothing.";
        public override IReadOnlyList<ExpectedFigure> Figures { get; } = [ExpectedFigure.AtMost("length", 2, "metre", "Because.")];
        public override double ExpectedSeconds => 1;
        public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation) => measure();
    }
}

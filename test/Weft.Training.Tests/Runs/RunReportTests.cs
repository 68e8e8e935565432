using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Weft.Training.Runs;

namespace Weft.Training.Tests.Runs;

public sealed class RunReportTests
{
    [Fact]
    public void Create_WholeRun_ShowsItsFiguresAndParts()
    {
        string page = RunReport.Create(Summary(Falling(2000)) with { BitsPerByte = 1.25, ParameterCount = 10_788_929, FloorLoss = 0.5, Diagnosis = "It fits.", Command = "weft train" });

        Assert.Contains("at step 2,000", page); // The validation loss falls, so that the best is the last.
        Assert.Contains($">{ReportText.Loss(Math.Exp(Falling(2000).Points[^1].ValidationLoss!.Value))}<", page); // perplexity
        Assert.Contains("10.8 M", page);
        Assert.Contains("10,788,929", page);
        Assert.Contains("It fits.", page);
        Assert.Contains("weft train", page);
        Assert.Contains("entropy of the source 0.5000", page);
        Assert.Equal(4, Charts(page).Count); // loss, learning rate, gradient norm, speed
    }

    [Fact]
    public void Create_HostileTexts_AreShownAndNotRun()
    {
        const string Hostile = "</pre></script><script>alert(1)</script><img src=x onerror='alert(2)'>\"&\u0000\u001b\u202E";
        RunSummary summary = Summary(Falling(200)) with
        {
            Title = Hostile,
            Subtitle = Hostile,
            Diagnosis = Hostile,
            Command = Hostile,
            FloorLoss = 1,
            FloorName = Hostile,
            Samples = [new RunSample(1, Hostile, Hostile)],
            Settings = [new(Hostile, Hostile)],
            Machine = [new(Hostile, Hostile)],
        };
        summary = summary with { Metrics = summary.Metrics with { Other = new Dictionary<string, IReadOnlyList<(long, double)>> { [Hostile] = [(1, 1), (2, 2)] } } };
        string page = RunReport.Create(summary);

        Assert.DoesNotContain("<script>alert", page);
        Assert.DoesNotContain("<img", page);
        Assert.DoesNotContain("onerror='", page);
        Assert.DoesNotContain('\0', page);
        Assert.DoesNotContain('\u001b', page);
        Assert.DoesNotContain('\u202E', page);
        // One script of the page, and one block of data for each chart.
        Assert.Equal(Charts(page).Count + 1, Regex.Count(page, "<script"));
        Assert.Equal(Charts(page).Count + 1, Regex.Count(page, "</script>"));
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page);
    }

    [Fact]
    public void Create_AnyRun_RefersToNothingOutside()
    {
        string page = RunReport.Create(Summary(Falling(200)));
        Assert.DoesNotContain("href", page);
        Assert.DoesNotContain("src=", page);
        Assert.DoesNotContain("@import", page);
        Assert.Empty(Regex.Matches(page, @"url\((?!#)").Select(m => m.Value));
        Assert.All(Regex.Matches(page, @"\w+://[^""' )]*").Select(m => m.Value), address => Assert.Equal("http://www.w3.org/2000/svg", address)); // A name, not an address.
        Assert.Contains("default-src 'none'", page);
    }

    [Fact]
    public void Create_StrangeCurves_GivesPicturesThatParse()
    {
        Assert.Empty(Charts(RunReport.Create(new RunSummary { Title = "nothing" })));

        double[][] curves =
        [
            [1], [1, 1], [0, 0, 0], [double.NaN], [1, double.NaN, 2], [double.PositiveInfinity, 1, double.NegativeInfinity], [-5, -5], [1e300, -1e300], [1e-300, 2e-300],
            [.. Enumerable.Repeat(3.5, 500)], [.. Enumerable.Range(0, 500).Select(i => i % 7 == 0 ? double.NaN : i)], [.. Enumerable.Repeat(double.NaN, 2000)],
        ];
        foreach (double[] curve in curves)
        {
            MetricPoint[] points = [.. curve.Select((y, i) => new MetricPoint { Step = i + 1, Loss = y, ValidationLoss = y, LearningRate = y, GradientNorm = y, TokensPerSecond = y, Tokens = i, Seconds = i })];
            string page = RunReport.Create(Summary(new MetricHistory(points, MetricHistory.Empty.Other)));
            Assert.Equal(4, Charts(page).Count);
            Assert.DoesNotContain("NaN\"", page);
            foreach (Match data in Regex.Matches(page, "<script type=\"application/json\">(.*?)</script>"))
                using (System.Text.Json.JsonDocument.Parse(data.Groups[1].Value)) { }
            Assert.Equal(curve.Any(y => !double.IsFinite(y)), page.Contains("stopped being a number"));
        }
    }

    [Fact]
    public void Create_LongRun_StaysSmallAndKeepsThePeak()
    {
        MetricPoint[] points = [.. Enumerable.Range(1, 200_000).Select(i => new MetricPoint { Step = i, Loss = i == 123_456 ? 2.5 : 1 + 4.0 / i, LearningRate = 1e-3 })];
        string page = RunReport.Create(Summary(new MetricHistory(points, MetricHistory.Empty.Other)));
        Assert.InRange(page.Length, 1000, 400_000);
        // The raw curve's path still has the one high step: its y is far from that of its neighbours.
        XElement raw = Charts(page)[0].Descendants().Single(e => (string?)e.Attribute("class") == "curve training-raw");
        double[] ys = [.. Regex.Matches((string)raw.Attribute("d")!, @"[ML][-\d.]+ ([-\d.]+)").Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.Single(ys.Skip(ys.Length / 4), y => y < 300);
    }

    [Fact]
    public void Write_ThenRead_IsThePage()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("weft-report-").FullName, "report.html");
        RunReport.Write(path, Summary(Falling(50)));
        Assert.Equal(RunReport.Create(Summary(Falling(50))), File.ReadAllText(path));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Collect_ThisMachine_NamesEveryProperty()
    {
        IReadOnlyList<KeyValuePair<string, string>> machine = MachineDescription.Collect();
        Assert.Equal(["Processor", "Cores", "Instruction sets", "Memory", "Operating system", ".NET"], machine.Select(pair => pair.Key));
        Assert.All(machine, pair => Assert.NotEmpty(pair.Value));
    }

    [Theory]
    [InlineData(0, 3, "0")]
    [InlineData(1.23456, 4, "1.235")]
    [InlineData(0.00012345, 3, "0.000123")]
    [InlineData(0.000012345, 3, "1.23e−5")]
    [InlineData(123456, 3, "123,456")]
    [InlineData(-2.5, 3, "−2.5")]
    [InlineData(9.9996, 4, "10")]
    [InlineData(1e12, 3, "1e12")]
    [InlineData(double.NaN, 3, "NaN")]
    public void Significant_KnownValues_ReadWell(double value, int digits, string expected) => Assert.Equal(expected, ReportText.Significant(value, digits));

    [Theory]
    [InlineData(5, "5.000")]
    [InlineData(0.9304, "0.9304")]
    [InlineData(148.41, "148.4")]
    [InlineData(50257, "50,257")]
    [InlineData(double.PositiveInfinity, "∞")]
    public void Loss_KnownValues_KeepTheirDecimals(double value, string expected) => Assert.Equal(expected, ReportText.Loss(value));

    [Theory]
    [InlineData(950, "950")]
    [InlineData(9999, "9,999")]
    [InlineData(12345, "12.3 k")]
    [InlineData(999_600, "1 M")]
    [InlineData(124_439_808, "124 M")]
    [InlineData(7.1e12, "7.1 T")]
    public void Count_KnownValues_ReadWell(double value, string expected) => Assert.Equal(expected, ReportText.Count(value));

    [Theory]
    [InlineData(0.25, "0.25 s")]
    [InlineData(59.96, "60 s")]
    [InlineData(61, "1 min 1 s")]
    [InlineData(3599.9, "1 h 0 min")]
    [InlineData(90000, "1 d 1 h")]
    public void Duration_KnownValues_ReadWell(double seconds, string expected) => Assert.Equal(expected, ReportText.Duration(seconds));

    private static List<XElement> Charts(string page) =>
        [.. Regex.Matches(page, "<svg viewBox[^>]* role=.*?</svg>", RegexOptions.Singleline).Select(m => XElement.Parse(m.Value))];

    private static RunSummary Summary(MetricHistory metrics) => new() { Title = "A run", Metrics = metrics };

    private static MetricHistory Falling(int steps) => new(
        [.. Enumerable.Range(1, steps).Select(i => new MetricPoint
        {
            Step = i, Tokens = i * 1024L, Loss = 1 + 4 / Math.Sqrt(i), ValidationLoss = i % 10 == 0 ? 1.1 + 4 / Math.Sqrt(i) : null,
            LearningRate = 1e-3 / i, GradientNorm = 1 + 1.0 / i, TokensPerSecond = 1000, Seconds = i * 1.024,
        })], MetricHistory.Empty.Other);
}

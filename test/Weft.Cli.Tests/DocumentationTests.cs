using System.Text.RegularExpressions;

namespace Weft.Cli.Tests;

/// <summary>What the documents say holds: links lead somewhere, named members exist, commands are offered, snippets are compiled.</summary>
public sealed partial class DocumentationTests
{
    private static string Root => SharedFolder.RepositoryRoot;

    public static IEnumerable<TheoryDataRow<string>> Documents() =>
        Directory.EnumerateFiles(Root, "*.md", SearchOption.TopDirectoryOnly)
            .Concat(Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(Path.Combine(Root, "bench"), "README.md"))
            .Select(static f => new TheoryDataRow<string>(Path.GetRelativePath(Root, f)));

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_LeadToFilesOfTheRepository(string document)
    {
        string path = Path.Combine(Root, document);
        foreach (Match link in LinkPattern().Matches(File.ReadAllText(path)))
        {
            string target = link.Groups[1].Value.Split('#')[0];
            if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal)) continue;
            string full = Path.GetFullPath(target, Path.GetDirectoryName(path)!);
            Assert.True(File.Exists(full) || Directory.Exists(full), $"{document} links to {target}, which is not there.");
        }
    }

    [Theory]
    [InlineData("docs/walkthrough-token.md", "Generator", "Tokenizer", "DecoderModel", "CausalSelfAttention", "KeyValueCache", "Sampler", "IncrementalDecoder")]
    [InlineData("docs/walkthrough-step.md", "TrainingLoop", "TokenBatches", "NextTokenObjective", "DecoderModel", "BackwardPass", "AdamW", "LearningRateSchedule")]
    public void Walkthrough_VisitsItsFilesInOrder_AndNamesWhatIsInThem(string document, params string[] stations)
    {
        string[] lines = [.. File.ReadAllLines(Path.Combine(Root, document)).Where(static l => NumberPattern().IsMatch(l))];
        Assert.Equal(stations.Length, lines.Length);
        foreach ((string line, string station) in lines.Zip(stations))
        {
            Match link = LinkPattern().Match(line);
            Assert.EndsWith("/" + station + ".cs", link.Groups[1].Value, StringComparison.Ordinal);
            string code = string.Concat(LinkPattern().Matches(line).Select(m => File.ReadAllText(Path.GetFullPath(m.Groups[1].Value, Path.Combine(Root, "docs")))));
            foreach (Match name in CodePattern().Matches(line)) Assert.Contains(name.Groups[1].Value, code, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Readme_ShowsTheTwoCommands_AndCiCallsTheTest()
    {
        string readme = File.ReadAllText(Path.Combine(Root, "README.md"));
        Assert.Contains("dotnet run -c Release --project src/Weft.Cli -- train", readme, StringComparison.Ordinal);
        Assert.Contains("\n    dotnet test\n", readme, StringComparison.Ordinal);
        Assert.Contains("\ndotnet test\n", File.ReadAllText(Path.Combine(Root, ".ci", "run")), StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_TableOfCommands_IsWhatTheProgramOffers()
    {
        string program = File.ReadAllText(Path.Combine(Root, "src", "Weft.Cli", "Program.cs"));
        string[] offered = [.. CommandPattern().Matches(program).Select(static m => m.Groups[1].Value).Order()];
        string[] shown = [.. ShownPattern().Matches(File.ReadAllText(Path.Combine(Root, "README.md"))).Select(static m => m.Groups[1].Value).Order()];
        Assert.Equal(offered, shown);
    }

    [Fact]
    public void Help_OfEveryCommand_ShowsExamples()
    {
        string[] names = [.. CommandPattern().Matches(File.ReadAllText(Path.Combine(Root, "src", "Weft.Cli", "Program.cs"))).Select(static m => m.Groups[1].Value)];
        foreach (string[] command in (string[][])[[], .. names.Select(static n => (string[])[n]), ["tokenizer", "train"], ["tokenizer", "show"]])
        {
            (int code, string output, string errors) = WeftProcess.Run(Root, [.. command, "--help"]);
            Assert.True(code == 0, errors);
            Assert.Contains($"Examples:", output, StringComparison.Ordinal);
            Assert.Contains($"  weft {string.Join(' ', command)}", output[output.IndexOf("Examples:", StringComparison.Ordinal)..], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Readme_Snippet_IsTheCompiledOne()
    {
        string snippet = SnippetPattern().Match(File.ReadAllText(Path.Combine(Root, "README.md"))).Groups[1].Value;
        string compiled = File.ReadAllText(Path.Combine(Root, "test", "Weft.Cli.Tests", "ReadmeSnippet.cs"));
        foreach (string line in snippet.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            Assert.Contains(line, compiled, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex LinkPattern();

    [GeneratedRegex(@"^\d+\. ")]
    private static partial Regex NumberPattern();

    [GeneratedRegex("`([A-Za-z]+)`")]
    private static partial Regex CodePattern();

    [GeneratedRegex(@"\(""(\w+)"", \w+Command\.Create\)")]
    private static partial Regex CommandPattern();

    [GeneratedRegex(@"^\| `weft (\w+)", RegexOptions.Multiline)]
    private static partial Regex ShownPattern();

    [GeneratedRegex(@"<!-- snippet: generate -->\n```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex SnippetPattern();
}

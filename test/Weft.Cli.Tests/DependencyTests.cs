using System.Xml.Linq;

namespace Weft.Cli.Tests;

/// <summary>The projects and what each may reference: every arrow points down.</summary>
public sealed class DependencyTests
{
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["Weft.Tensors"] = [],
        ["Weft.Tokenizers"] = [],
        ["Weft.Models"] = ["Weft.Tensors"],
        ["Weft.Training"] = ["Weft.Models", "Weft.Tokenizers"],
        ["Weft.Inference"] = ["Weft.Models", "Weft.Tokenizers"],
        ["Weft.Analysis"] = ["Weft.Inference", "Weft.Training"],
        ["Weft.Guide"] = ["Weft.Analysis"],
        ["Weft.Cli"] = ["Weft.Guide"],
    };

    private static readonly Dictionary<string, string[]> s_packages = new()
    {
        ["Weft.Tensors"] = ["Iced", "System.Numerics.Tensors"],
        ["Weft.Training"] = ["BigGustave", "Microsoft.Extensions.FileSystemGlobbing", "Sep"],
        ["Weft.Cli"] = ["Spectre.Console", "System.CommandLine"],
    };

    public static IEnumerable<TheoryDataRow<string>> Projects() =>
        Directory.EnumerateDirectories(Path.Combine(SharedFolder.RepositoryRoot, "src")).Select(static d => new TheoryDataRow<string>(Path.GetFileName(d)));

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_ReferencesOnlyWhatTheTableAllows(string project)
    {
        Assert.True(s_allowed.ContainsKey(project), $"{project} is not in the table of projects.");
        XDocument file = XDocument.Load(Path.Combine(SharedFolder.RepositoryRoot, "src", project, project + ".csproj"));
        Assert.Equal(s_allowed[project].Order(), file.Descendants("ProjectReference").Select(static r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/'))).Order());
        Assert.Equal((s_packages.GetValueOrDefault(project) ?? []).Order(), file.Descendants("PackageReference").Select(static r => r.Attribute("Include")!.Value).Order());
    }
}

using System.Diagnostics;

namespace Weft.Cli.Tests;

/// <summary>The single-file examples build, so that what they show exists.</summary>
public sealed class ExampleTests
{
    public static IEnumerable<TheoryDataRow<string>> Examples() =>
        Directory.EnumerateFiles(Path.Combine(SharedFolder.RepositoryRoot, "examples"), "*.cs").Order().Select(static f => new TheoryDataRow<string>(Path.GetFileName(f)));

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_OfTheFolder_Builds(string name)
    {
        ProcessStartInfo start = new("dotnet") { WorkingDirectory = Path.Combine(SharedFolder.RepositoryRoot, "examples"), RedirectStandardOutput = true };
        foreach (string argument in (string[])["build", name, "--nologo", "-v", "quiet", "-clp:ErrorsOnly"]) start.ArgumentList.Add(argument);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
    }
}

using System.Text.RegularExpressions;

namespace Weft.Cli.Tests;

/// <summary>The README's commands for a model that one has, typed as they stand there.</summary>
public sealed partial class ReadmeCommandTests
{
    [Fact]
    public void Commands_ForAModelThatOneHas_RunAsTheyStandThere_AndExplainTheirOutput()
    {
        using TemporaryFolder folder = new();
        File.CreateSymbolicLink(folder["SmolLM2-135M-Instruct.Q4_1.gguf"], SharedFolder.Require("models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"));
        Directory.CreateSymbolicLink(folder["all-minilm-l6-v2"], SharedFolder.Require("models", "all-minilm-l6-v2"));
        File.WriteAllText(folder["text.txt"], string.Concat(Enumerable.Repeat("Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do. ", 12)));

        string block = BlockPattern().Match(File.ReadAllText(Path.Combine(SharedFolder.RepositoryRoot, "README.md"))).Groups[1].Value;
        string[][] commands = [.. block.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => WordPattern().Matches(line.Trim()).Select(static m => m.Value.Trim('"')).ToArray())];
        Assert.Equal(["chat", "convert", "quantize", "perplexity", "embed"], commands.Select(static c => c[1]));
        string[] says = ["ravity", "Next: weft chat smollm2", "bits per weight", "smollm2.Q4_0.gguf: perplexity", "1 means the same"];
        foreach ((string[] command, string expected) in commands.Zip(says))
        {
            Assert.Equal("weft", command[0]);
            (int code, string output, string errors) = WeftProcess.Run(folder.Path, command[1..]);
            Assert.True(code == 0, $"{string.Join(' ', command)}: {errors}");
            Assert.Contains(expected, output, StringComparison.Ordinal);
        }
    }

    [GeneratedRegex("<!-- commands: model -->\n\n((?:    .*\n)+)")]
    private static partial Regex BlockPattern();

    // Words, or texts in quotes.
    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex WordPattern();
}

namespace Weft.Cli.Tests;

/// <summary>The commands for model files, as a new user runs them on the shared chat model.</summary>
public sealed class ModelFileCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-").FullName;

    private static string Model => SharedFolder.Require("models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");

    private static string Tiny => SharedFolder.RequireGolden("gguf", "models", "llama-Q8_0.gguf");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Chat_OneQuestion_StreamsAnAnswerAndSavesTheTranscript()
    {
        string transcript = Path.Combine(_folder, "talk.json");
        (int code, string output, string errors) = WeftProcess.Run(_folder, "chat", Model, "--prompt", "What is gravity?", "--temperature", "0", "--max-tokens", "20", "--transcript", transcript);
        Assert.True(code == 0, errors);
        Assert.Contains("Gravity", output, StringComparison.Ordinal);
        Assert.Contains("\"role\":\"assistant\"", File.ReadAllText(transcript), StringComparison.Ordinal);
    }

    [Fact]
    public void Chat_WithoutInput_EndsAtOnce()
    {
        (int code, _, string errors) = WeftProcess.Run(_folder, "chat", Model);
        Assert.True(code == 0, errors);
    }

    [Fact]
    public void Chat_WithAModelThatHasNoTemplate_SaysSo()
    {
        (int code, _, string errors) = WeftProcess.Run(_folder, "chat", Tiny, "--prompt", "Hi");
        Assert.Equal(1, code);
        Assert.Contains("no chat template", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ConvertQuantizePerplexityInspect_OneAfterTheOther_Work()
    {
        string text = Path.Combine(_folder, "text.txt");
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("Alice was beginning to get very tired of sitting by her sister on the bank. ", 40)));
        Run("convert", Tiny, "folder");
        Assert.True(File.Exists(Path.Combine(_folder, "folder", "model.safetensors")));
        Assert.Contains("safetensors, 1 file", Run("inspect", "folder", "--tensor", "norm"), StringComparison.Ordinal);
        Run("quantize", "folder", "small.gguf", "--type", "Q4_0", "--imatrix-text", text, "--imatrix-windows", "2");
        string inspected = Run("inspect", "small.gguf");
        Assert.Contains("Q4_0", inspected, StringComparison.Ordinal);
        Assert.Contains("general.architecture", inspected, StringComparison.Ordinal);
        Assert.Contains("Perplexity per token", Run("perplexity", "small.gguf", text, "--window", "64"), StringComparison.Ordinal);
        Assert.Contains("Bits per byte", Run("perplexity", "folder", text, "--window", "64", "--stride", "32", "--windows", "3"), StringComparison.Ordinal);
        Assert.Contains("LlamaForCausalLM", Run("info", "small.gguf"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--dtype 'Q4_0' is not F32, F16 or BF16", "convert", "in.gguf", "out.gguf", "--dtype", "Q4_0")]
    [InlineData("must end with .gguf", "quantize", "in.gguf", "out")]
    [InlineData("'Q9' is not known", "quantize", "in.gguf", "out.gguf", "--type", "Q9")]
    [InlineData("'many' is not a size", "convert", "in.gguf", "out", "--max-file-size", "many")]
    public void WrongUsage_NamesTheOption(string expected, params string[] arguments)
    {
        File.Copy(Tiny, Path.Combine(_folder, "in.gguf"));
        (int code, _, string errors) = WeftProcess.Run(_folder, arguments);
        Assert.Equal(2, code);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chat", "file")]
    [InlineData("generate", "file")]
    [InlineData("perplexity", "file", "text.txt")]
    [InlineData("info", "file")]
    [InlineData("inspect", "file")]
    [InlineData("convert", "file", "out")]
    [InlineData("quantize", "file", "out.gguf")]
    [InlineData("tokenizer", "show", "file", "text")]
    public void File_ThatIsMissingOrCutOff_OrAFolderWithoutAModel_IsNamedInOneLine(params string[] arguments)
    {
        byte[] whole = File.ReadAllBytes(Tiny);
        File.WriteAllText(Path.Combine(_folder, "text.txt"), "A text.");
        File.WriteAllBytes(Path.Combine(_folder, "cut.gguf"), whole[..(whole.Length - 100)]);
        Directory.CreateDirectory(Path.Combine(_folder, "empty"));
        foreach ((string file, string says) in (ReadOnlySpan<(string, string)>)[("missing.gguf", "there is no such file or folder"), ("cut.gguf", "it is not whole"), ("empty", "holds n")])
        {
            (int code, _, string errors) = WeftProcess.Run(_folder, [.. arguments.Select(a => a == "file" ? file : a)]);
            Assert.Equal(1, code);
            string line = Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.StartsWith($"weft: {file}", line, StringComparison.Ordinal);
            Assert.Contains(says, line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TokenizerShow_OfAGgufFile_ShowsPartsOfCharactersAsBytes_AndWritesAPage()
    {
        string page = Path.Combine(_folder, "tokens.html");
        string output = Run("tokenizer", "show", Model, "na\u00EFve \U0001F999", "--html", page);
        Assert.Contains("46494", output, StringComparison.Ordinal); // "ïve"
        Assert.Contains("<0xA6>", output, StringComparison.Ordinal);
        Assert.Contains("title=\"46494  C3AF7665\"", File.ReadAllText(page), StringComparison.Ordinal);
    }

    private string Run(params string[] arguments)
    {
        (int code, string output, string errors) = WeftProcess.Run(_folder, arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {errors}{output}");
        return output;
    }
}

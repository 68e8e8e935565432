using System.CommandLine;
using System.Globalization;
using Weft.Cli.Terminal;
using Weft.Inference;
using Weft.Inference.Conversion;
using Weft.Models.Decoder;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;

namespace Weft.Cli.Commands;

/// <summary><c>weft quantize</c>: fewer bits per weight.</summary>
internal static class QuantizeCommand
{
    private const int Window = 512;

    internal static Command Create()
    {
        Argument<string> source = new("in") { Description = "A GGUF file, a model's or a run's folder, or ORG/NAME." };
        Argument<string> target = new("out") { Description = "The GGUF file to write." };
        Option<string> type = new("--type") { Description = $"One of {string.Join(", ", GgufMixture.All.Select(static m => m.Name))}.", DefaultValueFactory = _ => "Q4_K_M" };
        Option<string?> text = new("--imatrix-text") { Description = "Measure with this text which weights matter, and round the others more freely." };
        Option<int> windows = new("--imatrix-windows") { Description = $"How many windows of {Window} tokens of that text are read.", DefaultValueFactory = _ => 32 };
        Option<int?> threads = Shared.Threads();
        Command command = new("quantize", "Round a model's weights to fewer bits, into a GGUF file.") { source, target, type, text, windows, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            string input = RunFolders.Model(parsed.GetValue(source)), output = parsed.GetValue(target)!;
            if (!output.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) throw new UsageException($"'{output}' must end with .gguf: only GGUF files hold quantized weights.");
            if (Path.GetFullPath(input) == Path.GetFullPath(output)) throw new UsageException("in and out are the same.");
            GgufMixture mixture = Shared.Usage(() => GgufMixture.Of(parsed.GetValue(type)!));
            string? content = parsed.GetValue(text) is { } path ? PerplexityCommand.Read(path) : null;
            return CommandLine.Interruptible(stop => Run(input, output, mixture, content, parsed.GetValue(windows), stop));
        });
        return command.WithExamples(
            "weft quantize my-model my-model.Q4_K_M.gguf",
            "weft quantize model.f16.gguf model.Q4_0.gguf --type Q4_0",
            "weft quantize my-model my-model.gguf --type IQ4_NL --imatrix-text wiki.txt");
    }

    private static int Run(string input, string output, GgufMixture mixture, string? text, int windows, CancellationToken stop)
    {
        using (ProgressLine line = new(onError: true))
        {
            Func<string, float[]?>? importance = text is null ? null : Importance(LanguageModel.Load(input), text, windows, line, stop);
            GgufExport.Write(input, output, mixture, importance, progress: new LineProgress(line));
        }
        long before = Directory.Exists(input) ? Directory.EnumerateFiles(input).Where(static f => f.EndsWith(".safetensors", StringComparison.Ordinal) || f.EndsWith(".bin", StringComparison.Ordinal)).Sum(static f => new FileInfo(f).Length) : new FileInfo(input).Length;
        using GgufFile file = GgufFile.Open(output);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{output}: {PullDisplay.Size(file.ByteLength)} (from {PullDisplay.Size(before)}), {mixture.Name}, {8.0 * file.Entries.Values.Sum(static e => e.ByteLength) / file.Entries.Values.Sum(static e => e.ElementCount):F2} bits per weight"));
        Console.WriteLine($"What it cost: weft perplexity {Shared.Quoted(output)} TEXT --against {Shared.Quoted(input)}");
        return 0;
    }

    private static Func<string, float[]?> Importance(LanguageModel language, string text, int windows, ProgressLine line, CancellationToken stop)
    {
        DecoderModel model = language.Model;
        int[] ids = language.Tokenizer.Encode(text);
        int width = Math.Min(Window, model.Config.ContextLength), count = Math.Min(windows, ids.Length / width);
        if (count < 1) throw new InvalidDataException($"The text for the importance matrix has {ids.Length} tokens; at least one window of {width} is needed.");
        ImportanceMatrix matrix = ImportanceMatrix.Collect(model.Parameters, () =>
        {
            for (int w = 0; w < count; w++)
            {
                stop.ThrowIfCancellationRequested();
                if (line.IsDue) line.Show($"importance: window {w + 1} of {count}");
                TokenScores.LogProbabilities(model, ids.AsSpan(w * width, width));
            }
        });
        Dictionary<string, Tensor> byName = model.Parameters.ToDictionary(static p => p.Name!);
        return name => byName.TryGetValue(name, out Tensor? parameter) ? matrix.Of(parameter) : null;
    }
}

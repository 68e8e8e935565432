using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Spectre.Console;
using Weft.Cli.Terminal;
using Weft.Inference;
using Weft.Models.Families.Gguf;

namespace Weft.Cli.Commands;

/// <summary><c>weft perplexity</c>: how well a model predicts a text.</summary>
internal static class PerplexityCommand
{
    internal static Command Create()
    {
        Argument<string> model = new("model") { Description = "A GGUF file, a model's or a run's folder, or ORG/NAME." };
        Argument<string> text = new("text") { Description = "A text file, .gz too; - reads standard input." };
        Option<int> window = new("--window") { Description = "Tokens that the model reads at once.", DefaultValueFactory = _ => 512 };
        Option<int?> stride = new("--stride") { Description = "By how many tokens the window advances. Below the window every token but the first is judged once, with the overlap before it. Default: the window." };
        Option<bool> secondHalf = new("--second-half") { Description = "Judge only the second half of each window: llama.cpp's definition." };
        Option<int?> windows = new("--windows") { Description = "Only so many windows. Default: the whole text." };
        Option<bool> int8 = new("--int8") { Description = "For a GGUF file: weights as they are stored and activations rounded to eight bits. Default: exact, in float32." };
        Option<bool> each = new("--each") { Description = "Show every window." };
        Option<int?> threads = Shared.Threads();
        Command command = new("perplexity", "Measure how well a model predicts a text: per token, word and byte.") { model, text, window, stride, secondHalf, windows, int8, each, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            string content = Read(parsed.GetValue(text)!);
            LanguageModel language = LanguageModel.Load(RunFolders.Model(parsed.GetValue(model)), compute: parsed.GetValue(int8) ? ComputePath.Int8 : ComputePath.Exact);
            int width = Math.Min(parsed.GetValue(window), language.Model.Config.ContextLength), step = parsed.GetValue(stride) ?? width;
            return CommandLine.Interruptible(stop => Measure(language, content, width, step, parsed.GetValue(secondHalf), parsed.GetValue(windows), parsed.GetValue(each), stop));
        });
        return command.WithExamples(
            "weft perplexity model.gguf wiki.test.txt",
            "weft perplexity model.gguf wiki.test.txt --second-half",
            "weft perplexity my-model text.txt --stride 256");
    }

    private static int Measure(LanguageModel language, string text, int window, int stride, bool secondHalf, int? most, bool each, CancellationToken stop)
    {
        int[] ids = language.Tokenizer.Encode(text);
        if (ids.Length < 2) throw new InvalidDataException($"The text has {ids.Length} tokens; at least 2 are needed.");
        List<PerplexityWindow> measured = [];
        IEnumerable<PerplexityWindow> all = Shared.Usage(() => Perplexity.Measure(language.Model, ids, window, stride, secondHalf, stop));
        int total = most ?? (ids.Length + stride - 1) / stride;
        using (ProgressLine line = new())
        {
            foreach (PerplexityWindow one in most is { } count ? all.Take(count) : all)
            {
                measured.Add(one);
                if (each) line.Write(string.Create(CultureInfo.InvariantCulture, $"{one.Start,9:N0}  {one.ScoredCount,6:N0} tokens  perplexity {Math.Exp(one.NegativeLogLikelihood / one.ScoredCount):F4}"));
                if (line.IsDue) line.Show(string.Create(CultureInfo.InvariantCulture, $"window {measured.Count} of {total}: perplexity so far {Mean(measured):F4}"));
            }
        }
        if (measured.Count == 0) throw new InvalidDataException($"The text has {ids.Length} tokens, less than one window of {window}.");
        Show(language, ids, measured, window, stride, secondHalf);
        return 0;
    }

    private static void Show(LanguageModel language, int[] ids, List<PerplexityWindow> measured, int window, int stride, bool secondHalf)
    {
        double sum = measured.Sum(static w => w.NegativeLogLikelihood);
        int count = measured.Sum(static w => w.ScoredCount), read = measured[^1].Start + measured[^1].Length;
        Table table = new() { Border = TableBorder.Rounded, ShowHeaders = false };
        table.AddColumns("what", "value");
        void Row(string what, FormattableString value) => table.AddRow(Markup.Escape(what), Markup.Escape(value.ToString(CultureInfo.InvariantCulture)));
        Row("Definition", $"windows of {window}, every {stride}; judged: {(secondHalf ? "the second half of each" : stride < window ? "every token but the first, once" : "every token but each window's first")}");
        Row("Tokens", $"{count:N0} judged of {read:N0} read ({ids.Length:N0} in the text)");
        Row("Loss", $"{sum / count:F5} nats per token");
        Row("Perplexity per token", $"{Math.Exp(sum / count):F4}{(measured.Count > 1 ? $" ± {Deviation(measured) * Math.Exp(sum / count):F4}" : "")}");
        if (count == read - 1)
        {
            string text = language.Tokenizer.Decode(ids.AsSpan(0, read));
            int bytes = Encoding.UTF8.GetByteCount(text), words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
            Row("Perplexity per word", $"{Math.Exp(sum / words):F4} ({words:N0} words)");
            Row("Perplexity per byte", $"{Math.Exp(sum / bytes):F4} ({bytes:N0} bytes)");
            Row("Bits per byte", $"{sum / bytes / Math.Log(2):F4}");
        }
        else
        {
            Row("Per word, per byte", $"need every token judged once: use a --stride below the window");
        }
        AnsiConsole.Write(table);
    }

    private static double Mean(List<PerplexityWindow> windows) => Math.Exp(windows.Sum(static w => w.NegativeLogLikelihood) / windows.Sum(static w => w.ScoredCount));

    // The standard error of the mean loss, from how windows scatter.
    private static double Deviation(List<PerplexityWindow> windows)
    {
        double mean = windows.Sum(static w => w.NegativeLogLikelihood) / windows.Sum(static w => w.ScoredCount);
        double variance = windows.Sum(w => Math.Pow(w.NegativeLogLikelihood / w.ScoredCount - mean, 2)) / (windows.Count - 1);
        return Math.Sqrt(variance / windows.Count);
    }

    internal static string Read(string path)
    {
        if (path == "-") return Console.In.ReadToEnd();
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file.");
        using FileStream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

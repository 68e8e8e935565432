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
        Option<string?> against = new("--against") { Description = "Measure this model too, side by side: what a quantization cost." };
        Option<int?> threads = Shared.Threads();
        Command command = new("perplexity", "Measure how well a model predicts a text: per token, word and byte.") { model, text, against, window, stride, secondHalf, windows, int8, each, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            string content = Read(parsed.GetValue(text)!);
            string[] models = parsed.GetValue(against) is { } other ? [parsed.GetValue(model)!, other] : [parsed.GetValue(model)!];
            string[] paths = [.. models.Select(RunFolders.Model)];
            ComputePath compute = parsed.GetValue(int8) ? ComputePath.Int8 : ComputePath.Exact;
            return CommandLine.Interruptible(stop =>
            {
                Measurement[] measured = [.. models.Zip(paths, (name, path) => Measure(Path.GetFileName(Path.TrimEndingDirectorySeparator(name)), LanguageModel.Load(path, compute: compute), content, parsed.GetValue(window), parsed.GetValue(stride), parsed.GetValue(secondHalf), parsed.GetValue(windows), parsed.GetValue(each), stop))];
                Show(measured, parsed.GetValue(secondHalf));
                return 0;
            });
        });
        return command.WithExamples(
            "weft perplexity model.gguf wiki.test.txt",
            "weft perplexity model.Q4_0.gguf wiki.test.txt --against model.gguf",
            "weft perplexity model.gguf wiki.test.txt --second-half",
            "weft perplexity my-model text.txt --stride 256");
    }

    // What was measured of one model: sums over all windows. Words and bytes are there where every token but the first was judged once.
    private sealed record Measurement(string Model, int Window, int Stride, int Judged, int Read, int Total, double Loss, double? Error, int? Words, int? Bytes)
    {
        internal double Perplexity => Math.Exp(Loss);
    }

    private static Measurement Measure(string name, LanguageModel language, string text, int window, int? advance, bool secondHalf, int? most, bool each, CancellationToken stop)
    {
        window = Math.Min(window, language.Model.Config.ContextLength);
        int stride = advance ?? window;
        int[] ids = language.Tokenizer.Encode(text);
        if (ids.Length < 2) throw new InvalidDataException($"The text has {ids.Length} tokens; at least 2 are needed.");
        List<PerplexityWindow> measured = [];
        IEnumerable<PerplexityWindow> all = Shared.Usage(() => Perplexity.Measure(language.Model, ids, window, stride, secondHalf, stop));
        int total = most ?? (ids.Length + stride - 1) / stride;
        using (ProgressLine line = new(onError: true))
        {
            foreach (PerplexityWindow one in most is { } count ? all.Take(count) : all)
            {
                measured.Add(one);
                if (each) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Start,9:N0}  {one.ScoredCount,6:N0} tokens  perplexity {Math.Exp(one.NegativeLogLikelihood / one.ScoredCount):F4}"));
                if (line.IsDue) line.Show(string.Create(CultureInfo.InvariantCulture, $"{name}: window {measured.Count} of {total}: perplexity so far {Math.Exp(Mean(measured)):F4}"));
            }
        }
        if (measured.Count == 0) throw new InvalidDataException($"The text has {ids.Length} tokens, less than one window of {window}.");
        int judged = measured.Sum(static w => w.ScoredCount), read = measured[^1].Start + measured[^1].Length;
        string? judgedText = judged == read - 1 ? language.Tokenizer.Decode(ids.AsSpan(0, read)) : null;
        return new Measurement(name, window, stride, judged, read, ids.Length, Mean(measured), measured.Count > 1 ? Deviation(measured) : null,
            judgedText?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length, judgedText is null ? null : Encoding.UTF8.GetByteCount(judgedText));
    }

    private static void Show(Measurement[] models, bool secondHalf)
    {
        Table table = new() { Border = TableBorder.Rounded, ShowHeaders = models.Length > 1 };
        table.AddColumn("");
        foreach (Measurement model in models) table.AddColumn(Markup.Escape(model.Model));
        void Row(string what, Func<Measurement, FormattableString> value) => table.AddRow([Markup.Escape(what), .. models.Select(m => Markup.Escape(value(m).ToString(CultureInfo.InvariantCulture)))]);
        Row("Definition", m => $"windows of {m.Window}, every {m.Stride}; judged: {(secondHalf ? "the second half of each" : m.Stride < m.Window ? "every token but the first, once" : "every token but each window's first")}");
        Row("Tokens", static m => $"{m.Judged:N0} judged of {m.Read:N0} read ({m.Total:N0} in the text)");
        Row("Loss", static m => $"{m.Loss:F5} nats per token");
        Row("Perplexity per token", static m => $"{m.Perplexity:F4}{(m.Error is { } error ? $" ± {error * m.Perplexity:F4}" : "")}");
        if (models.All(static m => m.Bytes is not null))
        {
            Row("Perplexity per word", static m => $"{Math.Exp(m.Loss * m.Judged / m.Words!.Value):F4} ({m.Words:N0} words)");
            Row("Perplexity per byte", static m => $"{Math.Exp(m.Loss * m.Judged / m.Bytes!.Value):F4} ({m.Bytes:N0} bytes)");
            Row("Bits per byte", static m => $"{m.Loss * m.Judged / m.Bytes!.Value / Math.Log(2):F4}");
        }
        else
        {
            Row("Per word, per byte", static m => $"need every token judged once: --stride {m.Window / 2}");
        }
        AnsiConsole.Write(table);
        Measurement first = models[0];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Lower is better: at each token the model is as unsure as between {first.Perplexity:G3} equally likely ones. ± is one standard error, from how the windows scatter."));
        if (models.Length < 2) return;
        Console.WriteLine(first.Total == models[1].Total
            ? string.Create(CultureInfo.InvariantCulture, $"{first.Model}: perplexity {Math.Abs(100 * (first.Perplexity / models[1].Perplexity - 1)):F2} % {(first.Perplexity >= models[1].Perplexity ? "above" : "below")} that of {models[1].Model}.")
            : "The two cut the text into tokens differently: compare bits per byte (--stride), not tokens.");
    }

    // Nats per token.
    private static double Mean(List<PerplexityWindow> windows) => windows.Sum(static w => w.NegativeLogLikelihood) / windows.Sum(static w => w.ScoredCount);

    // The standard error of the mean loss, from how windows scatter.
    private static double Deviation(List<PerplexityWindow> windows)
    {
        double mean = Mean(windows);
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

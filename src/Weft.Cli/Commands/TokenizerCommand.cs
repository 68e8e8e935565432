using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Cli.Terminal;
using Weft.Tokenizers;
using Weft.Training.Data;

namespace Weft.Cli.Commands;

/// <summary><c>weft tokenizer</c>: trains tokenizers, and shows what they do.</summary>
internal static class TokenizerCommand
{
    internal static Command Create()
    {
        Command command = new("tokenizer", "Train a tokenizer, or look at what one does.");
        command.Subcommands.Add(Train());
        command.Subcommands.Add(Encode());
        command.Subcommands.Add(Decode());
        command.Subcommands.Add(Show());
        return command;
    }

    private static Command Train()
    {
        Argument<string> text = new("text") { Description = "A UTF-8 file, a folder or a pattern in quotes." };
        Option<int> size = new("--vocabulary-size") { Description = "How many tokens.", DefaultValueFactory = _ => 8192 };
        Option<string> kind = new("--kind") { Description = "bpe or character.", DefaultValueFactory = _ => "bpe" };
        kind.AcceptOnlyFromAmong("bpe", "character");
        Option<string> output = new("--out") { Description = "The file to write.", DefaultValueFactory = _ => "tokenizer.json" };
        Command command = new("train", "Train a tokenizer on a text and write tokenizer.json.") { text, size, kind, output };
        command.SetAction(parsed => CommandLine.Interruptible(stop =>
        {
            string corpus = TextFiles.Read(parsed.GetValue(text)!), path = parsed.GetValue(output)!;
            using ProgressLine line = new();
            Tokenizer tokenizer = parsed.GetValue(kind) == "character"
                ? CharacterTokenizer.FromText(corpus)
                : Shared.Usage(() => BytePairTrainer.Train([corpus], new BytePairTrainerConfig { VocabularySize = parsed.GetValue(size) }, new Progress(line), stop));
            line.Dispose();
            tokenizer.Save(path);
            int tokens = tokenizer.Encode(corpus).Length;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {tokenizer.VocabularySize:N0} tokens; the text becomes {tokens:N0} tokens, {(double)corpus.Length / Math.Max(1, tokens):F2} characters each."));
            return 0;
        }));
        return command.WithExamples("weft tokenizer train books.txt --vocabulary-size 4096 --out tokenizer.json");
    }

    private static Command Encode()
    {
        Argument<string> path = Source();
        Argument<string> text = new("text") { Description = "The text; - reads it from standard input." };
        Command command = new("encode", "Print a text's token ids.") { path, text };
        command.SetAction(parsed => Console.WriteLine(string.Join(' ', Load(parsed.GetValue(path)!).Encode(Input(parsed.GetValue(text)!)))));
        return command.WithExamples("weft tokenizer encode runs/my-run \"Hello, world\"");
    }

    private static Command Decode()
    {
        Argument<string> path = Source();
        Argument<string[]> ids = new("ids") { Description = "Token ids; - reads them from standard input." };
        Command command = new("decode", "Print the text of token ids.") { path, ids };
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Load(parsed.GetValue(path)!);
            string all = string.Join(' ', (parsed.GetValue(ids) ?? []).Select(Input));
            List<int> numbers = [];
            foreach (string word in all.Split([' ', ',', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries))
            {
                if (!int.TryParse(word, CultureInfo.InvariantCulture, out int id)) throw new UsageException($"'{word}' is not a token id.");
                if ((uint)id >= (uint)tokenizer.VocabularySize) throw new UsageException($"token id {id} is not below the vocabulary size {tokenizer.VocabularySize}.");
                numbers.Add(id);
            }
            Console.WriteLine(tokenizer.Decode(numbers.ToArray()));
        });
        return command.WithExamples("weft tokenizer decode runs/my-run 72 101 108 108 111");
    }

    private static Command Show()
    {
        Argument<string> path = Source();
        Argument<string> text = new("text") { Description = "The text; - reads it from standard input." };
        Command command = new("show", "Show how a text is cut: each token in a colour, with its id and bytes.") { path, text };
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Load(parsed.GetValue(path)!);
            string input = Input(parsed.GetValue(text)!);
            int[] ids = tokenizer.Encode(input);
            string[] colors = ["black on aqua", "black on yellow", "black on lime", "white on purple", "white on blue"];
            AnsiConsole.MarkupLine(string.Concat(ids.Select((id, i) => $"[{colors[i % colors.Length]}]{Markup.Escape(Visible(tokenizer.TokenText(id)))}[/]")));
            Table table = new() { Border = TableBorder.Rounded };
            table.AddColumns("#", "id", "text", "bytes");
            for (int i = 0; i < ids.Length; i++)
                table.AddRow($"{i}", $"{ids[i]}", Markup.Escape(Visible(tokenizer.TokenText(ids[i]))), Convert.ToHexString(tokenizer.TokenBytes(ids[i])));
            AnsiConsole.Write(table);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ids.Length} tokens for {input.Length} characters."));
        });
        return command.WithExamples("weft tokenizer show runs/my-run \"Once upon a time\"");
    }

    private static Argument<string> Source() => new("tokenizer") { Description = "A tokenizer.json, or a model's or a run's folder." };

    private static Tokenizer Load(string path) => Tokenizer.Load(File.Exists(path) ? path : RunFolders.Model(path));

    private static string Input(string text) => text == "-" ? Console.In.ReadToEnd() : text;

    private static string Visible(string text) => text.Replace(' ', '·').Replace("\n", "⏎", StringComparison.Ordinal).Replace("\t", "⇥", StringComparison.Ordinal);

    private sealed class Progress(ProgressLine line) : IProgress<TokenizerTrainingProgress>
    {
        public void Report(TokenizerTrainingProgress value)
        {
            if (line.IsDue) line.Show(string.Create(CultureInfo.InvariantCulture, $"{value.Phase}: {value.DoneCount:N0}/{value.TotalCount:N0}"));
        }
    }
}

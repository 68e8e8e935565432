using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Cli.Terminal;
using Weft.Inference;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
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
        return command.WithExamples(
            "weft tokenizer show model.gguf \"Once upon a time\"",
            "weft tokenizer train books.txt --vocabulary-size 4096",
            "weft tokenizer encode my-model \"Hello, world\"");
    }

    private static Command Train()
    {
        Argument<string> text = new("text") { Description = "A UTF-8 file, a folder or a pattern in quotes." };
        Option<int> size = new("--vocabulary-size") { Description = "How many tokens.", DefaultValueFactory = _ => 8192 };
        Option<string> kind = new("--kind") { Description = "bpe (byte-level, GPT-2's cut), wordpiece (lower case, BERT's cut), unigram (SentencePiece's) or character.", DefaultValueFactory = _ => "bpe" };
        kind.AcceptOnlyFromAmong("bpe", "wordpiece", "unigram", "character");
        Option<string> output = new("--out") { Description = "The file to write.", DefaultValueFactory = _ => "tokenizer.json" };
        Command command = new("train", "Train a tokenizer on a text and write tokenizer.json.") { text, size, kind, output };
        command.SetAction(parsed => CommandLine.Interruptible(stop =>
        {
            string corpus = TextFiles.Read(parsed.GetValue(text)!), path = parsed.GetValue(output)!;
            using ProgressLine line = new();
            Tokenizer tokenizer = Shared.Usage(() => Learn(parsed.GetValue(kind)!, corpus, parsed.GetValue(size), new Progress(line), stop));
            line.Dispose();
            tokenizer.Save(path);
            int tokens = tokenizer.Encode(corpus).Length;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {tokenizer.VocabularySize:N0} tokens; the text becomes {tokens:N0} tokens, {(double)corpus.Length / Math.Max(1, tokens):F2} characters each."));
            return 0;
        }));
        return command.WithExamples(
            "weft tokenizer train books.txt --vocabulary-size 4096 --out tokenizer.json",
            "weft tokenizer train \"books/*.txt\" --kind unigram --vocabulary-size 8000");
    }

    // The usual company of each kind of vocabulary, as in the models that made it known.
    private static Tokenizer Learn(string kind, string corpus, int size, IProgress<TokenizerTrainingProgress> progress, CancellationToken stop)
    {
        string[] lines = [.. corpus.Split('\n').Select(static line => line + "\n")];
        return kind switch
        {
            "character" => CharacterTokenizer.FromText(corpus),
            "wordpiece" => TokenizerTrainer.Train(
                """
                { "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true }, "pre_tokenizer": { "type": "BertPreTokenizer" },
                  "post_processor": { "type": "TemplateProcessing",
                    "single": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }],
                    "pair": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }, { "SpecialToken": { "id": "[SEP]", "type_id": 1 } }],
                    "special_tokens": { "[CLS]": { "id": "[CLS]", "ids": [2], "tokens": ["[CLS]"] }, "[SEP]": { "id": "[SEP]", "ids": [3], "tokens": ["[SEP]"] } } },
                  "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true } }
                """,
                new WordPieceVocabularyConfig { VocabularySize = size, SpecialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] }, lines, progress, stop),
            "unigram" => TokenizerTrainer.Train(
                """
                { "normalizer": { "type": "NFKC" }, "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
                  "post_processor": null, "decoder": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true } }
                """,
                new UnigramVocabularyConfig { VocabularySize = size, SpecialTokens = ["<unk>", "<s>", "</s>"], UnknownToken = "<unk>" }, lines, progress, stop),
            _ => BytePairTrainer.Train([corpus], new BytePairTrainerConfig { VocabularySize = size }, progress, stop),
        };
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
        Option<string?> html = new("--html") { Description = "Also write it to this file, a page that opens offline." };
        Command command = new("show", "Show how a text is cut: each token in a colour, with its id, bytes and place.") { path, text, html };
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Load(parsed.GetValue(path)!);
            string input = Input(parsed.GetValue(text)!);
            ShownToken[] tokens = ShownToken.Of(tokenizer, input);
            string[] colors = ["black on aqua", "black on yellow", "black on lime", "white on purple", "white on blue"];
            AnsiConsole.MarkupLine(string.Concat(tokens.Select((token, i) => $"[{colors[i % colors.Length]}]{Markup.Escape(token.Visible)}[/]")));
            Table table = new() { Border = TableBorder.Rounded };
            table.AddColumns("#", "id", "text", "bytes", "place");
            for (int i = 0; i < tokens.Length; i++)
                table.AddRow($"{i}", $"{tokens[i].Id}", Markup.Escape(tokens[i].Visible), tokens[i].Bytes, tokens[i].Place);
            AnsiConsole.Write(table);
            string summary = string.Create(CultureInfo.InvariantCulture, $"{tokens.Length} tokens for {input.Length} characters. Places count code points.");
            Console.WriteLine(summary);
            if (parsed.GetValue(html) is not { } file) return;
            AtomicFile.WriteText(file, ShownToken.Page(tokens, summary));
            Console.WriteLine(file);
        });
        return command.WithExamples("weft tokenizer show runs/my-run \"Once upon a time\"", "weft tokenizer show tokenizer.json - --html tokens.html < text.txt");
    }

    private static Argument<string> Source() => new("tokenizer") { Description = "A tokenizer.json, .model, .tiktoken, vocab.txt or GGUF file, a model's or a run's folder, or ORG/NAME." };

    private static Tokenizer Load(string path)
    {
        if (!File.Exists(path)) path = RunFolders.Model(path);
        if (!File.Exists(path) || !(path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) || GgufFile.HasMagic(path))) return Tokenizer.Load(path);
        using GgufFile file = GgufFile.Open(path);
        return GgufTokenizer.Read(file);
    }

    private static string Input(string text) => text == "-" ? Console.In.ReadToEnd() : text;

    private sealed class Progress(ProgressLine line) : IProgress<TokenizerTrainingProgress>
    {
        public void Report(TokenizerTrainingProgress value)
        {
            if (line.IsDue) line.Show(string.Create(CultureInfo.InvariantCulture, $"{value.Phase}: {value.DoneCount:N0}/{value.TotalCount:N0}"));
        }
    }
}

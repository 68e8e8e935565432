using System.CommandLine;
using Weft.Inference;

namespace Weft.Cli.Commands;

/// <summary><c>weft seq2seq</c>, also called <c>weft translate</c>: rewrites texts with an encoder-decoder.</summary>
internal static class Seq2SeqCommand
{
    internal static Command Create()
    {
        Argument<string> model = new("model") { Description = "An encoder-decoder's folder (T5, BART, Marian), or ORG/NAME." };
        Argument<string[]> texts = new("texts") { Description = "Texts; - reads one from each line of standard input.", Arity = ArgumentArity.OneOrMore };
        Option<string> prefix = new("--prefix") { Description = "Put before each text, such as \"translate English to German: \".", DefaultValueFactory = _ => "" };
        Option<int> beams = new("--beams") { Description = "How many beginnings are followed side by side; 1 always takes the likeliest token.", DefaultValueFactory = _ => 4 };
        Option<double> penalty = new("--length-penalty") { Description = "Above 0 favours long texts.", DefaultValueFactory = _ => 1 };
        Option<int> noRepeat = new("--no-repeat") { Description = "Never write a run of so many tokens twice; 0 allows all.", DefaultValueFactory = _ => 0 };
        Option<int> maxTokens = new("--max-tokens") { Description = "The most tokens to write.", DefaultValueFactory = _ => 128 };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Option<int?> threads = Shared.Threads();
        Command command = new("seq2seq", "Translate, summarise or rewrite texts with an encoder-decoder.") { model, texts, prefix, beams, penalty, noRepeat, maxTokens, json, threads };
        command.Aliases.Add("translate");
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            if (parsed.GetValue(beams) < 1) throw new UsageException($"--beams {parsed.GetValue(beams)} must be at least 1.");
            if (parsed.GetValue(maxTokens) < 1) throw new UsageException($"--max-tokens {parsed.GetValue(maxTokens)} must be at least 1.");
            if (parsed.GetValue(noRepeat) < 0) throw new UsageException($"--no-repeat {parsed.GetValue(noRepeat)} must not be negative.");
            string[] given = [.. parsed.GetValue(texts)!.SelectMany(static t => t == "-" ? Console.In.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : [t])];
            SequenceWriter writer = SequenceWriter.Load(RunFolders.ModelFolder(parsed.GetValue(model)));
            return CommandLine.Interruptible(stop =>
            {
                List<(string Text, string Written)> all = [];
                foreach (string text in given)
                {
                    if (stop.IsCancellationRequested) return CommandLine.Interrupted;
                    string written = writer.Write(parsed.GetValue(prefix) + text, parsed.GetValue(maxTokens), parsed.GetValue(beams), parsed.GetValue(penalty), parsed.GetValue(noRepeat));
                    if (!parsed.GetValue(json)) Console.WriteLine(written);
                    all.Add((text, written));
                }
                if (!parsed.GetValue(json)) return 0;
                Shared.PrintJson(output =>
                {
                    output.WriteStartArray();
                    foreach ((string text, string written) in all)
                    {
                        output.WriteStartObject();
                        output.WriteString("text", text);
                        output.WriteString("written", written);
                        output.WriteEndObject();
                    }
                    output.WriteEndArray();
                });
                return 0;
            });
        });
        return command.WithExamples(
            "weft translate Helsinki-NLP/opus-mt-en-de \"The house is wonderful.\"",
            "weft seq2seq google-t5/t5-small --prefix \"translate English to German: \" \"The house is wonderful.\"",
            "cat article.txt | weft seq2seq facebook/bart-large-cnn - --no-repeat 3 --max-tokens 100");
    }
}

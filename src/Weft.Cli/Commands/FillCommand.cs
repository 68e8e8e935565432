using System.CommandLine;
using System.Globalization;
using Weft.Inference.Encoders;

namespace Weft.Cli.Commands;

/// <summary><c>weft fill</c>: the likeliest words of a gap.</summary>
internal static class FillCommand
{
    internal static Command Create()
    {
        Argument<string> model = new("model") { Description = "A masked language model's folder (BERT, RoBERTa, ..), or ORG/NAME." };
        Argument<string> text = new("text") { Description = "A text with gaps written as the model writes them, [MASK] or <mask>; - reads standard input." };
        Option<int> top = new("--top") { Description = "How many words for each gap.", DefaultValueFactory = _ => 5 };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Option<int?> threads = Shared.Threads();
        Command command = new("fill", "Fill the gaps of a text with a masked language model.") { model, text, top, json, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            if (parsed.GetValue(top) < 1) throw new UsageException($"--top {parsed.GetValue(top)} must be at least 1.");
            MaskFiller filler = Shared.Usage(() => MaskFiller.Load(RunFolders.ModelFolder(parsed.GetValue(model))));
            FilledToken[][] gaps = Shared.Usage(() => filler.Fill(Shared.Input(parsed.GetValue(text)!), parsed.GetValue(top)));
            if (parsed.GetValue(json))
            {
                Shared.PrintJson(writer =>
                {
                    writer.WriteStartArray();
                    foreach (FilledToken[] gap in gaps)
                    {
                        writer.WriteStartArray();
                        foreach (FilledToken token in gap)
                        {
                            writer.WriteStartObject();
                            writer.WriteNumber("id", token.Id);
                            writer.WriteString("text", token.Text);
                            writer.WriteNumber("probability", token.Probability);
                            writer.WriteEndObject();
                        }
                        writer.WriteEndArray();
                    }
                    writer.WriteEndArray();
                });
                return;
            }
            for (int i = 0; i < gaps.Length; i++)
            {
                if (gaps.Length > 1) Console.WriteLine($"{filler.MaskToken} {i + 1}");
                foreach (FilledToken token in gaps[i]) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{token.Probability,8:P1}  {token.Text}"));
            }
        });
        return command.WithExamples("weft fill google-bert/bert-base-uncased \"Paris is the capital of [MASK].\"", "weft fill ./roberta \"She <mask> the piano.\" --top 3 --json");
    }
}

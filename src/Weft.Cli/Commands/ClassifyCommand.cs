using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Weft.Inference.Encoders;

namespace Weft.Cli.Commands;

/// <summary><c>weft classify</c>: the labels of texts, or of their tokens.</summary>
internal static class ClassifyCommand
{
    internal static Command Create()
    {
        Argument<string> model = new("model") { Description = "A classifier's folder (an encoder for texts or for tokens), or ORG/NAME." };
        Argument<string[]> texts = new("texts") { Description = "Texts; - reads one from each line of standard input.", Arity = ArgumentArity.OneOrMore };
        Option<int> top = new("--top") { Description = "How many labels of each text; 0 for all.", DefaultValueFactory = _ => 0 };
        Option<bool> json = new("--json") { Description = "Print JSON." };
        Option<int?> threads = Shared.Threads();
        Command command = new("classify", "Label texts, or their tokens, with a classifier.") { model, texts, top, json, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            int count = parsed.GetValue(top) is var n && n < 0 ? throw new UsageException($"--top {n} must not be negative.") : n == 0 ? int.MaxValue : n;
            string[] given = [.. parsed.GetValue(texts)!.SelectMany(static t => t == "-" ? Console.In.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : [t])];
            TextClassifier classifier = Shared.Usage(() => TextClassifier.Load(RunFolders.ModelFolder(parsed.GetValue(model))));
            if (parsed.GetValue(json))
            {
                Shared.PrintJson(writer =>
                {
                    writer.WriteStartArray();
                    foreach (string text in given) Write(writer, classifier, text, count);
                    writer.WriteEndArray();
                });
                return;
            }
            foreach (string text in given)
            {
                if (given.Length > 1) Console.WriteLine(Shared.Short(text, 100));
                if (classifier.LabelsTokens)
                    foreach ((string token, LabelScore label) in classifier.Tag(text)) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{label.Score,8:P1}  {label.Label,-16} {token}"));
                else
                    foreach (LabelScore label in classifier.Classify(text).Take(count)) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{label.Score,9:F4}  {label.Label}"));
            }
        });
        return command.WithExamples("weft classify ./sentiment \"What a wonderful film!\"", "cat reviews.txt | weft classify ./sentiment - --top 1 --json", "weft classify ./entities \"Ada Lovelace lived in London.\"");
    }

    private static void Write(Utf8JsonWriter writer, TextClassifier classifier, string text, int count)
    {
        writer.WriteStartObject();
        writer.WriteString("text", text);
        writer.WriteStartArray(classifier.LabelsTokens ? "tokens" : "labels");
        (string? Token, LabelScore Label)[] rows = classifier.LabelsTokens
            ? [.. classifier.Tag(text).Select(static t => ((string?)t.Token, t.Label))]
            : [.. classifier.Classify(text).Take(count).Select(static l => ((string?)null, l))];
        foreach ((string? token, LabelScore label) in rows)
        {
            writer.WriteStartObject();
            if (token is not null) writer.WriteString("token", token);
            writer.WriteString("label", label.Label);
            writer.WriteNumber("score", label.Score);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Weft.Inference.Encoders;
using Weft.Tensors;

namespace Weft.Cli.Commands;

/// <summary><c>weft embed</c>: sentence embeddings, how alike texts are, search over a folder by meaning.</summary>
internal static class EmbedCommand
{
    // Passages of a searched folder: a paragraph, or a part of one that fits the usual 256 tokens.
    private const int PassageCharacters = 800;

    internal static Command Create()
    {
        Argument<string> model = new("model") { Description = "A sentence encoder's folder, or ORG/NAME." };
        Argument<string[]> texts = new("texts") { Description = "Texts; - reads one from each line of standard input. One prints its vector, several how alike they are.", Arity = ArgumentArity.ZeroOrMore };
        Option<string?> search = new("--search") { Description = "Find the passages that are closest to this text." };
        Option<string> folder = new("--in") { Description = "The file or folder that --search looks through (.txt, .md, .cs and other texts).", DefaultValueFactory = _ => "." };
        Option<int> top = new("--top") { Description = "How many passages.", DefaultValueFactory = _ => 5 };
        Option<bool> json = new("--json") { Description = "Print JSON: vectors and similarities, or passages." };
        Option<int?> threads = Shared.Threads();
        Command command = new("embed", "Turn texts into vectors of meaning: compare them, or search a folder.") { model, texts, search, folder, top, json, threads };
        command.SetAction(parsed =>
        {
            Shared.SetThreads(parsed.GetValue(threads));
            string[] given = [.. (parsed.GetValue(texts) ?? []).SelectMany(static t => t == "-" ? Console.In.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : [t])];
            string? query = parsed.GetValue(search);
            if (query is null && given.Length == 0) throw new UsageException("there is nothing to embed: give texts, or --search TEXT --in FOLDER.");
            if (query is not null && given.Length > 0) throw new UsageException("give texts or --search, not both.");
            if (parsed.GetValue(top) < 1) throw new UsageException($"--top {parsed.GetValue(top)} must be at least 1.");
            Passage[] passages = query is null ? [] : Passages(parsed.GetValue(folder)!);
            SentenceEncoder encoder = SentenceEncoder.Load(RunFolders.ModelFolder(parsed.GetValue(model)));
            return CommandLine.Interruptible(stop => query is null
                ? Compare(encoder, given, parsed.GetValue(json), stop)
                : Search(encoder, query, passages, parsed.GetValue(top), parsed.GetValue(json), stop));
        });
        return command.WithExamples(
            "weft embed sentence-transformers/all-MiniLM-L6-v2 \"a cat on a mat\" \"a dog on a rug\" \"stock prices fell\"",
            "weft embed ./all-minilm --search \"how are gradients clipped\" --in docs --top 3",
            "cat lines.txt | weft embed ./all-minilm - --json > vectors.json");
    }

    private static int Compare(SentenceEncoder encoder, string[] texts, bool json, CancellationToken stop)
    {
        Tensor vectors = encoder.Encode(texts, stop), similarity = vectors.MatMul(vectors.Transpose()); // [n, C], [n, n]
        if (json)
        {
            Shared.PrintJson(writer =>
            {
                writer.WriteStartObject();
                writer.WriteNumber("size", encoder.Size);
                writer.WriteStartArray("texts");
                foreach (string text in texts) writer.WriteStringValue(text);
                writer.WriteEndArray();
                WriteMatrix(writer, "vectors", vectors);
                WriteMatrix(writer, "similarity", similarity);
                writer.WriteEndObject();
            });
            return 0;
        }
        if (texts.Length == 1)
        {
            Console.WriteLine(string.Join(' ', vectors.ToArray<float>().Select(static v => v.ToString("G7", CultureInfo.InvariantCulture))));
            return 0;
        }
        for (int i = 0; i < texts.Length; i++) Console.WriteLine($"{i + 1,3}  {Shared.Short(texts[i], 90)}");
        Console.WriteLine();
        Console.WriteLine("     " + string.Concat(texts.Select(static (_, j) => $"{j + 1,7}")));
        for (int i = 0; i < texts.Length; i++)
            Console.WriteLine($"{i + 1,3}  " + string.Concat(texts.Select((_, j) => similarity[i, j].ToString("F3", CultureInfo.InvariantCulture).PadLeft(7))));
        Console.WriteLine();
        Console.WriteLine("1 means the same, 0 unrelated (the cosine of the angle between the vectors).");
        return 0;
    }

    private static int Search(SentenceEncoder encoder, string query, Passage[] passages, int top, bool json, CancellationToken stop)
    {
        Tensor wanted = encoder.Encode([query], stop), vectors = encoder.Encode([.. passages.Select(static p => p.Text)], stop);
        float[] scores = vectors.MatMul(wanted.Transpose()).ToArray<float>();
        (Passage Passage, float Score)[] best = [.. passages.Select((p, i) => (p, scores[i])).OrderByDescending(static p => p.Item2).Take(top)];
        if (json)
        {
            Shared.PrintJson(writer =>
            {
                writer.WriteStartArray();
                foreach ((Passage passage, float score) in best)
                {
                    writer.WriteStartObject();
                    writer.WriteString("file", passage.File);
                    writer.WriteNumber("line", passage.Line);
                    writer.WriteNumber("score", score);
                    writer.WriteString("text", passage.Text);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
            });
            return 0;
        }
        foreach ((Passage passage, float score) in best)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{score:F3}  {passage.File}:{passage.Line}  {Shared.Short(passage.Text, 100)}"));
        return 0;
    }

    private static Passage[] Passages(string path)
    {
        string[] endings = [".txt", ".md", ".cs", ".json", ".html", ".csv", ".py", ".rst", ".tex"];
        bool folder = Directory.Exists(path);
        if (!folder && !File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file or folder.");
        string[] files = folder ? [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(f => endings.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)] : [path];
        Passage[] passages = [.. files.SelectMany(PassagesOf)];
        return passages.Length > 0 ? passages : throw new UsageException($"{path} holds no text to search.");
    }

    // Paragraphs, long ones in parts.
    private static IEnumerable<Passage> PassagesOf(string file)
    {
        List<string> lines = [];
        int first = 0, number = 0;
        foreach (string line in File.ReadLines(file).Append(""))
        {
            number++;
            bool blank = string.IsNullOrWhiteSpace(line);
            if (!blank)
            {
                if (lines.Count == 0) first = number;
                lines.Add(line.Trim());
            }
            if (lines.Count > 0 && (blank || lines.Sum(static l => l.Length) > PassageCharacters))
            {
                yield return new Passage(file, first, string.Join(' ', lines));
                lines.Clear();
            }
        }
    }

    private static void WriteMatrix(Utf8JsonWriter writer, string name, Tensor matrix)
    {
        writer.WriteStartArray(name);
        for (int i = 0; i < matrix.Shape[0]; i++)
        {
            writer.WriteStartArray();
            foreach (float value in matrix.Select(0, i).ToArray<float>()) writer.WriteNumberValue(value);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
    }

    private sealed record Passage(string File, int Line, string Text);
}

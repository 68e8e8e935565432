using System.Text;
using Weft.Training.Runs;

namespace Weft.Bench.Results;

/// <summary>A file per processor under <c>bench/results</c>: the products and steps first, then a section for each other benchmark.</summary>
internal static class ResultFile
{
    /// <summary>Puts a row (<c>| work | ...</c>) into a section's table, or a note (<c>- work: ...</c>) below it, in the place of the same work's earlier one.</summary>
    /// <param name="section">The section's title; null for what stands before the first.</param>
    /// <param name="head">The lines of a section that is not there yet: what is said of it, and the head of its table.</param>
    /// <param name="row">The row or note; up to its second bar, or its first colon, it says which work it is.</param>
    internal static void Put(string? section, IReadOnlyList<string> head, string row)
    {
        if (Root() is not { } root) return;
        string folder = Directory.CreateDirectory(Path.Combine(root, "bench", "results")).FullName;
        Dictionary<string, string> machine = new(MachineDescription.Collect());
        string path = Path.Combine(folder, FileName(machine["Processor"], machine["Cores"]) + ".md");
        string about = $"{machine["Instruction sets"]}. .NET {machine[".NET"]}.";
        List<string> lines = File.Exists(path) ? [.. File.ReadAllLines(path)] : [$"# {machine["Processor"]}, {machine["Cores"]} cores", ""];

        int start = section is null ? 0 : lines.IndexOf($"## {section}");
        if (start < 0)
        {
            if (lines[^1].Length > 0) lines.Add("");
            start = lines.Count;
            lines.AddRange([$"## {section}", "", $"{about} {head[0]}", .. head.Skip(1)]);
        }
        int end = lines.FindIndex(start + 1, static l => l.StartsWith("## ", StringComparison.Ordinal));
        if (end < 0) end = lines.Count;
        if (!lines[start..end].Contains(head[^1]))
        {
            string[] begun = [$"{about} {head[0]}", .. head.Skip(1)];
            lines.InsertRange(start + 2, begun);
            end += begun.Length;
        }
        while (end > start && lines[end - 1].Length == 0) end--;

        string key = row[0] == '|' ? row[..(row.IndexOf('|', 2) + 1)] : row[..(row.IndexOf(':', StringComparison.Ordinal) + 1)];
        int at = lines.FindIndex(start, end - start, l => l.StartsWith(key, StringComparison.Ordinal));
        if (at >= 0) lines[at] = row;
        else if (row[0] == '|') lines.Insert(lines.FindLastIndex(end - 1, end - start, static l => l.StartsWith('|')) + 1, row);
        else if (lines[end - 1].StartsWith('|')) lines.InsertRange(end, ["", row]);
        else lines.Insert(end, row);
        File.WriteAllLines(path, lines);
    }

    /// <summary>The middle of some values, or the mean of the two in the middle.</summary>
    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The repository that this program was built in, or null.</summary>
    internal static string? Root()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Weft.slnx"))) return folder.FullName;
        return null;
    }

    private static string FileName(string processor, string cores)
    {
        StringBuilder name = new();
        foreach (char c in $"{processor}-{cores}-cores".Replace("(R)", "", StringComparison.Ordinal).ToLowerInvariant())
            if (char.IsAsciiLetterOrDigit(c)) name.Append(c);
            else if (name is not [.., '-']) name.Append('-');
        return name.ToString();
    }
}

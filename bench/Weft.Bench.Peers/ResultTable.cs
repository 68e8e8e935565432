using System.Globalization;
using System.Text;
using Weft.Training.Runs;

namespace Weft.Bench.Peers;

/// <summary>Prints a comparison, and keeps it in a table per processor under <c>bench/results</c>.</summary>
internal static class ResultTable
{
    /// <summary>Prints a row and puts it into the processor's table, in the place of the same work's earlier row.</summary>
    internal static void Write(string section, string name, Pairs pairs, double? apart)
    {
        (List<double> ours, List<double> theirs, List<double> ratios) = (pairs.Ours, pairs.Theirs, pairs.Ratios);
        string row = string.Create(CultureInfo.InvariantCulture,
            $"| {section}: {name} | {Time(Median(ours))} | {Time(Median(theirs))} | **{Median(ratios):F2}** | {ratios.Min():F2} to {ratios.Max():F2} | {ratios.Count} | {(apart is { } a ? a.ToString("E1", CultureInfo.InvariantCulture) : "")} | {DateTime.UtcNow:yyyy-MM-dd} |");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{section}: {name}: Weft {Time(Median(ours))} ms, libtorch {Time(Median(theirs))} ms: Weft is {Median(ratios):F2} times as fast ({ratios.Min():F2} to {ratios.Max():F2} over {ratios.Count} pairs)"));
        Put(row, row[..(row.IndexOf('|', 2) + 1)]);
    }

    /// <summary>Prints a figure that has no peer, and keeps it below the table, in the place of the same work's earlier one.</summary>
    internal static void Note(string work, string figure)
    {
        Console.WriteLine($"{work}: {figure}");
        Put($"- {work}: {figure} ({DateTime.UtcNow:yyyy-MM-dd})", $"- {work}:");
    }

    private static string Time(double milliseconds) => milliseconds.ToString(milliseconds < 1 ? "F4" : milliseconds < 10 ? "F2" : "F1", CultureInfo.InvariantCulture);

    private static void Put(string row, string key)
    {
        string? folder = ResultsFolder();
        if (folder is null) return;
        IReadOnlyDictionary<string, string> machine = new Dictionary<string, string>(MachineDescription.Collect());
        string path = Path.Combine(folder, FileName(machine["Processor"], machine["Cores"]) + ".md");
        List<string> lines = File.Exists(path) ? [.. File.ReadAllLines(path)] : [.. Head(machine)];
        int at = lines.FindIndex(l => l.StartsWith(key, StringComparison.Ordinal));
        if (at >= 0)
        {
            lines[at] = row;
        }
        else if (row[0] == '|')
        {
            lines.Insert(lines.FindLastIndex(static l => l.StartsWith('|')) + 1, row);
        }
        else
        {
            if (lines[^1].StartsWith('|')) lines.Add("");
            lines.Add(row);
        }
        File.WriteAllLines(path, lines);
    }

    internal static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static IEnumerable<string> Head(IReadOnlyDictionary<string, string> machine) =>
    [
        $"# {machine["Processor"]}, {machine["Cores"]} cores",
        "",
        $"{machine["Instruction sets"]}. .NET {machine[".NET"]}. Peer: libtorch 2.10 through TorchSharp 0.107, tuned malloc, the same number of threads.",
        "Times in milliseconds, medians of interleaved pairs; ratio is libtorch's time by Weft's, pair by pair. Losses: how far the two sides are apart over the first steps.",
        "",
        "| work | Weft | libtorch | ratio | spread | pairs | losses apart | date |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | --- |",
    ];

    private static string FileName(string processor, string cores)
    {
        StringBuilder name = new();
        foreach (char c in $"{processor}-{cores}-cores".Replace("(R)", "", StringComparison.Ordinal).ToLowerInvariant())
            if (char.IsAsciiLetterOrDigit(c)) name.Append(c);
            else if (name is not [.., '-']) name.Append('-');
        return name.ToString();
    }

    private static string? ResultsFolder() => Root() is { } root ? Directory.CreateDirectory(Path.Combine(root, "bench", "results")).FullName : null;

    /// <summary>The repository that this program was built in, or null.</summary>
    internal static string? Root()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Weft.slnx"))) return folder.FullName;
        return null;
    }
}

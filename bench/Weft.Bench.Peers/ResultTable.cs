using System.Globalization;
using Weft.Bench.Results;

namespace Weft.Bench.Peers;

/// <summary>Prints a comparison, and keeps it in a table per processor under <c>bench/results</c>.</summary>
internal static class ResultTable
{
    private static readonly string[] s_head =
    [
        "Peer: libtorch 2.10 through TorchSharp 0.107, malloc tuned where nothing else is said, the same number of threads.",
        "Times in milliseconds, medians of interleaved pairs; ratio is libtorch's time by Weft's, pair by pair. Losses: how far the two sides are apart over the first steps.",
        "",
        "| work | Weft | libtorch | ratio | spread | pairs | losses apart | date |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | --- |",
    ];

    /// <summary>Prints a row and puts it into the processor's table, in the place of the same work's earlier row.</summary>
    internal static void Write(string section, string name, Pairs pairs, double? apart)
    {
        (List<double> ours, List<double> theirs, List<double> ratios) = (pairs.Ours, pairs.Theirs, pairs.Ratios);
        string row = string.Create(CultureInfo.InvariantCulture,
            $"| {section}: {name} | {Time(Median(ours))} | {Time(Median(theirs))} | **{Median(ratios):F2}** | {ratios.Min():F2} to {ratios.Max():F2} | {ratios.Count} | {(apart is { } a ? a.ToString("E1", CultureInfo.InvariantCulture) : "")} | {DateTime.UtcNow:yyyy-MM-dd} |");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{section}: {name}: Weft {Time(Median(ours))} ms, libtorch {Time(Median(theirs))} ms: Weft is {Median(ratios):F2} times as fast ({ratios.Min():F2} to {ratios.Max():F2} over {ratios.Count} pairs)"));
        ResultFile.Put(null, s_head, row);
    }

    /// <summary>Prints a figure that has no peer, and keeps it below the table, in the place of the same work's earlier one.</summary>
    internal static void Note(string work, string figure)
    {
        Console.WriteLine($"{work}: {figure}");
        ResultFile.Put(null, s_head, $"- {work}: {figure} ({DateTime.UtcNow:yyyy-MM-dd})");
    }

    /// <inheritdoc cref="ResultFile.Median"/>
    internal static double Median(List<double> values) => ResultFile.Median(values);

    /// <inheritdoc cref="ResultFile.Root"/>
    internal static string? Root() => ResultFile.Root();

    private static string Time(double milliseconds) => milliseconds.ToString(milliseconds < 1 ? "F4" : milliseconds < 10 ? "F2" : "F1", CultureInfo.InvariantCulture);
}

using System.Globalization;
using Weft.Guide.Stories;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Training.Runs;

namespace Weft.Cli.Terminal;

/// <summary>How the embedded default ends: three stories that the model wrote, and what the grammar says of many more.</summary>
internal static class StoryEnding
{
    private const int ShownCount = 3, ExaminedCount = 40, MaxTokens = 200;

    internal static void Show(RunDirectory directory, ulong seed)
    {
        Generator generator = new(LanguageModel.Load(directory.Model));
        string[] stories = [.. Enumerable.Range(0, ExaminedCount).Select(i => generator.Write("", MaxTokens, new SamplingSettings { Temperature = 0.8, MinP = 0.2, Seed = seed }, (uint)i).Trim())];
        Console.WriteLine();
        foreach (string story in stories.Take(ShownCount)) Console.WriteLine(story + Environment.NewLine);
        StoryReport report = new StoryRecognizer(StoryGrammar.Default).Examine(string.Join('\n', stories) + "\n");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Of {ExaminedCount} stories that the model wrote, {report.GrammaticalCount} of {report.SentenceCount} sentences ({report.GrammaticalShare:P1}) are grammatical by the grammar's own recogniser{(report.FirstFault is null ? "" : $"; the first fault: {report.FirstFault}")}."));
    }
}

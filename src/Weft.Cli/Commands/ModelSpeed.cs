using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Tensors.Threading;

namespace Weft.Cli.Commands;

/// <summary><c>weft bench MODEL</c>: how fast a model reads a prompt and writes on.</summary>
internal static class ModelSpeed
{
    // llama.cpp's llama-bench reads 512 tokens and writes 128; so that figures can be set side by side, so do we.
    private const int PromptTokens = 512, WrittenTokens = 128, Runs = 5;

    /// <summary>Measures a model that has been loaded in so many seconds, and prints the best of some runs.</summary>
    internal static void Run(LanguageModel language, string name, double loadSeconds, bool json, CancellationToken stop)
    {
        Generator generator = new(language);
        SamplingSettings greedy = new() { Temperature = 0 };
        int context = language.Model.Config.ContextLength, prompt = Math.Min(PromptTokens, context / 2), written = Math.Min(WrittenTokens, context - prompt - 1), vocabulary = language.Model.Config.VocabularySize;
        if (written < 1) throw new UsageException($"{name}: a context of {context} tokens leaves nothing to measure.");
        int[] ids = [.. Enumerable.Range(0, prompt).Select(i => (int)(i * 7919L % vocabulary))];
        double reading = double.PositiveInfinity, writing = double.PositiveInfinity;
        for (int run = 0; run <= Runs; run++) // the first one compiles
        {
            stop.ThrowIfCancellationRequested();
            double read = Seconds(() =>
            {
                generator.Start(ids, greedy);
                generator.Next();
            });
            double write = Seconds(() =>
            {
                for (int i = 0; i < written; i++) generator.Next();
            });
            if (run > 0) (reading, writing) = (Math.Min(reading, read), Math.Min(writing, write));
        }
        using Process process = Process.GetCurrentProcess();
        process.Refresh();
        double megabytes = process.WorkingSet64 / 1e6;
        if (json)
        {
            Shared.PrintJson(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("model", name);
                writer.WriteNumber("threads", ForkJoin.ThreadCount);
                writer.WriteNumber("loadSeconds", loadSeconds);
                writer.WriteNumber("promptTokens", prompt);
                writer.WriteNumber("promptTokensPerSecond", prompt / reading);
                writer.WriteNumber("writtenTokens", written);
                writer.WriteNumber("writtenTokensPerSecond", written / writing);
                writer.WriteNumber("residentMegabytes", megabytes);
                writer.WriteEndObject();
            });
            return;
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {language.Model.ParameterCount:N0} parameters, loaded in {loadSeconds:F2} s; {ForkJoin.ThreadCount} thread(s), {megabytes:F0} MB resident"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"A prompt of {prompt} tokens: {reading * 1000:F0} ms, {prompt / reading:F0} tokens/s"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The {written} tokens after it: {writing * 1000 / written:F1} ms each, {written / writing:F0} tokens/s"));
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}

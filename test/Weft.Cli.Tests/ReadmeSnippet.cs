using Weft.Inference;
using Weft.Inference.Sampling;

namespace Weft.Cli.Tests;

/// <summary>The README's snippet, compiled.</summary>
internal static class ReadmeSnippet
{
    internal static void Run()
    {
        LanguageModel language = LanguageModel.Load("runs/my-run/model");
        foreach (string piece in new Generator(language).Stream("Once upon a time", maxTokens: 100, new SamplingSettings { Temperature = 0.8 }))
            Console.Write(piece);
    }
}

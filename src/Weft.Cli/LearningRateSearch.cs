using System.Globalization;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tokenizers;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Optimizers;
using Weft.Training.Runs;
using Weft.Training.Schedules;

namespace Weft.Cli;

/// <summary><c>weft train --find-learning-rate</c>: the range test on a fresh model, which is thrown away.</summary>
internal static class LearningRateSearch
{
    private const double First = 1e-6, Last = 1;
    private const int Steps = 200;

    internal static int Run(TrainingConfig config, Corpus corpus, Tokenizer tokenizer, string page)
    {
        DecoderModel model = new DecoderModel(config.ToDecoderConfig(tokenizer.VocabularySize, tokenizer.EndOfTextId)).Initialize(new RandomGenerator(config.Seed));
        TrainingLoop loop = new(
            model, corpus.Training(config.ContextLength, config.Seed), OptimizerCatalogue.Create(config, model), LearningRateFinder.Rates(First, Last, Steps), config.BatchSize, config.AccumulationSteps, config.ClipNorm);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Range test of {config.Optimizer} on {corpus.Description}: rates from {First:G1} to {Last:G1} in at most {Steps} steps."));
        RateFinding finding = CommandLine.Interruptible(stop => LearningRateFinder.Run(() =>
        {
            StepResult result = loop.Step();
            return (result.LearningRate, result.Loss);
        }, Steps, stop));
        foreach (string line in RateFindingPage.Lines(finding)) Console.WriteLine(line);
        Console.WriteLine(finding.Reason);
        RateFindingPage.Write(page, finding, $"{config.Optimizer} on {corpus.Description}");
        if (!double.IsNaN(finding.Suggestion)) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Try: weft train --set learningRate={finding.Suggestion:G2} --set minimumLearningRate={finding.Suggestion / 10:G2}"));
        Console.WriteLine($"Plot: {page}");
        return double.IsNaN(finding.Suggestion) ? CommandLine.Failed : 0;
    }
}

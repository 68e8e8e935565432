#:project ../src/Weft.Guide
// Training: a small GPT on a text file, or on Weft's own stories, and then a sentence from it.
//
//     dotnet run -c Release examples/train.cs [TEXT] [STEPS]

using Weft.Guide.Stories;
using Weft.Inference;
using Weft.Inference.Sampling;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Runs;

TrainingConfig config = new()
{
    HiddenSize = 64, BlockCount = 2, HeadCount = 4, ContextLength = 64, BatchSize = 16,
    Steps = args.Length > 1 ? int.Parse(args[1]) : 200, EvaluationInterval = 50, SampleInterval = 0, LearningRate = 4e-3, MinimumLearningRate = 4e-4, WarmupSteps = 20,
};
var (corpus, tokenizer) = args.Length > 0 ? TextCorpus.Create(TextFiles.Read(args[0]), config, null, args[0]) : StoryCorpus.Create(config.Seed, config.VocabularySize);

string folder = Path.Combine(Path.GetTempPath(), "weft-example-" + Guid.NewGuid());
using (TrainingRun run = TrainingRun.Create(new RunDirectory(folder), config, corpus, tokenizer))
{
    run.Run(new RunObserver { Measured = (step, loss, best) => Console.WriteLine($"step {step}: held-out loss {loss:F3} nats per token{(best ? ", the best so far" : "")}") });
}

LanguageModel language = LanguageModel.Load(new RunDirectory(folder).Model);
foreach (string piece in new Generator(language).Stream("Once upon a time", maxTokens: 60, new SamplingSettings { Temperature = 0.8, Seed = 1 })) Console.Write(piece);
Console.WriteLine();
Directory.Delete(folder, recursive: true);

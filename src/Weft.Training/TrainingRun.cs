using System.Diagnostics;
using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Tokenizers;
using Weft.Training.Averaging;
using Weft.Training.Data;
using Weft.Training.Objectives;
using Weft.Training.Optimizers;
using Weft.Training.Runs;
using Weft.Training.Schedules;

namespace Weft.Training;

/// <summary>What a run tells those who watch it. Every member may be left out.</summary>
public sealed class RunObserver
{
    /// <summary>After every step: the result and the smoothed tokens per second.</summary>
    public Action<StepResult, double>? Stepped { get; init; }

    /// <summary>After a measurement: steps made, held-out loss, whether it is the best so far.</summary>
    public Action<long, double, bool>? Measured { get; init; }

    /// <summary>When <see cref="TrainingConfig.Minutes"/> has been turned into steps.</summary>
    public Action<long>? StepsDecided { get; init; }

    /// <summary>Writes a sample with the model as it is; what it returns is recorded.</summary>
    public Func<DecoderModel, long, string>? Sample { get; init; }
}

/// <summary>How a run ended.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Completed">Whether it reached its end, rather than being interrupted.</param>
/// <param name="StoppedEarly">Whether it ended because the held-out loss no longer fell.</param>
/// <param name="HeldOutLoss">The best model's loss on all held-out text; NaN if interrupted.</param>
/// <param name="BestStep">After which step that model was taken.</param>
/// <param name="Seconds">Seconds of training, over all sessions.</param>
public sealed record RunOutcome(long Step, bool Completed, bool StoppedEarly, double HeldOutLoss, long BestStep, double Seconds);

/// <summary>A training run in a folder: it can be stopped at any moment and goes on as if it had not been.</summary>
public sealed class TrainingRun : IDisposable
{
    private const int StepsToTime = 20;
    private readonly RunDirectory _directory;
    private readonly Corpus _corpus;
    private readonly IReadOnlyList<ReadOnlyMemory<int>> _heldOut;
    private readonly RandomGenerator _dropoutGenerator;
    private readonly Optimizer _optimizer;
    private readonly WeightAverage? _average;
    private readonly MetricsLog _metrics;
    private readonly TensorBoardWriter _board;
    private TrainingLoop _loop;
    private RunState _state;

    private TrainingRun(RunDirectory directory, TrainingConfig config, Corpus corpus, Tokenizer tokenizer, bool resume)
    {
        (_directory, Config, _corpus, Tokenizer) = (directory, config, corpus, tokenizer);
        Model = new DecoderModel(config.ToDecoderConfig(tokenizer.VocabularySize, tokenizer.EndOfTextId));
        _optimizer = OptimizerCatalogue.Create(config, Model);
        if (config.Averaging != AveragingKind.None) _average = new WeightAverage(Model.Parameters, config.Averaging == AveragingKind.Exponential ? config.AverageDecay : null);
        _dropoutGenerator = new RandomGenerator(config.Seed, stream: 3);
        _heldOut = corpus.HeldOutRows(config.ContextLength);
        TokenBatches batches = CreateBatches();
        if (resume)
        {
            _state = Checkpoint.Load(directory.Checkpoint, Model, _optimizer, _average);
            if (_state.CorpusFingerprint != corpus.Fingerprint) throw new ArgumentException("This run was trained on another text; give the same one to resume it, or start a new run with --out.");
            _dropoutGenerator.Position = _state.DropoutPosition;
        }
        else
        {
            Model.Initialize(new RandomGenerator(config.Seed));
            _state = new RunState { CorpusFingerprint = corpus.Fingerprint };
        }
        _loop = CreateLoop(batches);
        _metrics = resume ? MetricsLog.Resume(directory.Metrics, _state.Step) : MetricsLog.Create(directory.Metrics);
        _board = TensorBoardWriter.Create(directory.Path, resume ? _state.Step : null);
    }

    /// <summary>The settings; steps are filled in once they are known.</summary>
    public TrainingConfig Config { get; private set; }

    /// <summary>The model, as far as it has come.</summary>
    public DecoderModel Model { get; }

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Steps made.</summary>
    public long Step => _loop.StepCount;

    /// <summary>Begins a run in a folder.</summary>
    /// <exception cref="ArgumentException">The settings are not valid, or the text is too short for them.</exception>
    /// <exception cref="IOException">The folder cannot be written, or already holds a run.</exception>
    public static TrainingRun Create(RunDirectory directory, TrainingConfig config, Corpus corpus, Tokenizer tokenizer)
    {
        config.Validate();
        MaskId(config, tokenizer); // before anything is written
        if (directory.Exists) throw new IOException($"{directory.Path} already holds a run: go on with --resume, or choose another folder with --out.");
        directory.Create();
        TrainingRun run = new(directory, config, corpus, tokenizer, resume: false);
        ModelDirectory.SaveConfig(run.Model.Config, directory.Model);
        tokenizer.Save(Path.Combine(directory.Model, "tokenizer.json"));
        ModelDirectory.SaveWeights(run.Model, directory.Model);
        run.SaveCheckpoint();
        AtomicFile.WriteText(directory.Config, ConfigFile.ToJson(config));
        return run;
    }

    /// <summary>Goes on with a run from its last checkpoint.</summary>
    /// <param name="directory">The run's folder.</param>
    /// <param name="config">Its settings, as <see cref="LoadConfig"/> returned them, with the changes that <see cref="CheckChanges"/> allows.</param>
    /// <param name="corpus">The same text as before.</param>
    /// <exception cref="WeftFileException">A file of the run is damaged.</exception>
    public static TrainingRun Resume(RunDirectory directory, TrainingConfig config, Corpus corpus)
    {
        config.Validate();
        TrainingRun run = new(directory, config, corpus, Tokenizer.Load(Path.Combine(directory.Model, "tokenizer.json")), resume: true);
        AtomicFile.WriteText(directory.Config, ConfigFile.ToJson(config));
        return run;
    }

    /// <summary>The settings with which a run was begun.</summary>
    /// <exception cref="FileNotFoundException">There is no run in the folder.</exception>
    public static TrainingConfig LoadConfig(RunDirectory directory) => directory.Exists
        ? ConfigFile.Apply(new TrainingConfig(), directory.Config)
        : throw new FileNotFoundException($"{directory.Path} holds no run to resume.");

    /// <summary>Refuses changes that would make the rest of a run another run.</summary>
    /// <exception cref="ArgumentException">A setting differs that may not; the message names it and both values.</exception>
    public static void CheckChanges(TrainingConfig before, TrainingConfig now)
    {
        string[] allowed = ["steps", "minutes", "logInterval", "evaluationInterval", "evaluationRows", "patience", "sampleInterval", "sampleTokens", "checkpointInterval"];
        foreach ((string key, string first, string second) in ConfigFile.Differences(before, now))
            if (!allowed.Contains(key)) throw new ArgumentException($"{key} was {first} in this run and cannot become {second} on the way; leave it, or start a new run with --out.");
    }

    /// <summary>Trains to the end, or until cancelled; then saves a checkpoint either way.</summary>
    /// <exception cref="IOException">Something could not be written; the last checkpoint is whole.</exception>
    /// <exception cref="ArithmeticException">The loss is no longer a number; the last checkpoint is from before.</exception>
    public RunOutcome Run(RunObserver? observer = null, CancellationToken cancellation = default)
    {
        double before = _state.Seconds, windowSeconds = 0, windowLoss = 0;
        long windowTokens = 0, windowSteps = 0;
        bool stoppedEarly = false;
        Stopwatch clock = Stopwatch.StartNew();
        while (!IsDone(clock, before))
        {
            if (cancellation.IsCancellationRequested)
            {
                SaveCheckpoint(before + clock.Elapsed.TotalSeconds);
                return new RunOutcome(Step, Completed: false, StoppedEarly: false, double.NaN, _state.BestStep, _state.Seconds);
            }
            long began = Stopwatch.GetTimestamp();
            StepResult result = _loop.Step();
            if (_average is not null && Step > Config.AverageStart && (Step - Config.AverageStart) % Config.AverageInterval == 0) _average.Update();
            windowSeconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
            (windowTokens, windowLoss, windowSteps) = (windowTokens + result.Tokens, windowLoss + result.Loss, windowSteps + 1);
            observer?.Stepped?.Invoke(result, windowTokens / windowSeconds);

            bool last = Config.Steps > 0 && Step >= Config.Steps;
            if (Step % Config.LogInterval == 0 || last)
            {
                MetricPoint point = new()
                {
                    Step = Step, Tokens = Step * result.Tokens, Loss = windowLoss / windowSteps, LearningRate = result.LearningRate,
                    GradientNorm = result.GradientNorm, TokensPerSecond = windowTokens / windowSeconds, Seconds = before + clock.Elapsed.TotalSeconds,
                };
                _metrics.Append(point);
                _board.Add(point);
                (windowSeconds, windowTokens, windowLoss, windowSteps) = (0, 0, 0, 0);
            }
            if (Config.Steps == 0 && Step >= StepsToTime) DecideSteps(clock.Elapsed.TotalSeconds + before, observer);
            if (Step % Config.EvaluationInterval == 0 && !last) Measure(observer);
            if (Config.SampleInterval > 0 && Step % Config.SampleInterval == 0 && !last) TakeSample(observer);
            if (Step % Config.CheckpointInterval == 0 && !last) SaveCheckpoint(before + clock.Elapsed.TotalSeconds);
            if (Config.Patience > 0 && _state.MeasurementsSinceBest >= Config.Patience)
            {
                stoppedEarly = true;
                break;
            }
        }
        Measure(observer);
        TakeSample(observer);
        SaveCheckpoint(before + clock.Elapsed.TotalSeconds);
        double loss = MeasureBest();
        return new RunOutcome(Step, Completed: true, stoppedEarly, loss, _state.BestStep, _state.Seconds);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _metrics.Dispose();
        _board.Dispose();
    }

    private bool IsDone(Stopwatch clock, double before) =>
        (Config.Steps > 0 && Step >= Config.Steps)
        || (Config.Patience > 0 && _state.MeasurementsSinceBest >= Config.Patience)
        || (Config.Steps == 0 && before + clock.Elapsed.TotalSeconds > Config.Minutes * 60 && Step > StepsToTime);

    private TokenBatches CreateBatches()
    {
        TokenBatches batches = _corpus.Training(Config.ContextLength, Config.Seed);
        if (Config.TokenMask == 0 && Config.SpanMask == 0) return batches;
        return new CorruptedBatches(batches, new TokenCorruption(Config.TokenMask, Config.SpanMask, Config.SpanLength, MaskId(Config, Tokenizer)), Tokenizer.VocabularySize, Config.Seed);
    }

    private static int? MaskId(TrainingConfig config, Tokenizer tokenizer) => config.MaskToken.Length == 0 ? null
        : tokenizer.TokenId(config.MaskToken) ?? throw new ArgumentException($"maskToken '{config.MaskToken}' is not a token of this vocabulary; leave it empty for random tokens.");

    private TrainingLoop CreateLoop(TokenBatches batches)
    {
        NoiseRates rates = Config.ToNoiseRates();
        TrainingNoise? noise = rates.Any || Config.MixupAlpha > 0 ? new TrainingNoise(rates, Config.BlockCount, _dropoutGenerator) : null;
        RegularizedObjective? objective = Config.LabelSmoothing > 0 || Config.MixupAlpha > 0 || Config.RDropWeight > 0
            ? new RegularizedObjective(Config.LabelSmoothing, Config.MixupAlpha, Config.RDropWeight, noise)
            : null;
        return new TrainingLoop(
            Model, batches, _optimizer, CreateSchedule(), Config.BatchSize, Config.AccumulationSteps, Config.ClipNorm,
            new ForwardSettings { Dropout = noise, CheckpointActivations = Config.CheckpointActivations }, objective, Config.Precision)
        {
            StepCount = _state.Step,
            Treatment = new GradientTreatment { ClipValue = Config.ClipValue, AdaptiveClip = Config.AdaptiveClip, Noise = Config.GradientNoise, Generator = new RandomGenerator(Config.Seed, stream: 11) },
        };
    }

    private LearningRateSchedule CreateSchedule()
    {
        if (Config.Schedule.Length > 0) return ScheduleText.Parse(Config.Schedule, Config.LearningRate, Config.Steps);
        // Until the number of steps is known, the rate stays on the rise: at least for the steps that are timed.
        long steps = Config.Steps == 0 ? long.MaxValue : Config.Steps;
        long decay = Config.DecaySteps > 0 ? Config.DecaySteps : steps, warmup = Config.Minutes > 0 ? Math.Max(Config.WarmupSteps, StepsToTime) : Config.WarmupSteps;
        return new WarmupCosine(Config.LearningRate, Config.MinimumLearningRate, Math.Min(warmup, decay), decay);
    }

    private void DecideSteps(double seconds, RunObserver? observer)
    {
        long steps = Math.Max(Step + 1, (long)(Step * Config.Minutes * 60 / seconds));
        Config = Config with { Steps = steps };
        AtomicFile.WriteText(_directory.Config, ConfigFile.ToJson(Config));
        _state = _state with { Step = Step };
        _loop = CreateLoop(CreateBatches());
        observer?.StepsDecided?.Invoke(steps);
    }

    // Measures and saves with the weights that are to be used, where those are not the ones that are trained.
    private void Measure(RunObserver? observer)
    {
        ShowAverage();
        MeasureShown(observer);
        ShowTrained();
    }

    private void ShowAverage()
    {
        (_optimizer as IShowsAverage)?.ShowAverage();
        _average?.Swap();
    }

    private void ShowTrained()
    {
        if (_average is { IsSwapped: true }) _average.Swap();
        (_optimizer as IShowsAverage)?.ShowTrained();
    }

    private void MeasureShown(RunObserver? observer)
    {
        double loss = HeldOutLoss.Measure(Model, _heldOut, Config.BatchSize, Config.EvaluationRows);
        bool best = loss < _state.BestLoss;
        _state = best
            ? _state with { BestLoss = loss, BestStep = Step, MeasurementsSinceBest = 0 }
            : _state with { MeasurementsSinceBest = _state.MeasurementsSinceBest + 1 };
        MetricPoint point = new() { Step = Step, ValidationLoss = loss };
        _metrics.Append(point);
        _board.Add(point);
        if (best) ModelDirectory.SaveWeights(Model, _directory.Model);
        observer?.Measured?.Invoke(Step, loss, best);
    }

    private double MeasureBest()
    {
        ShowAverage();
        DecoderModel best = _state.BestStep == Step ? Model : ModelDirectory.Load(_directory.Model);
        double loss = HeldOutLoss.Measure(best, _heldOut, Config.BatchSize);
        ShowTrained();
        return loss;
    }

    private void TakeSample(RunObserver? observer)
    {
        ShowAverage();
        string? text = observer?.Sample?.Invoke(Model, Step);
        ShowTrained();
        if (text is null) return;
        SampleLog.Append(_directory.Samples, new RunSample(Step, "", text));
        _board.AddText("sample", Step, text);
    }

    private void SaveCheckpoint(double seconds = 0)
    {
        _state = _state with { Step = Step, DropoutPosition = _dropoutGenerator.Position, Seconds = seconds };
        Checkpoint.Save(_directory.Checkpoint, Model, _optimizer, _state, _average);
        _metrics.Flush();
        _board.Flush();

        // The lines of the log are the only garbage of a run, some kilobytes each. Left alone, they would lie in memory until they
        // fill the youngest generation, which is as large as the last-level cache: hundreds of megabytes on a server.
        GC.Collect(0);
    }
}

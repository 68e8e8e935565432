using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Threading;
using Weft.Tokenizers;
using Weft.Training.Data;
using Weft.Training.Objectives;
using Weft.Training.Runs;

namespace Weft.Training.Tests;

public sealed class RegularizationTests
{
    // ---- Noise ----------------------------------------------------------------------------------------------------------

    [Fact]
    public void Apply_EachSite_IsDisturbedAtItsOwnRate()
    {
        Tensor ones = Tensor.Ones([64, 32, 32]);
        double Dropped(NoiseRates rates, string site) => new TrainingNoise(rates, 4, new RandomGenerator(1)).Apply(ones, site).ToArray<float>().Count(static v => v == 0) / (double)ones.Count;
        // 65,536 draws have a deviation below 0.002, 2,048 (channels of rows) below 0.012, 64 (rows) below 0.07.
        NoiseRates elements = new() { Embedding = 0.1, Attention = 0.2, Residual = 0.3 };
        Assert.Equal(0.1, Dropped(elements, "embedding"), 0.006);
        Assert.Equal(0.2, Dropped(elements, "blocks.2.attention.pattern"), 0.006);
        Assert.Equal(0.3, Dropped(elements, "blocks.2.attention.result"), 0.006);
        Assert.Equal(0.3, Dropped(elements, "blocks.0.feed_forward.result"), 0.006);
        Assert.Equal(0.4, Dropped(new NoiseRates { Spatial = 0.4 }, "embedding"), 0.036);
        Assert.Equal(0.5, Dropped(new NoiseRates { Path = 0.5 }, "blocks.3.attention.result"), 0.19); // the last of four blocks
        Assert.Equal(0.125, Dropped(new NoiseRates { Path = 0.5 }, "blocks.0.feed_forward.result"), 0.13); // a quarter of it
        Assert.Equal(0, Dropped(new NoiseRates { Path = 0.5, Spatial = 0.5 }, "blocks.3.attention.pattern"));
    }

    [Fact]
    public void Apply_EmbeddingNoise_HasTheMagnitudeOfItsPaper()
    {
        // NEFTune: uniform in ±α / sqrt(T C) = ±10 / sqrt(25 · 16) = ±0.5.
        float[] noise = new TrainingNoise(new NoiseRates { EmbeddingNoise = 10 }, 1, new RandomGenerator(1)).Apply(Tensor.Zeros([8, 25, 16]), "embedding").ToArray<float>();
        Assert.InRange(noise.Max(), 0.49f, 0.5f);
        Assert.InRange(noise.Min(), -0.5f, -0.49f);
    }

    [Fact]
    public void TouchesAttention_WithoutAttentionDropout_LeavesTheFusedPath()
    {
        Assert.False(new TrainingNoise(new NoiseRates { Residual = 0.1 }, 1, new RandomGenerator(1)).TouchesAttention);
        Assert.True(new TrainingNoise(new NoiseRates { Attention = 0.1 }, 1, new RandomGenerator(1)).TouchesAttention);
    }

    // ---- Objective ------------------------------------------------------------------------------------------------------

    [Fact]
    public void Loss_OfRDrop_IsTheMeanLossAndHalfTheMeanDivergence()
    {
        DecoderModel model = Model();
        TokenBatch batch = Batch(model);
        NoiseRates rates = new() { Residual = 0.3 };
        TrainingNoise noise = new(rates, 2, new RandomGenerator(9));
        double loss = new RegularizedObjective(0, 0, agreementWeight: 2, noise).Loss(model, batch, new ForwardSettings { Dropout = noise }).Item();

        // The same two passes by hand: ½ (CE₁ + CE₂) + α/4 Σ (p - q)(ln p - ln q).
        ForwardSettings again = new() { Dropout = new TrainingNoise(rates, 2, new RandomGenerator(9)) };
        double[] p = Softmax(model.Forward(batch.Inputs, again)), q = Softmax(model.Forward(batch.Inputs, again));
        int[] targets = batch.Targets.ToArray<int>();
        double expected = 0;
        int counted = 0, V = model.Config.VocabularySize;
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] == TokenBatch.Ignored) continue;
            counted++;
            expected += -0.5 * (Math.Log(p[i * V + targets[i]]) + Math.Log(q[i * V + targets[i]]));
            for (int v = i * V; v < i * V + V; v++) expected += 2 / 4.0 * (p[v] - q[v]) * (Math.Log(p[v]) - Math.Log(q[v]));
        }
        Assert.NotEqual(targets.Length, counted);
        Assert.Equal(expected / counted, loss, 1e-5); // float32 logits
    }

    [Fact]
    public void Loss_OfMixup_IsTheMixedLossOfMixedRows()
    {
        DecoderModel model = Model();
        TokenBatch batch = Batch(model);
        TrainingNoise noise = new(new NoiseRates(), 2, new RandomGenerator(4));
        double loss = new RegularizedObjective(0, mixupAlpha: 0.4, 0, noise).Loss(model, batch, new ForwardSettings { Dropout = noise }).Item();
        Assert.Equal(1, noise.OwnShare); // the next pass is not mixed

        double own = BetaDistribution.Draw(new RandomGenerator(4), 0.4, 0.4);
        TrainingNoise byHand = new(new NoiseRates(), 2, new RandomGenerator(0)) { OwnShare = own };
        Tensor logits = model.Forward(batch.Inputs, new ForwardSettings { Dropout = byHand }).Flatten(0, 1);
        int B = batch.BatchSize, T = batch.Length;
        int[] targets = batch.Targets.ToArray<int>();
        int[] before = [.. Enumerable.Range(0, targets.Length).Select(i => targets[(i / T + B - 1) % B * T + i % T])];
        double expected = own * logits.CrossEntropy(Tensor.From(targets)).Item() + (1 - own) * logits.CrossEntropy(Tensor.From(before)).Item();
        Assert.Equal(expected, loss, 1e-6);
    }

    [Fact]
    public void RegularizedObjective_OfAModelWithExperts_AddsTheirBalance()
    {
        DecoderConfig config = new()
        {
            VocabularySize = 11, ContextLength = 12, HiddenSize = 8, BlockCount = 2, HeadCount = 2,
            Experts = new ExpertsConfig { Count = 4, ChosenCount = 2, FeedForwardSize = 8, TrainsBalance = true, BalanceWeight = 0.5 },
        };
        DecoderModel model = new DecoderModel(config, DType.Float64).Initialize(new RandomGenerator(3));
        TokenBatch batch = Batch(model);
        double plain = model.Loss(batch.Inputs, batch.Targets).Item(), both = NextTokenObjective.Loss(model, batch).Item();
        Assert.True(both > plain + 0.5); // K · weight = 1 where all are equally busy
        Assert.Equal(both, new RegularizedObjective(0, 0, 0, null).Loss(model, batch).Item(), 1e-12);
    }

    [Fact]
    public void RegularizedObjective_WithoutWhatItNeeds_IsRefused()
    {
        TrainingNoise none = new(new NoiseRates(), 1, new RandomGenerator(1)), some = new(new NoiseRates { Residual = 0.1 }, 1, new RandomGenerator(1));
        Assert.Throws<ArgumentException>(() => new RegularizedObjective(1, 0, 0, null));
        Assert.Throws<ArgumentException>(() => new RegularizedObjective(0, 0.2, 0, null));
        Assert.Throws<ArgumentException>(() => new RegularizedObjective(0, 0, 1, none));
        Assert.Throws<ArgumentException>(() => new RegularizedObjective(0, 0.2, 1, some));
    }

    [Theory]
    [InlineData(0.2, 0.2)]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    [InlineData(0.01, 0.01)]
    public void Draw_FromABeta_HasItsMeanAndVariance(double a, double b)
    {
        // Mean a / (a + b), variance a b / ((a + b)² (a + b + 1)); of 20,000 draws the mean is good to sqrt(variance / n).
        const int N = 20_000;
        RandomGenerator generator = new(2);
        double[] draws = [.. Enumerable.Range(0, N).Select(_ => BetaDistribution.Draw(generator, a, b))];
        Assert.All(draws, static d => Assert.InRange(d, 0, 1));
        double mean = a / (a + b), variance = a * b / ((a + b) * (a + b) * (a + b + 1));
        Assert.Equal(mean, draws.Average(), 3.5 * Math.Sqrt(variance / N));
        Assert.Equal(variance, draws.Average(d => (d - mean) * (d - mean)), 0.05 * variance + 1e-3);
    }

    // ---- Hidden tokens --------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(0.15, 0, 3)]
    [InlineData(0, 0.15, 3)]
    [InlineData(0, 0.3, 1)]
    public void Fill_CorruptedBatch_HidesItsShareOfInputsAndNoTargets(double tokens, double spans, double length)
    {
        // Token 1 everywhere but the mask 0.
        int[] text = Enumerable.Repeat(1, 600).ToArray();
        CorruptedBatches batches = new(new RandomWindows(text, 128, 1), new TokenCorruption(tokens, spans, length, MaskId: 0), 2, seed: 3);
        TokenBatch batch = new(16, 128);
        int hidden = 0, runs = 0, all = 0;
        for (long step = 0; step < 40; step++)
        {
            batches.Fill(step, batch);
            int[] inputs = batch.Inputs.ToArray<int>();
            Assert.All(batch.Targets.ToArray<int>(), static t => Assert.Equal(1, t));
            all += inputs.Length;
            hidden += inputs.Count(static t => t == 0);
            for (int i = 0; i < inputs.Length; i++) if (inputs[i] == 0 && (i % 128 == 0 || inputs[i - 1] != 0)) runs++;
        }
        // 81,920 tokens in spans of 3 are about 4,000 spans: a share of 0.15 is good to 0.005, three deviations.
        Assert.Equal(tokens + spans, (double)hidden / all, 0.006);
        if (spans > 0 && length > 1) Assert.Equal(length, (double)hidden / runs, 0.15);

        batches.Fill(7, batch);
        int[] once = batch.Inputs.ToArray<int>();
        batches.Fill(8, batch);
        batches.Fill(7, batch);
        Assert.Equal(once, batch.Inputs.ToArray<int>()); // a function of the micro-step alone
    }

    [Fact]
    public void Fill_WithoutAMask_TakesRandomTokens()
    {
        CorruptedBatches batches = new(new RandomWindows(new int[600], 128, 1), new TokenCorruption(0.5, 0, 1, MaskId: null), 50, seed: 3);
        TokenBatch batch = new(16, 128);
        batches.Fill(0, batch);
        Assert.Equal(50, batch.Inputs.ToArray<int>().Distinct().Count());
    }

    // ---- Whole runs -----------------------------------------------------------------------------------------------------

    private static readonly (string Name, string[] Settings)[] s_runs =
    [
        ("all kinds of dropout and noise", ["dropout=0.1", "attentionDropout=0.2", "embeddingDropout=0", "residualDropout=0.05", "spatialDropout=0.1", "pathDropout=0.2", "embeddingNoise=5", "labelSmoothing=0.1", "tokenMask=0.1", "spanMask=0.1", "maskToken=x"]),
        ("mixup", ["mixupAlpha=0.3", "labelSmoothing=0.05", "tokenMask=0.1"]),
        ("R-Drop", ["dropout=0.1", "rDropWeight=1"]),
        ("altered copies", ["augmentCopies=2", "swapRate=0.3", "deletionRate=0.2"]),
    ];

    public static TheoryData<string> RunNames => [.. s_runs.Select(static r => r.Name)];

    [Theory]
    [MemberData(nameof(RunNames))]
    public void Run_WithRegularization_ResumedOrOnOtherThreads_GivesTheSameBits(string name)
    {
        TrainingConfig config = ConfigFile.Apply(new TrainingConfig
        {
            Tokenizer = "character", ContextLength = 16, HiddenSize = 16, BlockCount = 2, HeadCount = 2, BatchSize = 3, AccumulationSteps = 2, Steps = 10, WarmupSteps = 2, DecaySteps = 10,
            EvaluationInterval = 100, SampleInterval = 0, CheckpointInterval = 100, LogInterval = 5,
        }, s_runs.Single(r => r.Name == name).Settings);
        config.Validate();
        float[] whole = Weights(config, 10);
        Assert.All(whole, static w => Assert.True(float.IsFinite(w)));
        Assert.Equal(whole, Weights(config, 4, 10));
        int threads = ForkJoin.ThreadCount;
        try
        {
            ForkJoin.ThreadCount = 3;
            Assert.Equal(whole, Weights(config, 10));
        }
        finally
        {
            ForkJoin.ThreadCount = threads;
        }
        // The settings do something: without them the weights are others.
        TrainingConfig plain = new() { Tokenizer = "character", ContextLength = 16, HiddenSize = 16, BlockCount = 2, HeadCount = 2, BatchSize = 3, AccumulationSteps = 2, Steps = 10, WarmupSteps = 2, DecaySteps = 10, EvaluationInterval = 100, SampleInterval = 0, CheckpointInterval = 100, LogInterval = 5 };
        Assert.NotEqual(whole, Weights(plain, 10));
    }

    [Theory]
    [InlineData("rDropWeight=1", "rDropWeight 1 needs dropout")]
    [InlineData("pathDropout=1", "pathDropout 1 must be at least 0 and below 1")]
    [InlineData("attentionDropout=often", "attentionDropout cannot be 'often': it must be a number")]
    [InlineData("maskToken=x", "maskToken x needs tokenMask or spanMask")]
    [InlineData("synonymFile=x", "synonymFile x needs augmentCopies")]
    [InlineData("spanLength=0.5", "spanLength 0.5 must be at least 1")]
    public void Validate_SettingsThatDoNotFit_SaysWhich(string setting, string says)
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => ConfigFile.Apply(new TrainingConfig(), [setting]).Validate());
        Assert.StartsWith(says, exception.Message, StringComparison.Ordinal);
    }

    // Trains up to each of the given steps in turn, each time from the checkpoint of the one before.
    private static float[] Weights(TrainingConfig config, params long[] stops)
    {
        string text = string.Concat(Enumerable.Range(0, 60).Select(static i => $"the {(i % 3 == 0 ? "cat" : "fox")} number {i % 7} sat on the mat.\n"));
        string folder = Directory.CreateTempSubdirectory("weft-regularization-").FullName;
        try
        {
            RunDirectory directory = new(folder);
            (Corpus corpus, Tokenizer tokenizer) = TextCorpus.Create(text, config, null, "text");
            float[] weights = [];
            for (int i = 0; i < stops.Length; i++)
            {
                TrainingConfig part = config with { Steps = stops[i] };
                using TrainingRun run = i == 0 ? TrainingRun.Create(directory, part, corpus, tokenizer) : TrainingRun.Resume(directory, part, corpus);
                run.Run();
                weights = [.. run.Model.Parameters.SelectMany(static p => p.ToArray<float>())];
            }
            return weights;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static DecoderModel Model() =>
        new DecoderModel(new DecoderConfig { VocabularySize = 11, ContextLength = 12, HiddenSize = 16, BlockCount = 2, HeadCount = 2, InitializerRange = 0.3 }).Initialize(new RandomGenerator(1));

    private static TokenBatch Batch(DecoderModel model)
    {
        RandomGenerator generator = new(7);
        TokenBatch batch = new(3, model.Config.ContextLength);
        for (int b = 0; b < 3; b++) batch.SetRow(b, [.. Enumerable.Range(0, 8 + b).Select(_ => generator.NextInt32(11))]);
        return batch;
    }

    private static double[] Softmax(Tensor logits) => logits.Detach().To(DType.Float64).Softmax().ToArray<double>();
}

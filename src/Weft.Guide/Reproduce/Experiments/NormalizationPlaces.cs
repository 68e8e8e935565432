using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Training.Data;
using Weft.Training.Optimizers;
using Weft.Guide.Stories;
using Weft.Tokenizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Where a transformer normalizes decides whether twelve layers train without a warmup.</summary>
public sealed class NormalizationPlaces : Experiment
{
    private const int Layers = 12, Size = 64, Heads = 4, Context = 32, Batch = 16, Steps = 150, Vocabulary = 512;
    private const double Rate = 3e-3;

    /// <inheritdoc/>
    public override string Name => "pre-norm";

    /// <inheritdoc/>
    public override string Claim => "Twelve transformer layers that normalize before each part learn from the first step at the full rate; the same layers that normalize after it do not.";

    /// <inheritdoc/>
    public override string Source => "Xiong et al. 2020, On layer normalization in the transformer architecture, arXiv:2002.04745, figures 2 and 5.";

    /// <inheritdoc/>
    public override string Procedure => $"Train {Layers} causal layers x {Size} on the embedded stories with Adam at a constant rate of {Rate}, no warmup, {Steps} steps, once with each placement; compare the mean losses of the last 20 steps with that of the tokens' own frequencies.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtLeast("pre-norm, gained over the frequencies' loss", 2, "nats per token", "It has learned what follows what: far below what frequencies alone give."),
        ExpectedFigure.AtMost("post-norm's gain as a share of pre-norm's", 0.25, "", "It has learned little more than which tokens are common; a share of one quarter leaves room for other machines' rounding."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 30;

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        (Corpus corpus, Tokenizer tokenizer) = StoryCorpus.Create(1, Vocabulary);
        int V = tokenizer.VocabularySize;
        TokenBatches batches = corpus.Training(Context, 1);
        double frequencies = FrequencyLoss(batches, V);
        double before = frequencies - Loss(NormalizationPlacement.Before), after = frequencies - Loss(NormalizationPlacement.After);
        return [before, after / before];

        double Loss(NormalizationPlacement placement)
        {
            RandomGenerator generator = new(2);
            Embedding tokens = new("tokens", V, Size), positions = new("positions", Context, Size);
            TransformerEncoderLayer[] layers = [.. Enumerable.Range(0, Layers).Select(l => new TransformerEncoderLayer($"layers.{l}", Size, Heads, 4 * Size, placement: placement).Initialize(generator))];
            LayerNorm norm = new("norm", Size, 1e-5, bias: true);
            Linear head = new("head", Size, V, bias: false);
            generator.FillGaussian(tokens.Weight.Detach(), 0, 1 / Math.Sqrt(Size));
            generator.FillGaussian(positions.Weight.Detach(), 0, 1 / Math.Sqrt(Size));
            generator.FillGaussian(head.Weight.Detach(), 0, 1 / Math.Sqrt(Size));
            Tensor[] parameters = [tokens.Weight, positions.Weight, .. layers.SelectMany(static l => l.Parameters), .. norm.Parameters, head.Weight];
            AdamW optimizer = new([new ParameterGroup(parameters)], 0.9, 0.98, 1e-9); // the betas and epsilon of Vaswani et al. 2017
            TokenBatch batch = new(Batch, Context);
            double last = 0;
            for (int step = 0; step < Steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                batches.Fill(step, batch);
                using MemoryScope scope = MemoryScope.Enter();
                Tensor x = tokens.Forward(batch.Inputs) + positions.Weight;         // [B, T, C]
                foreach (TransformerEncoderLayer layer in layers) x = layer.Forward(x, causal: true);
                // The final norm belongs to the pre-norm form: after the last layer of the other there is one already.
                if (placement == NormalizationPlacement.Before) x = norm.Forward(x);
                Tensor loss = head.Forward(x).Flatten(0, 1).CrossEntropy(batch.Targets.Flatten());
                loss.Backward(releaseActivations: true);
                optimizer.Step(Rate);
                optimizer.ClearGradients();
                if (step >= Steps - 20) last += loss.Item() / 20;
                progress.Report($"norm {(placement == NormalizationPlacement.Before ? "before" : "after")}, step {step + 1} of {Steps}, loss {loss.Item():F3}");
            }
            return last;
        }
    }

    // The entropy of single tokens: what a model loses that knows how common each is and nothing else.
    private static double FrequencyLoss(TokenBatches batches, int vocabularySize)
    {
        double[] counts = new double[vocabularySize];
        TokenBatch batch = new(Batch, Context);
        for (int step = 0; step < Steps; step++)
        {
            batches.Fill(step, batch);
            foreach (int target in batch.Targets.AsSpan<int>()) if (target >= 0) counts[target]++;
        }
        double total = counts.Sum();
        return -counts.Where(static c => c > 0).Sum(c => c / total * Math.Log(c / total));
    }
}

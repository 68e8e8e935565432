using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Training.Data;

namespace Weft.Training.Objectives;

/// <summary>Learning to predict each next token, made harder so that what is learned is general.</summary>
/// <remarks>
/// With label smoothing s, targets are (1 - s) on the token and s / V on every one (Szegedy et al. 2015, arXiv:1512.00567, section 7).
/// With mixup, embeddings are mixed with those of the row before by λ ~ Beta(α, α), and so are the losses of both rows' targets
/// (Zhang et al. 2018, arXiv:1710.09412; on embeddings as Guo et al. 2019, arXiv:1905.08941).
/// With R-Drop, two passes with different dropout must agree: (CE₁ + CE₂) / 2 + α (KL(p₁‖p₂) + KL(p₂‖p₁)) / 4, which is half of
/// Liang et al. 2021, arXiv:2106.14448, eq. 4, so that α = 0 is the plain loss.
/// </remarks>
public sealed class RegularizedObjective
{
    private readonly double _labelSmoothing, _mixupAlpha, _agreementWeight;
    private readonly TrainingNoise? _noise;

    /// <summary>Says what is added to the plain loss.</summary>
    /// <param name="labelSmoothing">s, in [0, 1).</param>
    /// <param name="mixupAlpha">α of mixup; 0 mixes nothing.</param>
    /// <param name="agreementWeight">α of R-Drop; 0 makes one pass.</param>
    /// <param name="noise">What the forward passes are given as dropout; mixup and R-Drop need it.</param>
    /// <exception cref="ArgumentException">Mixup or R-Drop lack the noise they need, or both are asked for.</exception>
    public RegularizedObjective(double labelSmoothing, double mixupAlpha, double agreementWeight, TrainingNoise? noise)
    {
        if (labelSmoothing is not (>= 0 and < 1)) throw new ArgumentException($"RegularizedObjective: label smoothing {labelSmoothing} must be in [0, 1).");
        if (mixupAlpha > 0 && noise is null) throw new ArgumentException("RegularizedObjective: mixup needs the noise that mixes.");
        if (agreementWeight > 0 && noise is not { IsRandom: true }) throw new ArgumentException("RegularizedObjective: R-Drop needs dropout: without it both passes are the same.");
        if (mixupAlpha > 0 && agreementWeight > 0) throw new ArgumentException("RegularizedObjective: mixup and R-Drop exclude each other.");
        (_labelSmoothing, _mixupAlpha, _agreementWeight, _noise) = (labelSmoothing, mixupAlpha, agreementWeight, noise);
    }

    /// <summary>The loss on a batch, a single number that can be differentiated; for a model that asks for it with the loss that keeps its experts equally busy.</summary>
    public Tensor Loss(DecoderModel model, TokenBatch batch, ForwardSettings? settings = null)
    {
        if (model.Config.Experts is not { TrainsBalance: true } experts) return Prediction(model, batch, settings);
        ForwardSettings collecting = NextTokenObjective.WithRouterLogits(settings);
        return Prediction(model, batch, collecting) + NextTokenObjective.Balance(collecting, experts);
    }

    private Tensor Prediction(DecoderModel model, TokenBatch batch, ForwardSettings? settings)
    {
        Tensor targets = batch.Targets.Flatten();                                   // [B T]
        if (_mixupAlpha > 0)
        {
            double own = _noise!.OwnShare = BetaDistribution.Draw(_noise.Generator, _mixupAlpha, _mixupAlpha);
            Tensor mixed = Logits(model, batch, settings);
            _noise.OwnShare = 1;
            return CrossEntropy(mixed, targets) * own + CrossEntropy(mixed, TrainingNoise.PreviousRows(batch.Targets).Flatten()) * (1 - own);
        }
        Tensor first = Logits(model, batch, settings);                              // [B T, V]
        Tensor loss = CrossEntropy(first, targets);
        if (_agreementWeight == 0) return loss;
        Tensor second = Logits(model, batch, settings);
        return (loss + CrossEntropy(second, targets)) * 0.5 + Disagreement(first, second, targets) * (_agreementWeight / 4);
    }

    /// <summary>KL(p‖q) + KL(q‖p) of two predictions, the mean over the counted positions: Σ (p - q) (ln p - ln q).</summary>
    /// <remarks>Shapes: logits [N, V], targets [N] -> [].</remarks>
    public static Tensor Disagreement(Tensor first, Tensor second, Tensor targets)
    {
        Tensor p = first.LogSoftmax(), q = second.LogSoftmax();                     // [N, V]
        Tensor each = ((p.Exp() - q.Exp()) * (p - q)).Sum(-1);                      // [N]
        Tensor counted = targets.NotEqual(TokenBatch.Ignored).To(each.DType);       // [N]
        return (each * counted).Sum() / counted.Sum();
    }

    private static Tensor Logits(DecoderModel model, TokenBatch batch, ForwardSettings? settings) => model.Forward(batch.Inputs, settings).Flatten(0, 1);

    private Tensor CrossEntropy(Tensor logits, Tensor targets) => logits.CrossEntropy(targets, ignoreIndex: TokenBatch.Ignored, labelSmoothing: _labelSmoothing);
}

/// <summary>Draws from a beta distribution.</summary>
public static class BetaDistribution
{
    /// <summary>A number in [0, 1] with density proportional to x^(a - 1) (1 - x)^(b - 1): the share of one gamma number in two.</summary>
    public static double Draw(RandomGenerator generator, double a, double b)
    {
        if (!(a > 0 && b > 0)) throw new ArgumentException($"BetaDistribution: {a} and {b} must be positive.");
        double x = LogGamma(generator, a), y = LogGamma(generator, b), highest = Math.Max(x, y);
        return Math.Exp(x - highest) / (Math.Exp(x - highest) + Math.Exp(y - highest)); // logarithms: for small shapes both numbers may be 0 in double
    }

    // Marsaglia and Tsang 2000 for shapes of at least 1; below, a number of shape + 1 times U^(1 / shape). Its normal numbers are made
    // on the spot, since a spare one would be lost where the generator's position is restored.
    private static double LogGamma(RandomGenerator generator, double shape)
    {
        if (shape < 1) return LogGamma(generator, shape + 1) + Math.Log(1 - generator.NextDouble()) / shape;
        double d = shape - 1.0 / 3, c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - generator.NextDouble())) * Math.Cos(2 * Math.PI * generator.NextDouble()), root = 1 + c * normal, uniform = 1 - generator.NextDouble();
            if (root > 0 && Math.Log(uniform) < 0.5 * normal * normal + d - d * root * root * root + d * Math.Log(root * root * root)) return Math.Log(d) + 3 * Math.Log(root);
        }
    }
}
